// @ts-check
// Looks up the weather in a city. Replace the API by yours: its host in `http`, its key in `secrets`.

import { BlockFailure, defineBlock, http, log, ports, secret } from "blockyard-sdk";

import project from "../package.json" with { type: "json" };
import examples from "./examples.json" with { type: "json" };

/**
 * How a node is configured; `configSchema` says the same to the host.
 *
 * @typedef {object} Config
 * @property {"celsius" | "fahrenheit"} [unit]
 */

/**
 * What comes over the edges.
 *
 * @typedef {object} Input
 * @property {string} city
 */

/** @type {import("blockyard-sdk").Manifest} */
const manifest = {
  type: "{{type}}",
  version: project.version,
  name: "{{title}}",
  description: "Looks up the weather in a city.",
  configSchema: {
    type: "object",
    additionalProperties: false,
    properties: {
      unit: { description: "Of the temperature.", enum: ["celsius", "fahrenheit"], default: "celsius" },
    },
  },
  inputSchema: {
    type: "object",
    required: ["city"],
    properties: { city: { description: "The city's name.", type: "string", minLength: 1 } },
  },
  outputs: [
    {
      port: "output",
      description: "The weather.",
      schema: {
        type: "object",
        required: ["city", "temperature", "unit"],
        properties: { city: { type: "string" }, temperature: { type: "number" }, unit: { type: "string" } },
      },
    },
    { port: "unknown", description: "The input, if the API does not know the city." },
  ],
  secrets: [{ name: "weather", description: "The key of api.weather.example." }],
  http: [{ host: "api.weather.example", methods: ["GET"], pathPrefix: "/v1", secrets: ["weather"] }],
  stateless: true,
  examples,
};

/**
 * @param {Config} config
 * @param {Input} input
 */
function execute({ unit = "celsius" }, input) {
  const response = http.send({
    url: "https://api.weather.example/v1/current",
    query: { city: input.city },
    credentials: [secret("weather").bearer()],
  });
  if (response.status === 404) {
    log.info("unknown city", { city: input.city });
    return ports({ unknown: input });
  }
  const { celsius } = response.ensureOk().json();
  if (typeof celsius !== "number") throw response.unexpected("the answer has no temperature");
  if (celsius < -273.15) throw new BlockFailure("implausible", `nothing is as cold as ${celsius} °C`);
  return { city: input.city, temperature: unit === "celsius" ? celsius : celsius * 1.8 + 32, unit };
}

export const block = defineBlock({ manifest, execute });
