// What an author sees of `secrets.js`.

export { Secret, SecretError, get, getOptional } from "./secrets.js";
