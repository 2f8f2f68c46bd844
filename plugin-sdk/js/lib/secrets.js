// Handles to secrets. A block uses a secret without holding its text: the host writes it into the request.

import { get as getHandle } from "#host/secrets";

import { BlockFailure, codes } from "./failure.js";

/** The host's handle of a secret, for the modules of the SDK. */
export let handleOf;

export class Secret {
  #handle;

  static {
    handleOf = (secret) => secret.#handle;
  }

  constructor(name, handle) {
    this.name = name;
    this.#handle = handle;
  }

  bearer() {
    return new Credential(this, { tag: "bearer" });
  }

  header(name, prefix = "") {
    return new Credential(this, { tag: "header", val: { name, prefix } });
  }

  query(name) {
    return new Credential(this, { tag: "query", val: name });
  }

  basic(user) {
    return new Credential(this, { tag: "basic", val: user });
  }
}

/** A secret and its place in a request. */
export class Credential {
  constructor(secret, placement) {
    this.secret = secret;
    this.placement = placement;
  }
}

const CODES = {
  "not-granted": codes.SECRET_NOT_GRANTED,
  "not-set": codes.SECRET_NOT_SET,
  other: codes.INTERNAL,
};

export class SecretError extends BlockFailure {
  constructor(kind, message) {
    super(CODES[kind] ?? codes.INTERNAL, message);
    this.name = "SecretError";
    this.kind = kind;
  }
}

/** Calls the host, and turns its `secret-error` into a `SecretError`. */
export function calling(call) {
  try {
    return call();
  } catch (thrown) {
    if (thrown?.payload?.tag === undefined) throw thrown;
    throw new SecretError(thrown.payload.tag, thrown.payload.val);
  }
}

export function get(name) {
  return new Secret(name, calling(() => getHandle(name)));
}

export function getOptional(name) {
  try {
    return get(name);
  } catch (error) {
    if (error instanceof SecretError && error.kind === "not-set") return undefined;
    throw error;
  }
}

export function placeholder(context, name) {
  const token = context.placeholders?.[name];
  if (token !== undefined) return token;
  throw new SecretError("not-granted", `the context has no placeholder for the secret \`${name}\``);
}
