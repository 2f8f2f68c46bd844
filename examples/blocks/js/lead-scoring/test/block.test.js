import assert from "node:assert/strict";
import { test } from "node:test";

import { check, checkExamples, readCases, run } from "blockyard-sdk/testing";

import { block } from "../src/block.js";
import { points } from "../src/rules.js";

test("the examples give what they say", () => checkExamples(block));

for (const testCase of readCases(new URL("../cases/", import.meta.url))) {
  test(testCase.name, () => check(block, testCase));
}

test("each test looks at the field in its own way", () => {
  const lead = { name: "Ada", size: 30, tags: ["A", "b"], none: null, inner: { deep: true } };
  for (const [field, kind, value, expected] of [
    ["name", "present", undefined, 10],
    ["none", "present", undefined, 0],
    ["missing.deep", "present", undefined, 0],
    ["constructor", "present", undefined, 0],
    ["inner.deep", "equals", true, 10],
    ["name", "equals", " ADA", 10],
    ["name", "contains", "d", 10],
    ["tags", "contains", "a", 10],
    ["tags", "contains", "c", 0],
    ["size", "atLeast", 30, 10],
    ["size", "atMost", 29, 0],
    ["size", "scale", [0, 60], 5],
    ["size", "scale", [60, 0], 5],
    ["name", "scale", [0, 60], 0],
    ["size", "scale", [30, 30], 0],
  ]) {
    assert.equal(points({ field, test: kind, value, weight: 10 })(lead), expected, `${field} ${kind} ${value}`);
  }
});

test("a regular expression that cannot be read is pointed at", async () => {
  const rules = [{ field: "name", test: "matches", value: "(", weight: 1 }];
  const { error } = await run(block, { config: { rules }, input: [{ name: "Ada" }] });
  assert.equal(error.code, "invalid-config");
  assert.equal(error.details.pointer, "/rules/0/value");
});
