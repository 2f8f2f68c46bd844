// How far the call has come.

import { report } from "#host/progress";

export function progress(percent, message = "") {
  report(Number(percent), String(message));
}
