// @ts-check
// Scores leads by weighted rules, and says which rules counted.

import { BlockFailure, defineBlock, done, progress } from "blockyard-sdk";

import project from "../package.json" with { type: "json" };
import examples from "./examples.json" with { type: "json" };
import { configSchema, inputSchema, scoredSchema } from "./schemas.js";
import { explain, points } from "./rules.js";

/**
 * @typedef {object} Config
 * @property {import("./rules.js").Rule[]} rules
 * @property {number} [threshold] the score from which a lead is qualified
 */

const DEFAULT_THRESHOLD = 50;
/** How many leads go by between two reports of progress. */
const PROGRESS_STEP = 500;

/** @type {import("blockyard-sdk").Manifest} */
const manifest = {
  type: "custom.lead-scoring",
  version: project.version,
  name: "Lead scoring",
  description: "Scores a list of leads from 0 to 100 by weighted rules, with an explanation for each.",
  category: "Leads",
  configSchema,
  inputSchema,
  outputs: [
    { port: "qualified", description: "Leads that reach the threshold, the best first.", schema: scoredSchema },
    { port: "rejected", description: "The others, the best first.", schema: scoredSchema },
  ],
  stateless: true,
  examples,
};

/**
 * @param {Config} config
 * @param {Record<string, unknown>[]} leads
 */
function execute({ rules, threshold = DEFAULT_THRESHOLD }, leads) {
  const most = rules.reduce((sum, { weight }) => sum + Math.max(weight, 0), 0);
  if (most === 0) throw BlockFailure.invalidConfig("/rules", "no rule has a weight above 0");
  const scorers = rules.map(scorer);
  const scored = leads.map((lead, index) => {
    if (index % PROGRESS_STEP === 0) progress((index / leads.length) * 100, `${index} of ${leads.length} leads`);
    return score(lead, scorers, most);
  });
  scored.sort((a, b) => b.score - a.score);
  const qualified = scored.filter((lead) => lead.score >= threshold);
  const rejected = scored.filter((lead) => lead.score < threshold);
  return done({ outputs: { qualified, rejected }, metadata: { leads: leads.length, qualified: qualified.length } });
}

/**
 * @typedef {{rule: import("./rules.js").Rule, points: (lead: Record<string, unknown>) => number}} Scorer
 *
 * @param {import("./rules.js").Rule} rule
 * @param {number} index
 * @returns {Scorer}
 */
function scorer(rule, index) {
  try {
    return { rule, points: points(rule) };
  } catch (error) {
    throw BlockFailure.invalidConfig(`/rules/${index}/value`, String(error));
  }
}

/**
 * @param {Record<string, unknown>} lead
 * @param {Scorer[]} scorers
 * @param {number} most the sum of what the rules can give
 */
function score(lead, scorers, most) {
  const counted = scorers
    .map(({ rule, points }) => ({ rule, points: points(lead) }))
    .filter(({ points }) => points !== 0);
  const sum = counted.reduce((sum, { points }) => sum + points, 0);
  return {
    ...lead,
    score: Math.round((Math.min(Math.max(sum, 0), most) / most) * 100),
    reasons: counted.map(({ rule, points }) => explain(rule, points, lead)),
  };
}

export const block = defineBlock({ manifest, execute });
