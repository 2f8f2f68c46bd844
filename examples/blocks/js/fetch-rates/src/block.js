// @ts-check
// Converts an amount of money with the rates of an HTTP API. It uses the platform's own `fetch`: the secret is a
// placeholder, which the host replaces on the request's way out.

import { BlockFailure, codes, defineBlock, placeholder } from "blockyard-sdk";

import project from "../package.json" with { type: "json" };
import examples from "./examples.json" with { type: "json" };

const API = "https://api.rates.example/v1/latest";

const currency = { description: "By ISO 4217.", type: "string", pattern: "^[A-Z]{3}$" };
const money = {
  type: "object",
  required: ["amount", "currency"],
  properties: { amount: { type: "number" }, currency },
};

/** @type {import("blockyard-sdk").Manifest} */
const manifest = {
  type: "custom.fetch-rates",
  version: project.version,
  name: "Exchange rates",
  description: "Converts an amount of money into another currency.",
  configSchema: { type: "object", additionalProperties: false, required: ["to"], properties: { to: currency } },
  inputSchema: money,
  outputs: [{ port: "output", description: "The amount in the other currency, and its rate.", schema: money }],
  secrets: [{ name: "rates", description: "The key of api.rates.example." }],
  http: [{ host: "api.rates.example", methods: ["GET"], pathPrefix: "/v1", secrets: ["rates"] }],
  stateless: true,
  examples,
};

/**
 * @param {{to: string}} config
 * @param {{amount: number, currency: string}} input
 * @param {import("blockyard-sdk").Context} context
 */
async function execute({ to }, { amount, currency: from }, context) {
  const rate = await rateOf(from, to, placeholder(context, "rates"));
  return { amount: Math.round(amount * rate * 100) / 100, currency: to, rate };
}

/**
 * @param {string} from
 * @param {string} to
 * @param {string} key
 */
async function rateOf(from, to, key) {
  const url = `${API}?${new URLSearchParams({ base: from, symbols: to })}`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } }).catch((error) => {
    throw new BlockFailure(codes.TRANSPORT, `api.rates.example did not answer: ${error.message}`, { retry: true });
  });
  if (!response.ok) {
    const retry = response.status === 429 || response.status >= 500;
    const message = `api.rates.example answered ${response.status}: ${await response.text()}`;
    throw new BlockFailure(codes.UPSTREAM, message, { retry, details: { status: response.status } });
  }
  const { rates } = await response.json();
  const rate = rates?.[to];
  if (typeof rate !== "number") throw new BlockFailure(codes.NOT_FOUND, `there is no rate from ${from} to ${to}`);
  return rate;
}

export const block = defineBlock({ manifest, execute });
