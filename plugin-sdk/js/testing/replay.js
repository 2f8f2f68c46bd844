// Which recorded exchange answers a request: the rules of the host's mode `test`.

import { isDeepStrictEqual } from "node:util";

/**
 * A request matches an exchange of the same method, path, set of query parameters and body; JSON bodies are compared
 * by what they mean. The host of the URL does not matter, nor do headers. Exchanges that match the same request are
 * served in their order, and the last one repeats.
 */
export class Replay {
  #recorded;

  constructor(exchanges) {
    this.#recorded = exchanges.map((exchange, index) => read(exchange, index));
  }

  /** The recorded response, `undefined` if there is none. */
  answer(method, url, body) {
    const wanted = key(method, url, body ?? new Uint8Array());
    const matching = this.#recorded.filter((recorded) => isDeepStrictEqual(recorded.key, wanted));
    const chosen = matching.find((recorded) => !recorded.served) ?? matching.at(-1);
    if (chosen === undefined) return undefined;
    chosen.served = true;
    return chosen.response;
  }
}

/** The bytes of `body` (JSON, or text as a string) or `bodyBase64`; none are an empty body. */
export function bytesOf({ body, bodyBase64 }) {
  if (bodyBase64 !== undefined) return new Uint8Array(Buffer.from(bodyBase64, "base64"));
  if (body === undefined || body === null) return new Uint8Array();
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}

function read({ request, response }, index) {
  try {
    if (!(response.status >= 100 && response.status <= 599)) throw new Error(`${response.status} is no HTTP status`);
    return { key: key(request.method, request.url, bytesOf(request)), response, served: false };
  } catch (error) {
    throw new Error(`exchange ${index}: ${error.message}`, { cause: error });
  }
}

function key(method, url, body) {
  const { pathname, searchParams } = new URL(url);
  const query = [...searchParams].map((pair) => JSON.stringify(pair)).sort();
  return { method: method.toUpperCase(), path: pathname, query, body: meaning(body) };
}

function meaning(body) {
  const text = Buffer.from(body).toString("latin1");
  try {
    return { json: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) };
  } catch {
    return { text };
  }
}
