// Log lines, which appear in the node's result and in the server's traces.

import { log as write } from "#host/log";

export const trace = (message, fields) => line("trace", message, fields);
export const debug = (message, fields) => line("debug", message, fields);
export const info = (message, fields) => line("info", message, fields);
export const warn = (message, fields) => line("warn", message, fields);
export const error = (message, fields) => line("error", message, fields);

function line(level, message, fields) {
  write(level, String(message), fields === undefined ? undefined : fieldsText(fields));
}

/** A log line is never worth a failed call. */
function fieldsText(fields) {
  try {
    return JSON.stringify(fields);
  } catch (thrown) {
    return JSON.stringify({ unreadable: String(thrown) });
  }
}
