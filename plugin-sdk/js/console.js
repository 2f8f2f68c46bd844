// Sends what is written to `console` to the block's log.

import * as log from "./lib/log.js";

const LEVELS = { trace: log.trace, debug: log.debug, log: log.info, info: log.info, warn: log.warn, error: log.error };

for (const [name, write] of Object.entries(LEVELS)) {
  console[name] = (...values) => write(values.map(readable).join(" "));
}

function readable(value) {
  if (value instanceof Error) return value.stack ? `${value}\n${value.stack}` : String(value);
  if (value === null || typeof value !== "object") return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return String(value);
  }
}
