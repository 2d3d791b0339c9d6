import { UsageError } from "./usage_error.ts";

const DURATION_UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

const SIZE_UNITS_BYTES: ReadonlyMap<string, number> = new Map([
  ["B", 1],
  ["KiB", 2 ** 10],
  ["MiB", 2 ** 20],
  ["GiB", 2 ** 30],
  ["kB", 1e3],
  ["KB", 1e3],
  ["MB", 1e6],
  ["GB", 1e9],
]);

/** The forms of a duration that are accepted, for messages. */
export const DURATION_FORMS = "500ms, 5s, 2m, 1h or 1d";

/** The forms of a size that are accepted, for messages. */
export const SIZE_FORMS = "512B, 64KiB, 16MiB or 1GiB (also kB, MB, GB)";

/** How a quantity is called in a message. */
interface UnitWords {
  readonly what: string;
  readonly forms: string;
  /** The unit that is meant most often. */
  readonly example: string;
}

const DURATION_WORDS: UnitWords = { what: "a duration", forms: DURATION_FORMS, example: "s" };
const SIZE_WORDS: UnitWords = { what: "a size", forms: SIZE_FORMS, example: "MiB" };

/** A number and one of `units` behind it, in the smallest unit; undefined where it is neither. */
function parseQuantity(text: string, units: ReadonlyMap<string, number>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim());
  const factor = units.get(match?.[2] ?? "");
  if (match === null || factor === undefined) return undefined;
  return Math.round(Number(match[1]) * factor);
}

/** Says which forms are accepted, and names the unit where only that is missing. */
function unitError(text: string, { what, forms, example }: UnitWords): UsageError {
  const isBareNumber = /^\d+(\.\d+)?$/.test(text.trim());
  const reason = isBareNumber ? "the unit is missing" : "it is not a number with a unit";
  return new UsageError(`Cannot use "${text}" as ${what}: ${reason}`, {
    fix: [isBareNumber ? `write ${text.trim()}${example}, or one of ${forms}` : `want ${forms}`],
  });
}

/**
 * Milliseconds from `500ms`, `5s`, `1.5m`; throws a {@linkcode UsageError} otherwise.
 *
 * @param text What the user wrote.
 */
export function parseDuration(text: string): number {
  const durationMs = parseQuantity(text, DURATION_UNITS_MS);
  if (durationMs === undefined) throw unitError(text, DURATION_WORDS);
  return durationMs;
}

/**
 * Bytes from `64KiB`, `16MiB`; throws a {@linkcode UsageError} otherwise.
 *
 * @param text What the user wrote.
 */
export function parseSize(text: string): number {
  const bytes = parseQuantity(text, SIZE_UNITS_BYTES);
  if (bytes === undefined) throw unitError(text, SIZE_WORDS);
  return bytes;
}

/**
 * Milliseconds as people write them: `350ms`, `5s`, `2.5m`.
 *
 * @param durationMs Not negative.
 */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)}ms`;
  const [unit, factor] = durationMs < 60_000
    ? ["s", 1000]
    : durationMs < 3_600_000
    ? ["m", 60_000]
    : durationMs < 86_400_000
    ? ["h", 3_600_000]
    : ["d", 86_400_000];
  return `${Math.round((durationMs / Number(factor)) * 10) / 10}${unit}`;
}

/**
 * Bytes as people write them: `512B`, `64KiB`, `1.5MiB`.
 *
 * @param bytes Not negative.
 */
export function formatSize(bytes: number): string {
  const power = bytes < 2 ** 10 ? 0 : bytes < 2 ** 20 ? 1 : bytes < 2 ** 30 ? 2 : 3;
  const unit = ["B", "KiB", "MiB", "GiB"][power];
  return `${Math.round((bytes / 2 ** (10 * power)) * 10) / 10}${unit}`;
}
