// @ts-check
// What a rule looks for in a lead, and what it says about it.

/**
 * @typedef {object} Rule
 * @property {string} field a member of the lead; dots lead into objects
 * @property {"present" | "equals" | "oneOf" | "contains" | "matches" | "atLeast" | "atMost" | "scale"} test
 * @property {any} [value]
 * @property {number} weight points that it gives; below 0, that it takes
 */

/**
 * What a test makes of a member that is there: from 0, not at all, to 1.
 *
 * @typedef {(found: any) => number} Look
 */

/** @type {Record<Rule["test"], (value: any) => Look>} */
const tests = {
  present: () => (found) => yes(found !== ""),
  equals: (value) => (found) => yes(folded(found) === folded(value)),
  oneOf: (values) => {
    const wanted = new Set(values.map(folded));
    return (found) => yes(wanted.has(folded(found)));
  },
  contains: (value) => (found) => yes(JSON.stringify(found).toLowerCase().includes(value.toLowerCase())),
  matches: (value) => {
    const pattern = new RegExp(value, "iu");
    return (found) => yes(pattern.test(String(found)));
  },
  atLeast: (value) => (found) => yes(Number(found) >= value),
  atMost: (value) => (found) => yes(Number(found) <= value),
  scale: ([from, to]) => (found) => Math.min(Math.max((Number(found) - from) / (to - from), 0), 1) || 0,
};

/**
 * The points that a rule gives a lead. A member that is not there gives none.
 *
 * @param {Rule} rule
 * @returns {(lead: Record<string, unknown>) => number}
 * @throws {SyntaxError} if its regular expression cannot be read
 */
export function points({ field, test, value, weight }) {
  const look = tests[test](value);
  return (lead) => {
    const found = lookup(lead, field);
    return found === undefined || found === null ? 0 : look(found) * weight;
  };
}

/**
 * One sentence for a person.
 *
 * @param {Rule} rule
 * @param {number} points
 * @param {Record<string, unknown>} lead
 */
export function explain({ field, test, value }, points, lead) {
  const wanted = value === undefined ? "" : ` ${JSON.stringify(value)}`;
  const sign = points > 0 ? "+" : "";
  return `${sign}${Number(points.toFixed(1))}: ${field} ${JSON.stringify(lookup(lead, field))} (${test}${wanted})`;
}

/**
 * @param {any} lead
 * @param {string} field
 */
function lookup(lead, field) {
  return field.split(".").reduce((value, name) => (Object.hasOwn(Object(value), name) ? value[name] : undefined), lead);
}

/** @param {unknown} value */
function folded(value) {
  return typeof value === "string" ? value.trim().toLowerCase() : value;
}

/** @param {boolean} holds */
function yes(holds) {
  return holds ? 1 : 0;
}
