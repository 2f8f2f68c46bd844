// Runs before the block. Without a WASI feature its JavaScript function would answer with what was true at build time,
// or end the call without a message; here it says what is missing. `BLOCKYARD_FEATURES` is filled in by the build.

import { watched } from "./uncaught.js";

const features = new Set(BLOCKYARD_FEATURES);

function refuse(what, feature) {
  throw new Error(`${what} needs "${feature}" among the "features" of "blockyard" in package.json`);
}

function refuseAll(object, prefix, names, feature) {
  for (const name of names) {
    const value = () => refuse(`${prefix}${name}()`, feature);
    Object.defineProperty(object, name, { value, configurable: true, writable: true });
  }
}

function dateWithoutNow(NativeDate) {
  const now = () => refuse("The current time", "clocks");
  return new Proxy(NativeDate, {
    apply: now,
    construct: (target, values, derived) => (values.length === 0 ? now() : Reflect.construct(target, values, derived)),
    get: (target, key, receiver) => (key === "now" ? now : Reflect.get(target, key, receiver)),
  });
}

if (!features.has("clocks")) {
  globalThis.Date = dateWithoutNow(Date);
  Date.prototype.constructor = Date;
  refuseAll(globalThis, "", ["setTimeout", "setInterval"], "clocks");
  refuseAll(performance, "performance.", ["now"], "clocks");
} else {
  for (const name of ["setTimeout", "setInterval"]) {
    const native = globalThis[name];
    const value = (callback, ...rest) => native(watched(callback), ...rest);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}
if (!features.has("random")) {
  refuseAll(Math, "Math.", ["random"], "random");
  refuseAll(crypto, "crypto.", ["getRandomValues", "randomUUID"], "random");
}
if (!features.has("http")) refuseAll(globalThis, "", ["fetch"], "http");
