import assert from "node:assert/strict";
import { test } from "node:test";

import { BlockFailure, defineBlock, http, placeholder, ports, secret, secrets } from "blockyard-sdk";
import { reveal } from "blockyard-sdk/reveal";
import { run } from "blockyard-sdk/testing";

const manifest = { type: "custom.probe", version: "1.0.0", name: "Probe", outputs: [{ port: "output" }] };

const probe = (execute) => defineBlock({ manifest, execute });
const answer = (status, headers, body) => ({ respond: () => ({ status, headers, body }) });
const answered = (response) =>
  http.HttpResponse.fromRecord({
    status: response.status,
    headers: Object.entries(response.headers ?? {}).map(([name, value]) => ({ name, value })),
    body: new TextEncoder().encode(response.body ?? ""),
  });

test("a request carries query, headers, body and the places of its secrets", async () => {
  const { sent } = await run(
    probe(() => {
      const key = secret("key");
      http.send({
        method: "POST",
        url: "https://a.example/x?a=1#top",
        query: { q: "b&c d'", list: [1, 2], none: undefined, nil: null },
        headers: { Accept: "text/plain", skipped: undefined },
        json: { n: [1] },
        credentials: [key.bearer(), key.header("x-key", "Key "), key.query("key"), key.basic("user")],
        timeoutMs: 500,
      });
      return null;
    }),
    { secrets: ["key"], ...answer(200) },
  );
  const placements = sent[0].credentials.map(({ placement }) => placement);
  delete sent[0].credentials;
  assert.deepEqual(sent, [
    {
      method: "POST",
      url: "https://a.example/x?a=1&q=b%26c%20d%27&list=1&list=2#top",
      headers: { accept: "text/plain", "content-type": "application/json" },
      body: '{"n":[1]}',
      timeoutMs: 500,
      together: 1,
    },
  ]);
  assert.deepEqual(placements, [
    { tag: "bearer" },
    { tag: "header", val: { name: "x-key", prefix: "Key " } },
    { tag: "query", val: "key" },
    { tag: "basic", val: "user" },
  ]);
});

test("bodies are text or bytes", async () => {
  const bodies = ["ä", new Uint8Array([97, 98, 99]).subarray(1), new Uint8Array([97]).buffer];
  const { sent } = await run(
    probe(() => {
      for (const body of bodies) http.send({ method: "PUT", url: "https://a.example/", body });
      return null;
    }),
    answer(200),
  );
  assert.deepEqual(sent.map(({ body }) => body), ["ä", "bc", "a"]);
  for (const wrong of [{ body: 5 }, { body: "a", json: 1 }, { credentials: [{}] }]) {
    assert.throws(() => http.send({ url: "https://a.example/", ...wrong }), { code: "invalid-request" });
  }
});

test("an answer is read as JSON, text and bytes", () => {
  const response = answered({ status: 200, headers: { "X-A": "1" }, body: '{"a": "ü"}' });
  assert.deepEqual(response.json(), { a: "ü" });
  assert.equal(response.text(), '{"a": "ü"}');
  assert.equal(response.bytes().length, 11);
  assert.equal(response.header("x-A"), "1");
  assert.equal(response.ensureOk(), response);
  assert.throws(() => answered({ status: 200, body: "<p>\n no" }).json(), (error) => {
    assert.equal(error.code, "unexpected-response");
    assert.deepEqual(error.details, { status: 200, body: "<p> no" });
    return error instanceof BlockFailure;
  });
  const repeated = [{ name: "Link", value: "a" }, { name: "link", value: "b" }];
  const { headers } = http.HttpResponse.fromRecord({ status: 200, headers: repeated, body: new Uint8Array() });
  assert.equal(headers.link, "a, b");
  assert.equal([...answered({ status: 500, body: "é".repeat(999) }).excerpt()].length, 201);
});

test("statuses become codes with retry hints", () => {
  const failure = (status, headers, body) => answered({ status, headers, body }).failure();
  const slow = failure(429, { "retry-after": "7" }, "slow down");
  assert.deepEqual([slow.code, slow.message, slow.retryAfterMs], ["rate-limited", "slow down", 7000]);
  const gone = failure(503);
  assert.deepEqual([gone.code, gone.message, gone.retry], ["upstream", "HTTP status 503", true]);
  assert.equal(gone.retryAfterMs, undefined);
  assert.equal(failure(401, { "retry-after": "7" }).retry, false);
  assert.equal(failure(418).code, "invalid-request");
  assert.equal(failure(302).code, "unexpected-response");
  assert.throws(() => answered({ status: 404 }).ensureOk(), { code: "not-found" });
});

test("Retry-After is read in every form, a date by the answer's own date", () => {
  const wait = (headers) => answered({ status: 429, headers }).retryAfterMs;
  const date = "Wed, 21 Oct 2015 07:28:00 GMT";
  assert.equal(wait({ "retry-after-ms": "250", "retry-after": "7" }), 250);
  assert.equal(wait({ "retry-after": "0.5" }), 500);
  assert.equal(wait({ "retry-after": " 120 " }), 120_000);
  assert.equal(wait({ "retry-after-ms": "0.5" }), 1);
  for (const odd of ["-3", "+3", "1e308", "1e3", "0x10", "Infinity", "NaN", ".5", "5.", "1_0", "", "2015-1-1", "\u0663"]) {
    assert.equal(wait({ "retry-after": odd, date }), undefined, odd);
    assert.equal(wait({ "retry-after-ms": odd, "retry-after": "7" }), 7000, odd);
  }
  for (const many of ["99999999999999999999", "9".repeat(5000)]) {
    assert.equal(wait({ "retry-after": many }), Number.MAX_SAFE_INTEGER);
    assert.equal(wait({ "retry-after-ms": many }), Number.MAX_SAFE_INTEGER);
    assert.equal(answered({ status: 429, headers: { "retry-after": many } }).failure().code, "rate-limited");
  }
  assert.equal(wait({ "retry-after": "Wed, 21 Oct 2015 07:28:09 GMT", date }), 9000);
  assert.equal(wait({ "retry-after": date, date: "Wed, 21 Oct 2015 07:28:09 GMT" }), 0);
  assert.equal(wait({ "retry-after": date }), undefined);
  assert.equal(wait({ "retry-after": "soon" }), undefined);
  assert.equal(wait({}), undefined);
});

test("many requests go out together and come back in order", async () => {
  const url = "https://a.example/?n=";
  const request = { method: "GET", url: `${url}1` };
  const { outputs, sent } = await run(
    probe(() => {
      assert.deepEqual(http.sendAll([]), []);
      const results = http.sendAll([{ url: `${url}1` }, { url: `${url}2` }]);
      return ports({ output: results.map(({ status, value, reason }) => [status, value?.json() ?? reason.kind]) });
    }),
    { exchanges: [{ request, response: { status: 200, body: [1] } }] },
  );
  assert.deepEqual(outputs.output, [["fulfilled", [1]], ["rejected", "not-recorded"]]);
  assert.deepEqual(sent.map(({ together }) => together), [2, 2]);
});

test("an error that is thrown on fails the call with its code and hint", async () => {
  const { error } = await run(probe(() => http.send({ url: "https://a.example/" }).json()), {});
  assert.deepEqual([error.code, error.retry], ["not-recorded", false]);
  assert.match(error.message, /GET https:\/\/a\.example\//);
  assert.throws(() => http.send({ url: "https://a.example/" }), { code: "denied", kind: "denied" });
  for (const [kind, code, retry] of [
    ["limited", "limited", true],
    ["timeout", "upstream-timeout", true],
    ["new", "internal", false],
  ]) {
    const thrown = new http.HttpError(kind, "");
    assert.deepEqual([thrown.code, thrown.retry], [code, retry]);
  }
});

test("a secret is granted, set, or says why not", async () => {
  const { outputs } = await run(
    probe((config, input, context) => {
      const code = (name) => assert.throws(() => secrets.get(name), secrets.SecretError) ?? name;
      return {
        name: secrets.get("set").name,
        text: reveal(secrets.get("set")),
        token: placeholder(context, "set"),
        unset: secrets.getOptional("unset") ?? "nothing",
        refused: code("refused"),
      };
    }),
    { secrets: ["set"], unsetSecrets: ["unset"] },
  );
  assert.deepEqual(outputs.output, {
    name: "set",
    text: "text of set",
    token: "placeholder-of-set",
    unset: "nothing",
    refused: "refused",
  });
  const failed = async (execute) => (await run(probe(execute), { unsetSecrets: ["unset"] })).error.code;
  assert.equal(await failed(() => secret("refused")), "secret-not-granted");
  assert.equal(await failed(() => secrets.getOptional("refused")), "secret-not-granted");
  assert.equal(await failed(() => secret("unset")), "secret-not-set");
  assert.equal(await failed((config, input, context) => placeholder(context, "other")), "secret-not-granted");
});
