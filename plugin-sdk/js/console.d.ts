/** Imported for its effect: what is written to `console` becomes log lines of the block. */
export {};
