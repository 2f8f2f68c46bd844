import assert from "node:assert/strict";
import { test } from "node:test";

import { BlockFailure, defineBlock, done, log, ports, progress, suspend } from "blockyard-sdk";
import { watched } from "../lib/uncaught.js";
import { check, checkExamples, run, runToEnd } from "blockyard-sdk/testing";

const manifest = {
  type: "custom.probe",
  version: "1.0.0",
  name: "Probe",
  configSchema: true,
  inputSchema: true,
  outputs: [{ port: "output" }, { port: "other" }],
};

const probe = (execute, more) => defineBlock({ manifest: { ...manifest, ...more }, execute });

test("the manifest is given as it is", () => {
  assert.deepEqual(JSON.parse(probe(() => null).manifest()), manifest);
});

test("a value leaves through the default port, also of an async execute", async () => {
  const echo = (config, input, context) => ({ config, input, mode: context.mode });
  for (const execute of [echo, async (...values) => echo(...values)]) {
    const { status, outputs, metadata } = await run(probe(execute), { config: { a: 1 }, input: [2] });
    assert.equal(status, "completed");
    assert.deepEqual(outputs, { output: { config: { a: 1 }, input: [2], mode: "test" } });
    assert.equal(metadata, null);
  }
});

test("ports that are left out or undefined stay silent", async () => {
  const { outputs, metadata } = await run(
    probe(() => done({ outputs: { output: undefined, other: null }, metadata: { seen: 2 } })),
    {},
  );
  assert.deepEqual(outputs, { other: null });
  assert.deepEqual(metadata, { seen: 2 });
  assert.deepEqual((await run(probe(() => ports({})), {})).outputs, {});
});

test("the default port of ports from the config is the first that is always there", async () => {
  const outputs = { portsFrom: "/branches/*/port", also: [{ port: "default" }] };
  assert.deepEqual((await run(probe(() => 1, { outputs }), {})).outputs, { default: 1 });
  const { error } = await run(probe(() => 1, { outputs: { portsFrom: "/branches/*/port" } }), {});
  assert.equal(error.code, "internal");
});

test("a suspension is called again with its state", async () => {
  const execute = (config, input, { state = 0 }) => (state < 3 ? suspend({ afterMs: 1.5, state: state + 1 }) : state);
  const first = await run(probe(execute), {});
  assert.deepEqual([first.status, first.afterMs, first.state], ["suspended", 2, 1]);
  assert.deepEqual((await runToEnd(probe(execute), {})).outputs, { output: 3 });
  await assert.rejects(runToEnd(probe(() => suspend({ afterMs: 0 })), {}), /without end/);
});

test("a failure keeps its code, message, hint and details", async () => {
  const failing = (options) => run(probe(() => Promise.reject(new BlockFailure("no-luck", "again", options))), {});
  assert.deepEqual((await failing({ retryAfterMs: 4.2, details: { a: 1 } })).error, {
    code: "no-luck",
    message: "again",
    retry: true,
    retryAfterMs: 5,
    details: { a: 1 },
  });
  const { error } = await failing({ retry: true, details: { n: 1n } });
  assert.deepEqual([error.retry, error.retryAfterMs], [true, undefined]);
  assert.match(error.details.unreadable, /BigInt/);
  assert.equal((await failing({})).error.retry, false);
  const located = BlockFailure.invalidInput("/name", "it is empty");
  assert.equal(located.message, "the input is not valid at /name: it is empty");
  assert.deepEqual(located.details, { pointer: "/name" });
  assert.throws(() => new BlockFailure("a", "b", { retryAfterMs: NaN }), TypeError);
});

test("whatever else is thrown becomes a failure with its message", async () => {
  const thrown = (value) =>
    run(
      probe(() => {
        throw value;
      }),
      {},
    );
  const { error } = await thrown(new TypeError("no such lead", { cause: new Error("the index is gone") }));
  assert.deepEqual([error.code, error.message, error.retry], ["exception", "TypeError: no such lead", false]);
  assert.equal(error.details.cause, "Error: the index is gone");
  assert.match(error.details.stack, /block\.test\.js/);
  assert.equal((await thrown("a string")).error.message, "a string");
  assert.equal((await thrown(undefined)).error.message, "undefined");
  assert.equal((await thrown(Object.create(null))).error.message, "[object Object]");
});

test("a result that is no JSON is the block's fault, and says which", async () => {
  for (const [execute, message] of [
    [() => undefined, /returned nothing/],
    [() => () => 1, /port `output`/],
    [() => ports({ other: 1n }), /port `other`.*BigInt/],
    [() => suspend({ afterMs: 1, state: () => 1 }), /the state/],
  ]) {
    const { error } = await run(probe(execute), {});
    assert.equal(error.code, "internal");
    assert.match(error.message, message);
  }
});

test("log lines and progress are recorded, and never fail the call", async () => {
  const { logs, progress: reports } = await run(
    probe(() => {
      log.info("page", { number: 1 });
      log.warn("odd", { n: 1n });
      log.error(new Error("x"));
      progress(50, "half");
      progress(100);
      return null;
    }),
    {},
  );
  assert.deepEqual(logs[0], { level: "info", message: "page", fields: { number: 1 } });
  assert.match(logs[1].fields.unreadable, /BigInt/);
  assert.deepEqual(logs[2], { level: "error", message: "Error: x", fields: {} });
  assert.deepEqual(reports, [
    { percent: 50, message: "half" },
    { percent: 100, message: "" },
  ]);
});

test("examples and cases are checked", async () => {
  const example = { name: "Echo", config: {}, input: 1, outputs: { output: 1 } };
  const echo = (config, input) => input;
  await checkExamples(probe(echo, { examples: [example] }));
  await assert.rejects(checkExamples(probe(echo, { examples: [{ ...example, input: 2 }] })), { code: "ERR_ASSERTION" });
  await assert.rejects(checkExamples(probe(echo)), /no examples/);
  const failing = probe(() => {
    throw new BlockFailure("not-found", "nobody");
  });
  await check(failing, { name: "Nobody", error: { code: "not-found" } });
  await assert.rejects(check(failing, { name: "Nobody", outputs: {} }), /`Nobody`: nobody/);
  const setting = probe((config, input, { settings }) => settings, {
    settings: [{ name: "url", description: "", example: "https://a.example" }],
  });
  await check(setting, { name: "Setting", outputs: { output: { url: "https://a.example" } } });
});

test("console goes to the log", async (t) => {
  const saved = { ...console };
  t.after(() => Object.assign(console, saved));
  await import("blockyard-sdk/console");
  const { logs } = await run(
    probe(() => {
      console.log("a", 1, { b: [2] }, null);
      console.warn(new Error("careful"));
      return null;
    }),
    {},
  );
  assert.deepEqual(logs[0], { level: "info", message: 'a 1 {"b":[2]} null', fields: {} });
  assert.match(logs[1].message, /^Error: careful\n/);
});

test("an exception of a timer ends the call in its own words", async () => {
  const fails = [
    () => {
      throw new TypeError("in the timer");
    },
    async () => {
      throw new TypeError("in the timer");
    },
  ];
  for (const fail of fails) {
    const execute = () => new Promise(() => setTimeout(watched(fail), 0));
    const { status, error } = await run(probe(execute), {});
    assert.equal(status, "failed");
    assert.equal(error.code, "exception");
    assert.match(error.message, /in the timer/);
  }
  const { outputs } = await run(
    probe(() => new Promise((resolve) => setTimeout(watched(resolve), 0, "late"))),
    {},
  );
  assert.deepEqual(outputs, { output: "late" });
});

test("an object that is thrown is told as JSON", async () => {
  const { error } = await run(
    probe(() => {
      throw { code: "odd", n: 1 };
    }),
    {},
  );
  assert.match(error.message, /\{"code":"odd","n":1\}/);
});
