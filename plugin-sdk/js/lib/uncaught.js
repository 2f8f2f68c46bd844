// Exceptions that the block cannot catch where it waits: those of timers. The engine would end the call without a word.

let tell;

/** Rejects with the next such exception. */
export function uncaught() {
  return new Promise((_, reject) => {
    tell = reject;
  });
}

/** The function, whose exceptions end the call that is at work. */
export function watched(callback) {
  if (typeof callback !== "function") return callback;
  return (...values) => {
    try {
      const result = callback(...values);
      if (typeof result?.then === "function") result.then(undefined, tell);
      return result;
    } catch (error) {
      if (tell === undefined) throw error;
      tell(error);
    }
  };
}
