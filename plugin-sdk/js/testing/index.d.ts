/** Runs blocks natively, in plain `node --test`: no sandbox, no network, no check against the schemas. */

import type { ComponentBlock, Context, Exchange } from "blockyard-sdk";

/** A call, and what the host gives it. */
export interface Call {
  /** `{}` if left out. */
  config?: any;
  /** `null` if left out. */
  input?: any;
  /** Members that replace the defaults; the mode is `test`. */
  context?: Partial<Context>;
  /**
   * Recorded HTTP. A request is answered by an exchange of the same method, path, set of query parameters and body;
   * equal ones are served in their order, and the last one repeats.
   */
  exchanges?: Exchange[];
  /** Answers what no exchange answers. Without it such a request fails with `not-recorded`. */
  respond?: (sent: SentRequest) => Exchange["response"];
  /** Names of secrets that are granted and set. */
  secrets?: string[];
  /** Names of secrets that are granted and have no value. */
  unsetSecrets?: string[];
}

/** A request that the block sent. */
export interface SentRequest {
  method: string;
  url: string;
  /** By name in lower case. */
  headers: Record<string, string>;
  /** As text. */
  body?: string;
  /** Names of secrets, and where they would go. */
  credentials: { secret: string; placement: { tag: "bearer" | "header" | "query" | "basic"; val?: any } }[];
  timeoutMs?: number;
  /** How many requests went out together with this one, itself included. */
  together: number;
}

/** What a call did. */
export interface Result {
  status: "completed" | "suspended" | "failed";
  /** Data by port, if completed. */
  outputs?: Record<string, any>;
  /** If completed; null if there was none. */
  metadata?: any;
  /** If suspended. */
  afterMs?: number;
  /** If suspended. */
  state?: any;
  /** If failed. */
  error?: { code: string; message: string; retry: boolean; retryAfterMs?: number; details: any };
  sent: SentRequest[];
  logs: { level: string; message: string; fields: any }[];
  /** As given, not clamped. */
  progress: { percent: number; message: string }[];
}

/** A call with the result that it is to have: an example of a manifest, or a file of `cases/`. */
export interface Case extends Call {
  name: string;
  outputs?: Record<string, any>;
  error?: { code: string };
}

/** Calls a block as the host would, through JSON text. */
export function run(block: ComponentBlock, call: Call): Promise<Result>;

/** The same, and again with its state for as long as the block suspends. */
export function runToEnd(block: ComponentBlock, call: Call): Promise<Result>;

/**
 * Runs a case to its end. The manifest's secrets are granted, and its settings have their example values.
 *
 * @throws AssertionError if the result is another than the case says
 */
export function check(block: ComponentBlock, testCase: Case): Promise<Result>;

/**
 * Checks every example of the manifest.
 *
 * @throws AssertionError if one gives something else than it says, or there are none
 */
export function checkExamples(block: ComponentBlock): Promise<void>;

/** The cases of a folder's `*.json`, sorted by file name: `readCases(new URL("../cases/", import.meta.url))`. */
export function readCases(folder: URL): Case[];
