// Runs blocks natively, in plain `node --test`: no sandbox, no network.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";

import { Stage, within } from "./stage.js";

/** How often a suspending block is called before it counts as endless. */
const MAX_CALLS = 1000;

export async function run(block, call) {
  const host = new Stage(call);
  return { ...(await ended(block, call, host, call.context)), ...records(host) };
}

export async function runToEnd(block, call) {
  const host = new Stage(call);
  let context = call.context;
  for (let calls = 0; calls < MAX_CALLS; calls++) {
    const result = await ended(block, call, host, context);
    if (result.status !== "suspended") return { ...result, ...records(host) };
    context = { ...context, state: result.state };
  }
  throw new Error("the block suspends without end");
}

export async function check(block, testCase) {
  const manifest = JSON.parse(block.manifest());
  const call = { ...testCase, secrets: secretNames(manifest), context: context(manifest, testCase) };
  const result = await runToEnd(block, call);
  const name = `\`${testCase.name}\``;
  if (testCase.error !== undefined) {
    assert.equal(result.status, "failed", `${name} is to fail with ${testCase.error.code}`);
    assert.equal(result.error.code, testCase.error.code, `${name}: ${result.error.message}`);
    return result;
  }
  assert.equal(result.status, "completed", `${name}: ${result.error?.message}\n${result.error?.details?.stack ?? ""}`);
  assert.deepEqual(result.outputs, testCase.outputs, name);
  return result;
}

export async function checkExamples(block) {
  const { examples = [] } = JSON.parse(block.manifest());
  assert.notEqual(examples.length, 0, "the manifest has no examples");
  for (const example of examples) await check(block, example);
}

export function readCases(folder) {
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  return files.sort().map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")));
}

async function ended(block, { config = {}, input = null }, host, context = {}) {
  const texts = [config, input, { ...defaults(host), ...context }].map((value) => JSON.stringify(value));
  try {
    const { tag, val } = await within(host, () => block.execute(...texts));
    if (tag === "suspend") return { status: "suspended", afterMs: Number(val.afterMs), state: JSON.parse(val.state) };
    const outputs = Object.fromEntries(val.emissions.map(({ port, data }) => [port, JSON.parse(data)]));
    return { status: "completed", outputs, metadata: val.metadata === undefined ? null : JSON.parse(val.metadata) };
  } catch (thrown) {
    if (thrown?.payload?.code === undefined) throw thrown;
    return { status: "failed", error: failure(thrown.payload) };
  }
}

function failure({ code, message, retry, details }) {
  return {
    code,
    message,
    retry: retry !== undefined,
    retryAfterMs: retry?.afterMs === undefined ? undefined : Number(retry.afterMs),
    details: details === undefined ? null : JSON.parse(details),
  };
}

function records({ sent, logs, progress }) {
  return { sent, logs, progress };
}

function defaults({ secrets }) {
  return {
    executionId: "execution",
    workflowId: "workflow",
    nodeId: "node",
    attempt: 1,
    mode: "test",
    userId: "user",
    idempotencyKey: "00000000000000000000000000000000",
    variables: {},
    settings: {},
    placeholders: Object.fromEntries(secrets.map((name) => [name, `placeholder-of-${name}`])),
  };
}

function secretNames({ secrets = [] }) {
  return secrets.map(({ name }) => name);
}

function context({ settings = [] }, testCase) {
  const examples = settings.filter(({ example }) => example !== undefined).map(({ name, example }) => [name, example]);
  return { ...testCase.context, settings: { ...Object.fromEntries(examples), ...testCase.context?.settings } };
}
