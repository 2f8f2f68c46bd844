/**
 * Write blocks for Blockyard in JavaScript or TypeScript.
 *
 * A block is a module that exports `block`:
 *
 * ```js
 * export const block = defineBlock({
 *   manifest: { type: "custom.greeter", version: "1.0.0", ... },
 *   execute: (config, input) => ({ text: `${config.greeting}, ${input.name}!` }),
 * });
 * ```
 */

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What a block is and asks for; described by `manifest.schema.json`. */
export interface Manifest {
  /** `category.name`, such as `custom.weather`. */
  type: string;
  /** By Semantic Versioning 2.0.0. */
  version: string;
  /** A short name for people. */
  name: string;
  /** What the block does, for people. */
  description?: string;
  /** The heading under which an editor lists the block. */
  category?: string;
  /** JSON Schema 2020-12 of the config, which the host checks before a call. */
  configSchema: object | boolean;
  /** JSON Schema 2020-12 of the input, which the host checks before a call; `true` takes anything. */
  inputSchema: object | boolean;
  /** The output ports; the first is the default port. */
  outputs: Port[] | { portsFrom: string; also?: Port[] };
  /** The secrets that the block may ask for. */
  secrets?: { name: string; description: string; optional?: boolean }[];
  /** Plain values of the installation, given in `context.settings`. */
  settings?: { name: string; description: string; optional?: boolean; example?: string }[];
  /** Where on the network the block wants to go. */
  http?: HttpRule[];
  /** What a call would like; the operator's ceilings hold. */
  limits?: { timeoutMs?: number; cpuMs?: number; memoryBytes?: number };
  /** True: no call leaves anything behind that a later one could see, so the host may reuse the instance. */
  stateless?: boolean;
  /** Calls with their results, for people, for tests and for the mode `demo`. */
  examples?: Example[];
}

/** An output port. */
export interface Port {
  /** The name by which edges leave. */
  port: string;
  /** What leaves here, for people. */
  description?: string;
  /** JSON Schema 2020-12 of the data. */
  schema?: object | boolean;
}

/** Requests that the block wants to send. */
export interface HttpRule {
  /** An exact host name in lower case, or `*.` and a domain for its subdomains. */
  host?: string;
  /** In place of `host`: `config:` and a JSON pointer, or `setting:` and a name. */
  hostFrom?: string;
  /** `https` if left out. */
  scheme?: string;
  /** Another port than the scheme's own. */
  port?: number;
  /** The only methods; all if left out. */
  methods?: string[];
  /** The only paths, compared segment by segment. */
  pathPrefix?: string;
  /** Names of secrets that may be placed into these requests. */
  secrets?: string[];
}

/** A call with its result. */
export interface Example {
  /** What it shows. */
  name: string;
  /** The node's config. */
  config: any;
  /** The node's input. */
  input: any;
  /** The data of each port that fires, by port. */
  outputs: Record<string, any>;
  /** Recorded HTTP. */
  exchanges?: Exchange[];
}

/** A recorded request with its answer. */
export interface Exchange {
  request: { method: string; url: string; body?: any; bodyBase64?: string };
  response: { status: number; headers?: Record<string, string>; body?: any; bodyBase64?: string };
}

/** Who runs the block, and what the workflow and the installation give it. Fields may be added. */
export interface Context {
  executionId: string;
  workflowId: string;
  nodeId: string;
  /** Which item of a `forEach` this is, from 0. */
  itemIndex?: number;
  /** Which attempt this is, from 1. */
  attempt: number;
  /** `production` talks to the network; the others answer from recorded exchanges. */
  mode: "production" | "demo" | "test";
  /** On whose behalf. */
  userId: string;
  /** The same over attempts, takeovers and restarts: pass it on where a vendor takes such a key. */
  idempotencyKey: string;
  /** The workflow's variables. */
  variables: Record<string, any>;
  /** The settings that the manifest asks for, as far as they are set. */
  settings: Record<string, any>;
  /** What the last suspension of this call left; absent on the first call. */
  state?: any;
  /** A token for each secret, for blocks that use `fetch`; see `placeholder`. */
  placeholders?: Record<string, string>;
}

/** What a block is made of. */
export interface BlockDefinition<Config = any, Input = any> {
  /** A constant. */
  manifest: Manifest;
  /**
   * Runs once, synchronously or not. The host has checked `config` and `input` against the manifest's schemas.
   *
   * The value returned is the data of the default port, unless it comes from `ports`, `done` or `suspend`. A thrown
   * `BlockFailure` is the call's failure; anything else that is thrown fails the call with the code `exception`, its
   * text as the message, and its stack in the details.
   */
  execute(config: Config, input: Input, context: Context): unknown;
}

/** The interface `blockyard:block/block`: JSON text in and out. */
export interface ComponentBlock {
  manifest(): string;
  execute(config: string, input: string, context: string): Promise<object>;
}

/**
 * Makes the export of a component: `export const block = defineBlock({ manifest, execute })`.
 *
 * @throws TypeError if there is no `execute`
 */
export function defineBlock<Config = any, Input = any>(definition: BlockDefinition<Config, Input>): ComponentBlock;

/** How a call ends: made by `ports`, `done` and `suspend`. */
export interface Outcome {
  readonly kind: "done" | "suspend";
}

/** Data by port. A port that is left out or `undefined` stays silent, and the nodes behind it are skipped. */
export function ports(outputs: Record<string, unknown>): Outcome;

/** The same with a JSON object that is kept with the node's result, such as how many items were looked at. */
export function done(result: { outputs: Record<string, unknown>; metadata?: object }): Outcome;

/**
 * "Call me again": after `afterMs` milliseconds at the earliest, with `state` in the context. It survives restarts of
 * the host, so polling holds no instance.
 */
export function suspend(wish: { afterMs: number; state?: unknown }): Outcome;

/** A failed call: a stable code, a sentence for a person, and whether another attempt may help. */
export class BlockFailure extends Error {
  /**
   * @param code stable, lower-case with dashes; `codes` lists the common ones
   * @param message one sentence for a person
   */
  constructor(code: string, message: string, options?: FailureOptions);
  /** The code `invalid-config`, pointing at the value by JSON pointer; empty for the whole config. */
  static invalidConfig(pointer: string, message: string): BlockFailure;
  /** The code `invalid-input`, pointing at the value by JSON pointer; empty for the whole input. */
  static invalidInput(pointer: string, message: string): BlockFailure;
  readonly code: string;
  /** Another attempt may succeed. */
  readonly retry: boolean;
  /** After this many milliseconds at the earliest. */
  readonly retryAfterMs?: number;
  readonly details?: object;
}

export interface FailureOptions {
  /** Another attempt may succeed, after the node's own delay. */
  retry?: boolean;
  /** Another attempt may succeed, at the earliest after this many milliseconds. */
  retryAfterMs?: number;
  /** A JSON object for machines. */
  details?: object;
  /** The error behind it, for the author's own use; it is not sent. */
  cause?: unknown;
}

/** Failure codes that mean the same in every block. */
export const codes: {
  /** The node's configuration cannot be used; a person has to change it. */
  readonly INVALID_CONFIG: "invalid-config";
  /** The data that came over the edges has the wrong shape. */
  readonly INVALID_INPUT: "invalid-input";
  /** The block threw something that is no `BlockFailure`. */
  readonly EXCEPTION: "exception";
  /** The block itself is at fault: a result that cannot be written as JSON. */
  readonly INTERNAL: "internal";
  /** The vendor does not accept the credential. */
  readonly UNAUTHORIZED: "unauthorized";
  /** The credential is good and does not allow this. */
  readonly FORBIDDEN: "forbidden";
  /** The account has no credit or quota left. */
  readonly QUOTA_EXCEEDED: "quota-exceeded";
  /** The vendor asks to slow down. */
  readonly RATE_LIMITED: "rate-limited";
  /** What was asked for is not there. */
  readonly NOT_FOUND: "not-found";
  /** It collides with what is there. */
  readonly CONFLICT: "conflict";
  /** The vendor, or the host, rejects the request as it stands. */
  readonly INVALID_REQUEST: "invalid-request";
  /** The request or the answer is larger than allowed. */
  readonly TOO_LARGE: "too-large";
  /** The vendor has a fault. */
  readonly UPSTREAM: "upstream";
  /** The vendor did not answer in time. */
  readonly UPSTREAM_TIMEOUT: "upstream-timeout";
  /** The vendor's answer is not what it documents. */
  readonly UNEXPECTED_RESPONSE: "unexpected-response";
  /** Name resolution, connect, TLS or a broken transfer. */
  readonly TRANSPORT: "transport";
  /** A grant or the network guard refuses the request. */
  readonly DENIED: "denied";
  /** A limit of the host is reached. */
  readonly LIMITED: "limited";
  /** No recorded exchange answers the request, in mode `demo` or `test`. */
  readonly NOT_RECORDED: "not-recorded";
  /** The operator has not granted the secret to the block. */
  readonly SECRET_NOT_GRANTED: "secret-not-granted";
  /** The secret has no value that the execution's user may use. */
  readonly SECRET_NOT_SET: "secret-not-set";
};

/** Reports progress. `percent` goes from 0 to 100 and never moves backwards. */
export function progress(percent: number, message?: string): void;

/** Log lines, which appear in the node's result and in the server's traces. `fields` is a JSON object. */
export namespace log {
  function trace(message: string, fields?: object): void;
  function debug(message: string, fields?: object): void;
  function info(message: string, fields?: object): void;
  function warn(message: string, fields?: object): void;
  function error(message: string, fields?: object): void;
}

/** The same as `secrets.get`. */
export function secret(name: string): secrets.Secret;

/**
 * For blocks that use `fetch`: a random token, which the host replaces by the secret in a header, the query or the
 * body of a request on its way to a host that the secret was granted for.
 *
 * @throws {secrets.SecretError} if the context has none for this secret
 */
export function placeholder(context: Context, name: string): string;

/** Handles to secrets. A block uses a secret without holding its text: the host writes it into the request. */
export namespace secrets {
  /** A secret of this call. It carries no text. */
  class Secret {
    private constructor();
    /** The name it was asked for by. */
    readonly name: string;
    /** `Authorization: Bearer <secret>` */
    bearer(): Credential;
    /** `<name>: <prefix><secret>` */
    header(name: string, prefix?: string): Credential;
    /** `?<name>=<secret>`, percent-encoded by the host. */
    query(name: string): Credential;
    /** HTTP basic: the secret is the password. */
    basic(user: string): Credential;
  }

  /** A secret and its place in a request. */
  interface Credential {
    readonly secret: Secret;
    readonly placement: object;
  }

  /** Why there is no secret; its codes are `secret-not-granted`, `secret-not-set` and `internal`. */
  class SecretError extends BlockFailure {
    readonly kind: "not-granted" | "not-set" | "other";
  }

  /**
   * Asks for a secret by the name that the manifest declares.
   *
   * @throws {SecretError} if the block may not use it, or it has no value
   */
  function get(name: string): Secret;

  /**
   * A secret that the block works without: `undefined` if it has no value.
   *
   * @throws {SecretError} if the block may not use it
   */
  function getOptional(name: string): Secret | undefined;
}

/** HTTP, checked by the host against what the operator granted before a byte leaves. Redirects are not followed. */
export namespace http {
  /** A request, with the secrets that go into it. */
  interface Request {
    /** `GET` if left out. */
    method?: string;
    /** Absolute, without credentials. */
    url: string | URL;
    /** Those that frame the message (`Host`, `Content-Length`, ...) belong to the host, which refuses them. */
    headers?: Record<string, string | number | undefined> | Iterable<[string, string]>;
    /** Added to the URL, percent-encoded. A list repeats its name; null and undefined are left out. */
    query?: Record<string, QueryValue | QueryValue[]>;
    /** A body of JSON, with its `Content-Type`. */
    json?: unknown;
    /** A body of text or bytes, in place of `json`. */
    body?: string | ArrayBuffer | ArrayBufferView;
    /** Such as `[secret("hunter").bearer()]`. */
    credentials?: secrets.Credential[];
    /** How long the whole exchange may take, in milliseconds; the host's own ceiling still holds. */
    timeoutMs?: number;
  }

  type QueryValue = string | number | boolean | null | undefined;

  /** A whole answer. */
  class HttpResponse {
    private constructor();
    readonly status: number;
    /** Whether the status is one of 200 to 299. */
    readonly ok: boolean;
    /** By name in lower case; values of a repeated one are joined by commas. */
    readonly headers: Record<string, string>;
    /** A header by its name in any case. */
    header(name: string): string | undefined;
    /** The body, decompressed. */
    bytes(): Uint8Array;
    /** The body as text; what is no UTF-8 is replaced. */
    text(): string;
    /**
     * The body as JSON.
     *
     * @throws {BlockFailure} `unexpected-response`, with the beginning of the body in the details
     */
    json(): any;
    /** How long the server asks to wait: `retry-after-ms`, else `Retry-After` in seconds or as a date. */
    readonly retryAfterMs: number | undefined;
    /**
     * The answer itself if `ok`.
     *
     * @throws {BlockFailure} otherwise, `failure()`
     */
    ensureOk(): this;
    /**
     * What an error status usually means, with the beginning of the body as the message if none is given, the status in
     * the details, and a retry hint where another attempt may help: `unauthorized` for 401, `quota-exceeded` 402,
     * `forbidden` 403, `not-found` 404 and 410, `upstream-timeout` 408, 504 and 524, `conflict` 409, `too-large` 413,
     * `rate-limited` 429, `invalid-request` for other 4xx, `upstream` for other 5xx, else `unexpected-response`.
     */
    failure(message?: string): BlockFailure;
    /** `unexpected-response`: the answer is not what the vendor documents. */
    unexpected(message: string): BlockFailure;
    /** The beginning of the body, as text on one line. */
    excerpt(): string;
  }

  /** Why a request got no answer. Thrown on, it fails the call with the right code and retry hint. */
  class HttpError extends BlockFailure {
    readonly kind:
      | "invalid-request"
      | "denied"
      | "limited"
      | "transport"
      | "timeout"
      | "too-large"
      | "not-recorded"
      | "other";
  }

  /**
   * Sends a request and returns the whole answer. A status such as 404 is an answer, not an error.
   *
   * @throws {HttpError} if there is no answer
   */
  function send(request: Request): HttpResponse;

  /**
   * Sends many at once. The results come back in the order of the requests, in the shape of `Promise.allSettled`; the
   * host bounds how many are in flight, so the list may be long.
   */
  function sendAll(requests: Request[]): Settled[];

  type Settled = { status: "fulfilled"; value: HttpResponse } | { status: "rejected"; reason: HttpError };
}
