export { defineBlock } from "./lib/block.js";
export { BlockFailure, codes } from "./lib/failure.js";
export { done, ports, suspend } from "./lib/outcome.js";
export { progress } from "./lib/progress.js";
export { get as secret, placeholder } from "./lib/secrets.js";
export * as http from "./lib/http.js";
export * as log from "./lib/log.js";
export * as secrets from "./lib/secrets.api.js";
