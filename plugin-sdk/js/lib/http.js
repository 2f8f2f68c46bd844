// HTTP, checked by the host against what the operator granted before a byte leaves.

import { send as hostSend, sendAll as hostSendAll } from "#host/http";

import { BlockFailure, codes } from "./failure.js";
import { HttpResponse } from "./response.js";
import { Credential, handleOf } from "./secrets.js";

export { HttpResponse };

/** Code of the failure, and whether another attempt may help. */
const KINDS = {
  "invalid-request": [codes.INVALID_REQUEST, false],
  denied: [codes.DENIED, false],
  limited: [codes.LIMITED, true],
  transport: [codes.TRANSPORT, true],
  timeout: [codes.UPSTREAM_TIMEOUT, true],
  "too-large": [codes.TOO_LARGE, false],
  "not-recorded": [codes.NOT_RECORDED, false],
  other: [codes.INTERNAL, false],
};

export class HttpError extends BlockFailure {
  constructor(kind, message) {
    const [code, retry] = KINDS[kind] ?? KINDS.other;
    super(code, message, { retry });
    this.name = "HttpError";
    this.kind = kind;
  }
}

export function send(request) {
  const outgoing = outgoingRecord(request);
  try {
    return HttpResponse.fromRecord(hostSend(outgoing));
  } catch (thrown) {
    if (thrown?.payload?.tag === undefined) throw thrown;
    throw httpError(thrown.payload);
  }
}

export function sendAll(requests) {
  const outgoing = requests.map(outgoingRecord);
  if (outgoing.length === 0) return [];
  return hostSendAll(outgoing).map(({ tag, val }) =>
    tag === "ok"
      ? { status: "fulfilled", value: HttpResponse.fromRecord(val) }
      : { status: "rejected", reason: httpError(val) },
  );
}

function httpError({ tag, val }) {
  if (tag === "timeout") return new HttpError(tag, "no complete answer in time");
  if (tag === "too-large") return new HttpError(tag, `the answer is larger than ${val} bytes`);
  return new HttpError(tag, String(val));
}

function outgoingRecord({ method = "GET", url, headers = {}, query, json, body, credentials = [], timeoutMs }) {
  if (json !== undefined && body !== undefined) throw invalid("a request has `json` or `body`, not both");
  const list = headerRecords(headers);
  if (json !== undefined && !list.some(({ name }) => name.toLowerCase() === "content-type")) {
    list.push({ name: "content-type", value: "application/json" });
  }
  return {
    request: {
      method,
      url: withQuery(String(url), query),
      headers: list,
      body: bodyBytes(json === undefined ? body : JSON.stringify(json)),
      timeoutMs,
    },
    credentials: credentials.map(credentialRecord),
  };
}

function credentialRecord(credential) {
  if (!(credential instanceof Credential)) throw invalid("a credential is made by `secret(name).bearer()`");
  return { secret: handleOf(credential.secret), placement: credential.placement };
}

function headerRecords(headers) {
  const pairs = typeof headers[Symbol.iterator] === "function" ? [...headers] : Object.entries(headers);
  return pairs.filter(([, value]) => value !== undefined).map(([name, value]) => ({ name, value: String(value) }));
}

function bodyBytes(body) {
  if (body === undefined || body === null) return undefined;
  if (typeof body === "string") return new TextEncoder().encode(body);
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  throw invalid("a body is text or bytes; `json` takes other values");
}

function withQuery(url, query = {}) {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value])
      .filter((one) => one !== undefined && one !== null)
      .map((one) => `${encode(name)}=${encode(one)}`),
  );
  if (pairs.length === 0) return url;
  const [base, fragment] = split(url, "#");
  const [, known] = split(base, "?");
  const separator = known === undefined ? "?" : known === "" || known.endsWith("&") ? "" : "&";
  return base + separator + pairs.join("&") + (fragment === undefined ? "" : `#${fragment}`);
}

function split(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** Percent-encodes everything but RFC 3986's unreserved characters. */
function encode(value) {
  const code = (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(String(value)).replace(/[!'()*]/g, code);
}

function invalid(message) {
  return new HttpError("invalid-request", message);
}
