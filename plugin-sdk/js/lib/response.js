// A whole answer.

import { BlockFailure, codes } from "./failure.js";

/** How much of an unreadable body goes into an error. */
const EXCERPT_CHARS = 200;

/** What an error status usually means: code, and whether another attempt may help. */
const MEANINGS = {
  401: [codes.UNAUTHORIZED, false],
  402: [codes.QUOTA_EXCEEDED, false],
  403: [codes.FORBIDDEN, false],
  404: [codes.NOT_FOUND, false],
  408: [codes.UPSTREAM_TIMEOUT, true],
  409: [codes.CONFLICT, false],
  410: [codes.NOT_FOUND, false],
  413: [codes.TOO_LARGE, false],
  429: [codes.RATE_LIMITED, true],
  504: [codes.UPSTREAM_TIMEOUT, true],
  524: [codes.UPSTREAM_TIMEOUT, true],
};

export class HttpResponse {
  #body;

  constructor(status, headers, body) {
    this.status = status;
    this.headers = headers;
    this.#body = body;
  }

  /** Of the record `response` of the WIT contract. */
  static fromRecord({ status, headers, body }) {
    const joined = Object.create(null);
    for (const { name, value } of headers) {
      const key = name.toLowerCase();
      joined[key] = key in joined ? `${joined[key]}, ${value}` : value;
    }
    return new HttpResponse(status, joined, body);
  }

  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  header(name) {
    return this.headers[name.toLowerCase()];
  }

  bytes() {
    return this.#body;
  }

  text() {
    return new TextDecoder().decode(this.#body);
  }

  json() {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      throw this.unexpected(`the answer is no JSON: ${error.message}`);
    }
  }

  get retryAfterMs() {
    const value = this.header("retry-after") ?? "";
    const exact = number(this.header("retry-after-ms"), 1) ?? number(value, 1000);
    // `Date.parse` makes dates of other things too, such as `-3`.
    if (exact !== undefined || !/^\s*[A-Z][a-z]{2}/.test(value)) return exact;
    const wait = Date.parse(value) - Date.parse(this.header("date"));
    return Number.isNaN(wait) ? undefined : Math.max(0, wait);
  }

  ensureOk() {
    if (this.ok) return this;
    throw this.failure();
  }

  failure(message = this.excerpt()) {
    const { status, retryAfterMs } = this;
    const [code, retry] = MEANINGS[status] ?? general(status);
    const words = message === "" ? `HTTP status ${status}` : message;
    const options = { retry, retryAfterMs: retry ? retryAfterMs : undefined, details: { status } };
    return new BlockFailure(code, words, options);
  }

  unexpected(message) {
    const details = { status: this.status, body: this.excerpt() };
    return new BlockFailure(codes.UNEXPECTED_RESPONSE, message, { details });
  }

  excerpt() {
    const characters = [...this.text().trim().replace(/\s+/g, " ")];
    return characters.length <= EXCERPT_CHARS
      ? characters.join("")
      : `${characters.slice(0, EXCERPT_CHARS).join("")}…`;
  }
}

function general(status) {
  if (status >= 400 && status < 500) return [codes.INVALID_REQUEST, false];
  if (status >= 500 && status < 600) return [codes.UPSTREAM, true];
  return [codes.UNEXPECTED_RESPONSE, false];
}

/** Digits, possibly with a fraction, in units of `scale` milliseconds; whole ones, and no more than count exactly. */
function number(text, scale) {
  if (text === undefined || !/^\s*[0-9]+(\.[0-9]+)?\s*$/.test(text)) return undefined;
  return Math.min(Math.ceil(Number(text) * scale), Number.MAX_SAFE_INTEGER);
}
