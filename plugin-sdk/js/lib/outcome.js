// How a call ends when it does not fail.

import { milliseconds } from "./failure.js";

/** Marks what the functions below return, so that no data of an author is taken for it. */
export class Outcome {
  constructor(kind, fields) {
    this.kind = kind;
    Object.assign(this, fields);
  }
}

export function ports(outputs) {
  return done({ outputs });
}

export function done({ outputs, metadata }) {
  if (outputs === null || typeof outputs !== "object" || Array.isArray(outputs)) {
    throw new TypeError("the outputs are to be an object of data by port");
  }
  return new Outcome("done", { outputs, metadata });
}

export function suspend({ afterMs, state = null }) {
  return new Outcome("suspend", { afterMs: milliseconds(afterMs, "afterMs"), state });
}
