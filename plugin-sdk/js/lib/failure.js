// What a block answers when it cannot do its work.

/** How many lines of a stack go into the details. */
const STACK_LINES = 50;

export const codes = Object.freeze({
  INVALID_CONFIG: "invalid-config",
  INVALID_INPUT: "invalid-input",
  EXCEPTION: "exception",
  INTERNAL: "internal",
  UNAUTHORIZED: "unauthorized",
  FORBIDDEN: "forbidden",
  QUOTA_EXCEEDED: "quota-exceeded",
  RATE_LIMITED: "rate-limited",
  NOT_FOUND: "not-found",
  CONFLICT: "conflict",
  INVALID_REQUEST: "invalid-request",
  TOO_LARGE: "too-large",
  UPSTREAM: "upstream",
  UPSTREAM_TIMEOUT: "upstream-timeout",
  UNEXPECTED_RESPONSE: "unexpected-response",
  TRANSPORT: "transport",
  DENIED: "denied",
  LIMITED: "limited",
  NOT_RECORDED: "not-recorded",
  SECRET_NOT_GRANTED: "secret-not-granted",
  SECRET_NOT_SET: "secret-not-set",
});

export class BlockFailure extends Error {
  constructor(code, message, { retry = false, retryAfterMs, details, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "BlockFailure";
    this.code = code;
    this.retry = retry || retryAfterMs !== undefined;
    this.retryAfterMs = retryAfterMs === undefined ? undefined : milliseconds(retryAfterMs, "retryAfterMs");
    this.details = details;
  }

  static invalidConfig(pointer, message) {
    return located(codes.INVALID_CONFIG, "config", pointer, message);
  }

  static invalidInput(pointer, message) {
    return located(codes.INVALID_INPUT, "input", pointer, message);
  }
}

function located(code, what, pointer, message) {
  const place = pointer === "" ? "" : ` at ${pointer}`;
  return new BlockFailure(code, `the ${what} is not valid${place}: ${message}`, { details: { pointer } });
}

/** Whole milliseconds from 0, as the WIT contract has them. */
export function milliseconds(value, name) {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new TypeError(`${name} is to be a number of milliseconds, not ${String(value)}`);
  }
  return Math.min(Math.max(Math.ceil(value), 0), Number.MAX_SAFE_INTEGER);
}

/** What was thrown, as the record `failure` of the WIT contract. Nothing thrown here escapes. */
export function toFailureRecord(thrown) {
  if (!(thrown instanceof BlockFailure)) {
    return { code: codes.EXCEPTION, message: text(thrown), retry: undefined, details: JSON.stringify(trace(thrown)) };
  }
  const { code, message, retry, retryAfterMs, details } = thrown;
  return {
    code: text(code),
    message: text(message),
    retry: retry ? { afterMs: retryAfterMs === undefined ? undefined : BigInt(retryAfterMs) } : undefined,
    details: detailsText(details),
  };
}

function detailsText(details) {
  if (details === undefined || details === null) return undefined;
  try {
    return JSON.stringify(details);
  } catch (error) {
    return JSON.stringify({ unreadable: `the details cannot be written as JSON: ${text(error)}` });
  }
}

function text(value) {
  try {
    const shown = String(value);
    return shown === "[object Object]" ? (JSON.stringify(value) ?? shown) : shown;
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function trace(thrown) {
  if (!(thrown instanceof Error)) return {};
  const { name, stack, cause } = thrown;
  const details = { name: text(name), stack: frames(text(stack ?? "")) };
  if (cause !== undefined) details.cause = text(cause);
  return details;
}

/** Without the frames of the generated bindings. */
function frames(stack) {
  const lines = stack.split("\n").filter((line) => line !== "" && !line.includes("/initializer.js:"));
  return lines.slice(0, STACK_LINES).join("\n");
}
