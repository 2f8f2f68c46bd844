import assert from "node:assert/strict";
import { test } from "node:test";

import { readCases, run } from "blockyard-sdk/testing";

import { block } from "../src/block.js";
import examples from "../src/examples.json" with { type: "json" };

/** Answers `fetch` from the exchanges of a case, and returns what was asked. */
function answering(t, { exchanges }) {
  const asked = [];
  t.mock.method(globalThis, "fetch", async (url, { headers }) => {
    asked.push({ url, headers });
    const { response } = exchanges.find(({ request }) => request.url === url);
    const { status, body } = response;
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
  });
  return asked;
}

for (const testCase of [...examples, ...readCases(new URL("../cases/", import.meta.url))]) {
  test(testCase.name, async (t) => {
    const asked = answering(t, testCase);
    const { outputs, error } = await run(block, { ...testCase, secrets: ["rates"] });
    assert.deepEqual(outputs, testCase.outputs);
    assert.equal(error?.code, testCase.error?.code);
    assert.equal(asked[0].headers.authorization, "Bearer placeholder-of-rates");
  });
}

test("an API that does not answer is asked again", async (t) => {
  t.mock.method(globalThis, "fetch", () => Promise.reject(new TypeError("connection refused")));
  const { error } = await run(block, { config: { to: "CHF" }, input: { amount: 1, currency: "EUR" }, secrets: ["rates"] });
  assert.deepEqual([error.code, error.retry], ["transport", true]);
  assert.match(error.message, /connection refused/);
});

test("without the secret the call fails before it asks", async () => {
  const { error } = await run(block, { config: { to: "CHF" }, input: { amount: 1, currency: "EUR" } });
  assert.equal(error.code, "secret-not-granted");
});
