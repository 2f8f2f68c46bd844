import { WitError, stage } from "../stage.js";

export function get(name) {
  const host = stage();
  if (host === undefined) throw new WitError({ tag: "not-granted", val: "there is no host here" });
  return host.secret(name);
}
