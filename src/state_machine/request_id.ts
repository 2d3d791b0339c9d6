/**
 * The 16 bytes that name a command for ever, so that a retry is recognised. A client makes one for
 * every command; a user may choose one.
 *
 * ```
 * made by a client  | 6 bytes: log time at issue in ms, big endian | 10 random bytes           |
 * chosen by a user  | 6 zero bytes                                 | 10 bytes of SHA-256(text) |
 * ```
 *
 * Printed, an id is "raft-" and 32 hexadecimal digits. Any other text is one that a user chose,
 * also one of 32 digits, such as the digest of something: what a text stands for must not depend on
 * a time that could be read into it.
 *
 * The time is log time (the clock that the log carries), and it lets the replicated table forget:
 * an id that is too old to be in the table is refused, never applied again. A chosen id has no time
 * and is recognised within the window only.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { InvalidRequestError } from "../errors.ts";
import type { LogTimeMs } from "../types.ts";

/** The length of a request id. */
export const REQUEST_ID_BYTES = 16;

/** The random part of an id that a client makes. */
export const REQUEST_ID_RANDOM_BYTES = 10;

/** The longest text that a user may choose as an id, in bytes of UTF-8. */
export const REQUEST_ID_TEXT_BYTES_MAX = 128;

const TIME_BYTES = 6;
/** The top bit marks the ids of sessions (command_id.ts). */
const TIME_MS_MAX = 2 ** 47 - 1;
const PRINTED_PREFIX = "raft-";
const PRINTED_TEXT = /^raft-[0-7][0-9a-f]{31}$/;

/**
 * Makes the id of a new command.
 *
 * @param logTimeMs The log time as the client knows it. 0 counts as 1, for 0 marks a chosen id.
 * @param random {@linkcode REQUEST_ID_RANDOM_BYTES} unpredictable bytes.
 *
 * @example
 * ```ts
 * import { formatRequestId, makeRequestId } from "./request_id.ts";
 *
 * const id = makeRequestId(1_000, crypto.getRandomValues(new Uint8Array(10)));
 * console.log(formatRequestId(id)); // raft-0000000003e8…
 * ```
 */
export function makeRequestId(logTimeMs: LogTimeMs, random: Uint8Array): Uint8Array {
  assert(Number.isSafeInteger(logTimeMs), () => `log time ${logTimeMs} is not an integer`);
  assert(logTimeMs >= 0 && logTimeMs <= TIME_MS_MAX, () => `log time ${logTimeMs} is out of range`);
  assert(random.length === REQUEST_ID_RANDOM_BYTES, () => `${random.length} random bytes, want 10`);
  const id = new Uint8Array(REQUEST_ID_BYTES);
  let rest = Math.max(1, logTimeMs);
  for (let i = TIME_BYTES - 1; i >= 0; i -= 1) {
    id[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  id.set(random, TIME_BYTES);
  return id;
}

/**
 * The log time at which an id was issued, or 0 for one that a user chose.
 *
 * @param bytes Bytes that hold the id: a payload of a command will do.
 * @param offset Where the id starts.
 */
export function requestIssueTimeMs(bytes: Uint8Array, offset = 0): LogTimeMs {
  const high = bytes[offset]! * 256 + bytes[offset + 1]!;
  const low = ((bytes[offset + 2]! << 24) | (bytes[offset + 3]! << 16) |
    (bytes[offset + 4]! << 8) | bytes[offset + 5]!) >>> 0;
  return high * 4294967296 + low;
}

/** The id as people see it: "raft-" and 32 lower-case hexadecimal digits. */
export function formatRequestId(id: Uint8Array): string {
  assert(id.length === REQUEST_ID_BYTES, () => `a request id has ${id.length} bytes, want 16`);
  let text = PRINTED_PREFIX;
  for (const byte of id) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** Reads what {@linkcode formatRequestId} wrote, or returns null for any other text. */
export function parseRequestId(text: string): Uint8Array | null {
  if (!PRINTED_TEXT.test(text)) return null;
  const digits = text.slice(PRINTED_PREFIX.length);
  const id = new Uint8Array(REQUEST_ID_BYTES);
  for (let i = 0; i < REQUEST_ID_BYTES; i += 1) {
    id[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  }
  return id;
}

/**
 * The id that a user's own text stands for: the same text, the same id. For clients only, as it
 * awaits a digest; nothing that is replayed may.
 *
 * @throws {InvalidRequestError} If the text is empty or too long.
 */
export async function userRequestId(text: string): Promise<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length === 0 || bytes.length > REQUEST_ID_TEXT_BYTES_MAX) {
    throw new InvalidRequestError(
      `Cannot use the request id as it must have 1 to ${REQUEST_ID_TEXT_BYTES_MAX} bytes: ` +
        `it has ${bytes.length}`,
    );
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const id = new Uint8Array(REQUEST_ID_BYTES);
  id.set(digest.subarray(0, REQUEST_ID_RANDOM_BYTES), TIME_BYTES);
  return id;
}

/**
 * The id that a person typed: the printed form of an id that a client made, or any other text as a
 * chosen id.
 *
 * @throws {InvalidRequestError} If the text is empty or too long.
 */
export async function requestIdFromText(text: string): Promise<Uint8Array> {
  return parseRequestId(text) ?? await userRequestId(text);
}
