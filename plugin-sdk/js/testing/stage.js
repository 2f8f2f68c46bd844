// What stands in for the host while a native test runs.

import { AsyncLocalStorage } from "node:async_hooks";

import { Replay, bytesOf } from "./replay.js";

const stages = new AsyncLocalStorage();

/** The host of the running test, if there is one. */
export function stage() {
  return stages.getStore();
}

export function within(host, run) {
  return stages.run(host, run);
}

/** A `result<_, error>` of the component model, as the generated bindings throw it. */
export class WitError extends Error {
  constructor(payload) {
    super(String(payload.val));
    this.payload = payload;
  }
}

/** The host's side of the WIT interfaces, with the shapes of the generated bindings. */
export class Stage {
  constructor({ exchanges = [], secrets = [], unsetSecrets = [], respond } = {}) {
    this.replay = new Replay(exchanges);
    this.secrets = secrets;
    this.unsetSecrets = unsetSecrets;
    this.respond = respond;
    this.sent = [];
    this.logs = [];
    this.progress = [];
  }

  secret(name) {
    if (this.secrets.includes(name)) return { name: () => name };
    const unset = this.unsetSecrets.includes(name);
    throw new WitError(
      unset
        ? { tag: "not-set", val: `the secret \`${name}\` has no value` }
        : { tag: "not-granted", val: `the secret \`${name}\` is not granted` },
    );
  }

  /** `{tag: "ok" | "err", val}` */
  answer({ request, credentials }, together) {
    const sent = sentRequest(request, credentials, together);
    this.sent.push(sent);
    const recorded = this.replay.answer(request.method, request.url, request.body);
    if (recorded !== undefined) return { tag: "ok", val: responseRecord(recorded) };
    if (this.respond !== undefined) return { tag: "ok", val: responseRecord(this.respond(sent)) };
    const what = [request.method, request.url, sent.body].filter((part) => part !== undefined).join(" ");
    return { tag: "err", val: { tag: "not-recorded", val: `no exchange answers ${what}` } };
  }
}

function sentRequest({ method, url, headers, body, timeoutMs }, credentials, together) {
  return {
    method,
    url,
    headers: Object.fromEntries(headers.map(({ name, value }) => [name.toLowerCase(), value])),
    body: body === undefined ? undefined : new TextDecoder().decode(body),
    credentials: credentials.map(({ secret, placement }) => ({ secret: secret.name(), placement })),
    timeoutMs,
    together,
  };
}

function responseRecord({ status, headers = {}, body, bodyBase64 }) {
  return {
    status,
    headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
    body: bytesOf({ body, bodyBase64 }),
  };
}
