import { WitError, stage } from "../stage.js";

const NOBODY = { tag: "err", val: { tag: "denied", val: "there is no host here; see `run` of blockyard-sdk/testing" } };

export function send(outgoing) {
  const [{ tag, val }] = sendAll([outgoing]);
  if (tag === "err") throw new WitError(val);
  return val;
}

export function sendAll(list) {
  return list.map((outgoing) => stage()?.answer(outgoing, list.length) ?? NOBODY);
}
