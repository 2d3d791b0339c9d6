/**
 * Cluster and instance ids: 32 hexadecimal digits in memory, 16 bytes in messages and files.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { ProtocolError } from "../errors.ts";

/** The bytes of an id. */
export const ID_BYTES = 16;

const HEX_ID = /^[0-9a-f]{32}$/;
const EMPTY = new Uint8Array(0);

/** The two digits of each byte: every hello and status carries ids. */
const DIGITS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);

/** The bytes of `id`; none for the empty one. */
export function idToBytes(id: string): Uint8Array {
  if (id === "") return EMPTY;
  assert(HEX_ID.test(id), () => `id "${id}" is 32 lower-case hexadecimal digits`);
  const bytes = new Uint8Array(ID_BYTES);
  for (let i = 0; i < ID_BYTES; i += 1) {
    bytes[i] = 16 * digitAt(id, 2 * i) + digitAt(id, 2 * i + 1);
  }
  return bytes;
}

/**
 * The id that `bytes` are; empty where they are.
 *
 * @throws {ProtocolError} If they are neither 16 nor none.
 */
export function bytesToId(bytes: Uint8Array): string {
  if (bytes.length === 0) return "";
  if (bytes.length !== ID_BYTES) {
    throw new ProtocolError(`Cannot read an id of ${bytes.length} bytes: want ${ID_BYTES}`);
  }
  let id = "";
  for (let i = 0; i < ID_BYTES; i += 1) id += DIGITS[bytes[i]!]!;
  return id;
}

/** The bytes of several ids, one behind the other. */
export function idsToBytes(ids: readonly string[]): Uint8Array {
  const bytes = new Uint8Array(ids.length * ID_BYTES);
  for (const [i, id] of ids.entries()) {
    assert(id !== "", () => `id ${i} of ${ids.length} is empty`);
    bytes.set(idToBytes(id), i * ID_BYTES);
  }
  return bytes;
}

/**
 * The ids that `bytes` are, one behind the other.
 *
 * @throws {ProtocolError} If their length is no multiple of 16.
 */
export function bytesToIds(bytes: Uint8Array): string[] {
  if (bytes.length % ID_BYTES !== 0) {
    throw new ProtocolError(
      `Cannot read ids in ${bytes.length} bytes: want a multiple of ${ID_BYTES}`,
    );
  }
  const ids: string[] = [];
  for (let at = 0; at < bytes.length; at += ID_BYTES) {
    ids.push(bytesToId(bytes.subarray(at, at + ID_BYTES)));
  }
  return ids;
}

/** The value of a digit: "0" to "9" are 48 to 57, "a" to "f" 97 to 102. */
function digitAt(id: string, position: number): number {
  const code = id.charCodeAt(position);
  return code < 58 ? code - 48 : code - 87;
}
