/**
 * A small message in a file, with a header that tells whether it is whole. Little endian.
 *
 * ```
 *  offset  size  field
 *       0     8  magic       what the message is, in ASCII
 *       8     4  formatVersion
 *      12     4  length      of the message in bytes
 *      16     8  generation  grows with each message written to the same place
 *      24     4  messageChecksum  CRC-32 of the message
 *      28     4  headerChecksum   CRC-32 of the bytes from 0 to 28
 *      32     n  message     a Cap'n Proto message of schema/storage.capnp in stream framing
 * ```
 *
 * The header is the same in all versions, so an older program can tell a newer file from a broken
 * one.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32, getUint64, putUint32, putUint64 } from "../bytes.ts";
import { crc32 } from "../runtime/checksum.ts";
import { INTEGER_MAX } from "../types.ts";

/** The bytes in front of the message. */
export const CHECKED_HEADER_BYTES = 32;

/** The length of a magic. */
const MAGIC_BYTES = 8;

/** What lies in front of a message. */
export interface CheckedHeader {
  /** Eight ASCII characters. */
  readonly magic: string;
  readonly formatVersion: number;
  readonly generation: number;
}

/** A message that is whole. */
export interface CheckedMessage {
  readonly formatVersion: number;
  readonly generation: number;
  readonly message: Uint8Array;
}

/** Puts the header in front of `message`. */
export function encodeChecked(header: CheckedHeader, message: Uint8Array): Uint8Array {
  const magic = new TextEncoder().encode(header.magic);
  assert(
    magic.length === MAGIC_BYTES,
    () => `the magic "${header.magic}" has ${magic.length} bytes`,
  );
  assert(header.formatVersion >= 1, () => `the version is ${header.formatVersion}`);
  const bytes = new Uint8Array(CHECKED_HEADER_BYTES + message.length);
  bytes.set(magic);
  putUint32(bytes, 8, header.formatVersion);
  putUint32(bytes, 12, message.length);
  putUint64(bytes, 16, header.generation);
  putUint32(bytes, 24, crc32(message));
  putUint32(bytes, 28, crc32(bytes.subarray(0, 28)));
  bytes.set(message, CHECKED_HEADER_BYTES);
  return bytes;
}

/**
 * The length of the checked message at the start of `bytes`, of which its header is enough; or in
 * words why there is none.
 */
export function checkedBytes(magic: string, bytes: Uint8Array): number | string {
  const expected = new TextEncoder().encode(magic);
  assert(
    expected.length === MAGIC_BYTES,
    () => `the magic "${magic}" has ${expected.length} bytes`,
  );
  if (bytes.length < CHECKED_HEADER_BYTES) return `it has only ${bytes.length} bytes`;
  if (expected.some((byte, at) => bytes[at] !== byte)) return "it has no magic";
  const computed = crc32(bytes.subarray(0, 28));
  if (getUint32(bytes, 28) !== computed) return "the checksum of its header is wrong";
  const generation = getUint64(bytes, 16);
  if (generation > INTEGER_MAX) return `its generation is ${generation}`;
  return CHECKED_HEADER_BYTES + getUint32(bytes, 12);
}

/** The message at the start of `bytes`, or in words why there is none. */
export function decodeChecked(magic: string, bytes: Uint8Array): CheckedMessage | string {
  const end = checkedBytes(magic, bytes);
  if (typeof end === "string") return end;
  if (end > bytes.length) return `it is cut off at ${bytes.length} of ${end} bytes`;
  const message = bytes.slice(CHECKED_HEADER_BYTES, end);
  if (crc32(message) !== getUint32(bytes, 24)) return "its checksum is wrong";
  return { formatVersion: getUint32(bytes, 8), generation: getUint64(bytes, 16), message };
}
