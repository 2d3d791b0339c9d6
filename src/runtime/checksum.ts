/**
 * CRC-32 (the polynomial of zlib and Ethernet), by the one built-in that Node, Deno and Bun share.
 *
 * @module
 */
import { crc32 as zlibCrc32 } from "node:zlib";

/**
 * The CRC-32 of `bytes`, an unsigned 32-bit integer.
 *
 * @param bytes What to sum up.
 * @param seed The checksum of the bytes before them, to sum up in parts.
 */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return zlibCrc32(bytes, seed) >>> 0;
}
