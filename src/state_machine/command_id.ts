/**
 * The 16 bytes in front of every command, in two forms that the top bit of the first byte tells
 * apart. All integers are big endian.
 *
 * ```
 * request id  | 0, and 47 bits log time at issue | 80 bits random or of a digest              |
 * session id  | 1, and 63 bits session number    | 40 bits sequence number | 24 bits distance |
 * ```
 *
 * A *request id* (request_id.ts) stands alone, and is recognised within a window of log time.
 *
 * A *session id* names a command by the session of its client and a sequence number that the client
 * counts up from 1. The session number is the index of the entry that opened the session. The
 * distance is the sequence number less the lowest one of the client that has no answer yet: answers
 * below it will never be asked for again. A command is the same command whatever its distance.
 *
 * Some numbers mean something else:
 *
 * - Session number 0 opens a session. The other 8 bytes are a random nonce: the same nonce opens
 *   one session, however often it is sent. The command is {@linkcode encodeOpenSession}.
 * - Sequence number 0 speaks about its session. The command is one of
 *   {@linkcode SessionControl}, one byte.
 *
 * What the commands of sessions do is told in session_table.ts.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32BigEndian, putUint32BigEndian } from "../bytes.ts";
import { type Index, INTEGER_MAX } from "../types.ts";
import { REQUEST_ID_BYTES } from "./request_id.ts";

/** The bytes in front of the command in a payload: its id. */
export const COMMAND_ID_BYTES = REQUEST_ID_BYTES;

/** The bytes of the nonce that a session is opened with. */
export const SESSION_NONCE_BYTES = 8;

/** The largest sequence number. */
export const SESSION_SEQUENCE_MAX = 2 ** 40 - 1;

/** The largest distance between a sequence number and the lowest unanswered one. */
export const SESSION_DISTANCE_MAX = 2 ** 24 - 1;

/** What a command with sequence number 0 says of its session. */
export const SessionControl = {
  /** The client is there. Any other command of the session says so too. */
  keepAlive: 1,
  /** The client is done: the session and its answers may be forgotten. */
  close: 2,
} as const;

/** One of the values of {@linkcode SessionControl}. */
export type SessionControl = (typeof SessionControl)[keyof typeof SessionControl];

/** The first byte of the command that opens a session: a later form of it gets another one. */
const OPEN_FORM = 1;
const OPEN_BYTES = 8;

const SESSION_FLAG = 0x80;
const TWO_POW_32 = 4294967296;

/** A session id as numbers. */
export interface SessionCommandId {
  /** The index of the entry that opened the session; 0 to open one. */
  readonly session: Index;
  /** From 1 on; 0 for a {@linkcode SessionControl}. */
  readonly sequence: number;
  /** The lowest sequence number of the client that has no answer yet: at most `sequence`. */
  readonly lowestUnanswered: number;
}

/** Whether an id, or a payload that starts with one, is of a session. */
export function isSessionCommand(bytes: Uint8Array, offset = 0): boolean {
  return (bytes[offset]! & SESSION_FLAG) !== 0;
}

/** Writes the id of a command of a session, or (sequence number 0) of a word about it. */
export function makeSessionCommandId(id: SessionCommandId): Uint8Array {
  const { session, sequence, lowestUnanswered } = id;
  assert(session >= 1 && session <= INTEGER_MAX, () => `session number ${session} is out of range`);
  assert(
    sequence >= 0 && sequence <= SESSION_SEQUENCE_MAX,
    () => `sequence number ${sequence} is out of range: want at most ${SESSION_SEQUENCE_MAX}`,
  );
  const distance = sequence === 0 ? 0 : sequence - lowestUnanswered;
  assert(
    distance >= 0 && distance <= SESSION_DISTANCE_MAX && (sequence === 0 || lowestUnanswered >= 1),
    () => `sequence number ${sequence} and lowest unanswered ${lowestUnanswered} do not fit`,
  );
  const bytes = new Uint8Array(COMMAND_ID_BYTES);
  putUint32BigEndian(bytes, 0, Math.floor(session / TWO_POW_32));
  putUint32BigEndian(bytes, 4, session % TWO_POW_32);
  bytes[0]! |= SESSION_FLAG;
  bytes[8] = Math.floor(sequence / TWO_POW_32);
  putUint32BigEndian(bytes, 9, sequence % TWO_POW_32);
  bytes[13] = distance >>> 16;
  bytes[14] = distance >>> 8;
  bytes[15] = distance;
  return bytes;
}

/**
 * Reads a session id.
 *
 * @param bytes Bytes that start with it: a payload will do.
 * @returns Null where the numbers cannot be: a session beyond 2^53 − 1, or a distance that is not
 * below the sequence number. `sequence` and `lowestUnanswered` mean nothing where `session` is 0.
 */
export function readSessionCommandId(bytes: Uint8Array): SessionCommandId | null {
  const session = (getUint32BigEndian(bytes, 0) & 0x7fffffff) * TWO_POW_32 +
    getUint32BigEndian(bytes, 4);
  if (session > INTEGER_MAX) return null;
  const sequence = bytes[8]! * TWO_POW_32 + getUint32BigEndian(bytes, 9);
  const distance = (bytes[13]! << 16) | (bytes[14]! << 8) | bytes[15]!;
  const isControl = sequence === 0;
  if (session !== 0 && (isControl ? distance !== 0 : distance >= sequence)) return null;
  return { session, sequence, lowestUnanswered: sequence - distance };
}

/** Writes the id that opens a session. */
export function makeOpenSessionId(nonce: Uint8Array): Uint8Array {
  assert(nonce.length === SESSION_NONCE_BYTES, () => `a nonce has ${nonce.length} bytes, want 8`);
  const bytes = new Uint8Array(COMMAND_ID_BYTES);
  bytes[0] = SESSION_FLAG;
  bytes.set(nonce, COMMAND_ID_BYTES - SESSION_NONCE_BYTES);
  return bytes;
}

/** The command that opens a session: a byte for its form, and 7 bytes of its time-out. */
export function encodeOpenSession(timeoutMs: number): Uint8Array {
  assert(
    Number.isSafeInteger(timeoutMs) && timeoutMs >= 0,
    () => `a time-out of ${timeoutMs} ms is no integer from 0 on`,
  );
  const bytes = new Uint8Array(OPEN_BYTES);
  putUint32BigEndian(bytes, 0, Math.floor(timeoutMs / TWO_POW_32));
  putUint32BigEndian(bytes, 4, timeoutMs % TWO_POW_32);
  bytes[0] = OPEN_FORM;
  return bytes;
}

/** The time-out that a command asks for, or null where it is of no form that this build knows. */
export function decodeOpenSession(command: Uint8Array): number | null {
  if (command.length !== OPEN_BYTES || command[0] !== OPEN_FORM) return null;
  return (getUint32BigEndian(command, 0) & 0xffffff) * TWO_POW_32 + getUint32BigEndian(command, 4);
}

/** What a command with sequence number 0 says, or null where this build does not know it. */
export function decodeSessionControl(command: Uint8Array): SessionControl | null {
  if (command.length !== 1) return null;
  const [control] = command;
  return control === SessionControl.keepAlive || control === SessionControl.close ? control : null;
}
