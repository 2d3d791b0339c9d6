/**
 * Log lines by `@logtape/logtape`: text for people, or one JSON object a line.
 *
 * @module
 */
import { configureSync, getLogger, type LogRecord } from "@logtape/logtape";
import type { LogFields, Logger, LogLevel } from "./logger.ts";

/** How lines are written. */
export interface LogtapeLoggerOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  readonly isColored: boolean;
  /** Takes each line, its line end included. */
  readonly write: (line: string) => void;
}

/** A logger whose level can be changed while it is in use. */
export interface LogtapeLogger extends Logger {
  /** From now on lines below `level` are dropped. */
  setLevel(level: LogLevel): void;
}

const CATEGORY = "raft";

/** The names of the levels in the library. */
const libraryLevels = { debug: "debug", info: "info", warn: "warning", error: "error" } as const;

const levelWords: Readonly<Record<LogRecord["level"], LogLevel>> = {
  trace: "debug",
  debug: "debug",
  info: "info",
  warning: "warn",
  error: "error",
  fatal: "error",
};

const levelColors: Readonly<Record<LogLevel, number>> = { debug: 2, info: 36, warn: 33, error: 31 };

/** What JSON cannot say, as text. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Error) return value.message;
  return value;
}

/** A field behind the message: bare where it is one word, as JSON where it is not. */
function formatField([name, value]: readonly [string, unknown]): string {
  const simple = plain(value);
  if (typeof simple === "string") {
    return `${name}=${/^[^\s"=]+$/.test(simple) ? simple : JSON.stringify(simple)}`;
  }
  return `${name}=${JSON.stringify(simple)}`;
}

/** `06:17:02.123 INFO  Connected to a peer  peer=2` */
function formatText(record: LogRecord, isColored: boolean): string {
  const time = new Date(record.timestamp).toISOString().slice(11, 23);
  const level = levelWords[record.level];
  const word = level.toUpperCase().padEnd(5);
  const colored = isColored ? `\x1b[${levelColors[level]}m${word}\x1b[0m` : word;
  const fields = Object.entries(record.properties).map(formatField).join(" ");
  return `${time} ${colored} ${String(record.rawMessage)}${fields === "" ? "" : `  ${fields}`}\n`;
}

function formatJson(record: LogRecord): string {
  const fields = Object.entries(record.properties).map(([name, value]) => [name, plain(value)]);
  return `${
    JSON.stringify({
      time: new Date(record.timestamp).toISOString(),
      level: levelWords[record.level],
      message: String(record.rawMessage),
      ...Object.fromEntries(fields),
    })
  }\n`;
}

/** Creates the logger of this process; a second one replaces the first. */
export function createLogtapeLogger(options: LogtapeLoggerOptions): LogtapeLogger {
  const sink = (record: LogRecord): void => {
    options.write(
      options.format === "json" ? formatJson(record) : formatText(record, options.isColored),
    );
  };
  const setLevel = (level: LogLevel): void => {
    configureSync({
      reset: true,
      sinks: { lines: sink },
      loggers: [
        { category: CATEGORY, lowestLevel: libraryLevels[level], sinks: ["lines"] },
        // The library's own talk about itself.
        { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
      ],
    });
  };
  setLevel(options.level);
  const logger = getLogger(CATEGORY);
  return {
    debug: (message, fields: LogFields = {}) => logger.debug(message, { ...fields }),
    info: (message, fields: LogFields = {}) => logger.info(message, { ...fields }),
    warn: (message, fields: LogFields = {}) => logger.warn(message, { ...fields }),
    error: (message, fields: LogFields = {}) => logger.error(message, { ...fields }),
    setLevel,
  };
}
