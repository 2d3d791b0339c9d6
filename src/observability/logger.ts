/**
 * What a node says while it runs. This file imports nothing, so that every part may take a logger;
 * the one that writes lines is logtape_logger.ts.
 *
 * A line never holds the value of a key; the key itself only at the level debug.
 *
 * @module
 */

/** What belongs to a line, by name: numbers, words, ids. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The levels, the least important first. */
export const logLevels = ["debug", "info", "warn", "error"] as const;

/** One of the levels. */
export type LogLevel = (typeof logLevels)[number];

/** Takes log lines. Never blocks, never throws. */
export interface Logger {
  /** For whoever looks for a defect. */
  debug(message: string, fields?: LogFields): void;
  /** What an operator wants to know afterwards. */
  info(message: string, fields?: LogFields): void;
  /** What an operator should look at some day. */
  warn(message: string, fields?: LogFields): void;
  /** What an operator should look at now. */
  error(message: string, fields?: LogFields): void;
}

/** Says nothing: for tests, and for libraries whose user wants no lines. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};
