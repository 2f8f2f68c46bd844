// The text of a secret. Importing this file puts the interface `secrets-reveal` among the component's imports.

import { reveal as revealHandle } from "#host/secrets-reveal";

import { calling, handleOf } from "./lib/secrets.js";

export function reveal(secret) {
  return calling(() => revealHandle(handleOf(secret)));
}
