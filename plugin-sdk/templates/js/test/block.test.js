import assert from "node:assert/strict";
import { test } from "node:test";

import { check, checkExamples, readCases, run } from "blockyard-sdk/testing";

import { block } from "../src/block.js";

test("the examples give what they say", () => checkExamples(block));

for (const testCase of readCases(new URL("../cases/", import.meta.url))) {
  test(testCase.name, () => check(block, testCase));
}

test("the key goes into the request as a bearer token", async () => {
  const { sent } = await run(block, {
    input: { city: "Bern" },
    secrets: ["weather"],
    respond: () => ({ status: 200, body: { celsius: 20 } }),
  });
  assert.deepEqual(sent[0].credentials, [{ secret: "weather", placement: { tag: "bearer" } }]);
});

test("without the key the call fails", async () => {
  const { error } = await run(block, { input: { city: "Bern" }, unsetSecrets: ["weather"] });
  assert.equal(error.code, "secret-not-set");
});

test("an API that asks to slow down is asked again later", async () => {
  const { error } = await run(block, {
    input: { city: "Bern" },
    secrets: ["weather"],
    respond: () => ({ status: 429, headers: { "retry-after": "2" } }),
  });
  assert.deepEqual([error.code, error.retryAfterMs], ["rate-limited", 2000]);
});
