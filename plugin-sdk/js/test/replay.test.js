import assert from "node:assert/strict";
import { test } from "node:test";

import { Replay, bytesOf } from "../testing/replay.js";

const bytes = (text) => new TextEncoder().encode(text);
const exchange = (request, status) => ({ request: { method: "GET", ...request }, response: { status } });

test("a request matches by method, path, set of query parameters and meaning of the body", () => {
  const request = { method: "POST", url: "https://a.example/x?b=2&a=1&a=0", body: { k: [1], l: null } };
  const replay = new Replay([exchange(request, 201)]);
  const body = bytes('{ "l": null, "k": [1] }');
  assert.equal(replay.answer("post", "https://other.example/x?a=0&a=1&b=%32", body)?.status, 201);
  assert.equal(replay.answer("POST", "https://a.example/x?a=1&b=2", body), undefined);
  assert.equal(replay.answer("POST", request.url, undefined), undefined);
  assert.equal(replay.answer("GET", request.url, body), undefined);
});

test("equal ones are served in order and the last repeats", () => {
  const url = "https://a.example/run";
  const replay = new Replay([exchange({ url }, 202), exchange({ url }, 200)]);
  const statuses = [1, 2, 3].map(() => replay.answer("GET", url).status);
  assert.deepEqual(statuses, [202, 200, 200]);
});

test("bodies are JSON, text or base64", () => {
  assert.deepEqual(bytesOf({ body: { a: 1 } }), bytes('{"a":1}'));
  assert.deepEqual(bytesOf({ body: "text" }), bytes("text"));
  assert.deepEqual(bytesOf({ bodyBase64: "AAE=" }), new Uint8Array([0, 1]));
  assert.deepEqual(bytesOf({}), new Uint8Array());
  const url = "https://a.example/";
  const replay = new Replay([exchange({ url, bodyBase64: "//4=" }, 200)]);
  assert.equal(replay.answer("GET", url, new Uint8Array([255, 254]))?.status, 200);
  assert.equal(replay.answer("GET", url, new Uint8Array([255, 253])), undefined);
});

test("what cannot be used is named", () => {
  const good = exchange({ url: "https://a.example/" }, 200);
  assert.throws(() => new Replay([good, exchange({ url: "/x" }, 200)]), /exchange 1: .*URL/);
  const odd = exchange({ url: "https://a.example/" }, 99);
  assert.throws(() => new Replay([good, odd]), /exchange 1: 99 is no HTTP status/);
});
