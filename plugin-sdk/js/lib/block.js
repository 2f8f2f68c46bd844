// The export of a component.

import { BlockFailure, codes, toFailureRecord } from "./failure.js";
import { Outcome, ports } from "./outcome.js";
import { uncaught } from "./uncaught.js";

export function defineBlock({ manifest, execute }) {
  if (typeof execute !== "function") throw new TypeError("a block needs a function `execute`");
  const manifestText = json(manifest, "the manifest");
  const defaultPort = firstPort(manifest.outputs);
  return {
    manifest: () => manifestText,
    async execute(config, input, context) {
      try {
        const late = uncaught();
        const result = execute(parse(config, "config"), parse(input, "input"), parse(context, "context"));
        return outcomeRecord(await Promise.race([result, late]), defaultPort);
      } catch (thrown) {
        throw new WitError(toFailureRecord(thrown));
      }
    },
  };
}

/** A `result<_, failure>` of the component model: the bindings return `payload` as the error. */
class WitError extends Error {
  constructor(payload) {
    super(`${payload.code}: ${payload.message}`);
    this.payload = payload;
  }
}

function firstPort(outputs) {
  return (Array.isArray(outputs) ? outputs : outputs?.also)?.[0]?.port;
}

function parse(text, what) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BlockFailure(codes.INTERNAL, `the ${what} is no JSON: ${error.message}`);
  }
}

function outcomeRecord(result, defaultPort) {
  const outcome = result instanceof Outcome ? result : ports({ [port(result, defaultPort)]: result });
  if (outcome.kind === "suspend") {
    const { afterMs, state } = outcome;
    return { tag: "suspend", val: { afterMs: BigInt(afterMs), state: json(state, "the state") } };
  }
  const fired = Object.entries(outcome.outputs).filter(([, data]) => data !== undefined);
  const emissions = fired.map(([port, data]) => ({ port, data: json(data, `the data of the port \`${port}\``) }));
  const metadata = outcome.metadata === undefined ? undefined : json(outcome.metadata, "the metadata");
  return { tag: "done", val: { emissions, metadata } };
}

function port(result, defaultPort) {
  if (result === undefined) {
    throw new BlockFailure(codes.INTERNAL, "`execute` returned nothing; `ports({})` leaves every port silent");
  }
  if (defaultPort === undefined) {
    throw new BlockFailure(codes.INTERNAL, "the manifest has no default port; return `ports({…})`");
  }
  return defaultPort;
}

function json(value, what) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new BlockFailure(codes.INTERNAL, `${what} cannot be written as JSON: ${error.message}`, { cause: error });
  }
  if (text === undefined) throw new BlockFailure(codes.INTERNAL, `${what} cannot be written as JSON`);
  return text;
}
