/**
 * Integers in byte arrays. Log records and hand-placed messages are made of little-endian ones, ids
 * of big-endian ones.
 *
 * @module
 */

const TWO_POW_32 = 4294967296;

/** Reads an unsigned 32-bit integer. */
export function getUint32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) |
    (bytes[offset + 3]! << 24)) >>> 0;
}

/** Reads an unsigned 64-bit integer; the caller checks it against INTEGER_MAX. */
export function getUint64(bytes: Uint8Array, offset: number): number {
  return getUint32(bytes, offset) + getUint32(bytes, offset + 4) * TWO_POW_32;
}

/** Writes an unsigned 32-bit integer. */
export function putUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

/** Writes an unsigned integer below 2^53 as 64 bits. */
export function putUint64(bytes: Uint8Array, offset: number, value: number): void {
  putUint32(bytes, offset, value >>> 0);
  putUint32(bytes, offset + 4, Math.floor(value / TWO_POW_32));
}

/** Reads an unsigned 32-bit integer, the highest byte first. */
export function getUint32BigEndian(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) |
    bytes[offset + 3]!) >>> 0;
}

/** Writes an unsigned 32-bit integer, the highest byte first. */
export function putUint32BigEndian(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}
