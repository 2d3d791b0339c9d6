/**
 * Hashes of what a replica holds, to compare replicas by. Each thing that is held (a key, a lease,
 * an answer) has a hash of its own, and the hash of the whole is the sum of them: so it does not
 * depend on the order in which things came, a change costs what the changed thing costs, and a
 * state that was restored from a snapshot has the hash of the one it was taken of.
 *
 * All arithmetic is of 32-bit integers and the same on every runtime. The hash finds what went
 * wrong by itself (a defect, a memory that forgets); it does not withstand a forger.
 *
 * @module
 */

import { crc32 } from "../runtime/checksum.ts";

/** From this size on bytes are hashed by their CRC-32, which the engines have built in. */
const LARGE_BYTES = 2048;

const FIRST_FACTOR = 0x85ebca6b;
const SECOND_FACTOR = 0xc2b2ae35;

/** What every hash starts from. */
export const HASH_SEED = 0x52414654;

/** `hash` with bytes from `start` to `end` added to it. */
export function hashBytes(
  hash: number,
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): number {
  if (end - start >= LARGE_BYTES) return hashLarge(hash, bytes.subarray(start, end));
  // Two lanes, four bytes each: half the time of one, as each multiplication waits for the last.
  let one = hash;
  let other = hash ^ SECOND_FACTOR;
  const paired = end - ((end - start) & 7);
  let at = start;
  for (; at < paired; at += 8) {
    const first = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) |
      (bytes[at + 3]! << 24);
    const second = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) |
      (bytes[at + 7]! << 24);
    one = Math.imul(one ^ first, FIRST_FACTOR);
    one ^= one >>> 15;
    other = Math.imul(other ^ second, SECOND_FACTOR);
    other ^= other >>> 13;
  }
  for (; at < end; at += 1) {
    one = Math.imul(one ^ bytes[at]!, FIRST_FACTOR);
    one ^= one >>> 15;
  }
  return hashInteger(hashInteger(one, other), end - start);
}

/**
 * The same while the bytes are copied to `to`, which costs little more than one of the two: where
 * they start there, in units of four bytes. What is behind them up to the next unit becomes zero.
 */
export function copyAndHashBytes(
  hash: number,
  { bytes, start, end, to, toWord }: {
    readonly bytes: Uint8Array;
    readonly start: number;
    readonly end: number;
    readonly to: Uint32Array;
    readonly toWord: number;
  },
): number {
  if (end - start >= LARGE_BYTES) {
    const source = bytes.subarray(start, end);
    to[toWord + ((source.length - 1) >>> 2)] = 0;
    new Uint8Array(to.buffer, to.byteOffset + 4 * toWord, source.length).set(source);
    return hashLarge(hash, source);
  }
  let one = hash;
  let other = hash ^ SECOND_FACTOR;
  const paired = end - ((end - start) & 7);
  let word = toWord;
  let at = start;
  for (; at < paired; at += 8) {
    const first = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) |
      (bytes[at + 3]! << 24);
    const second = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) |
      (bytes[at + 7]! << 24);
    to[word] = first;
    to[word + 1] = second;
    word += 2;
    one = Math.imul(one ^ first, FIRST_FACTOR);
    one ^= one >>> 15;
    other = Math.imul(other ^ second, SECOND_FACTOR);
    other ^= other >>> 13;
  }
  let rest = 0;
  for (let shift = 0; at < end; at += 1) {
    one = Math.imul(one ^ bytes[at]!, FIRST_FACTOR);
    one ^= one >>> 15;
    rest |= bytes[at]! << shift;
    shift += 8;
    if (shift < 32 && at + 1 < end) continue;
    to[word] = rest;
    word += 1;
    rest = 0;
    shift = 0;
  }
  return hashInteger(hashInteger(one, other), end - start);
}

function hashLarge(hash: number, bytes: Uint8Array): number {
  return hashInteger(hashInteger(hash, crc32(bytes)), bytes.length);
}

/** `hash` with a byte string added to it. */
export function hashByteString(hash: number, text: string): number {
  let sum = hash;
  for (let at = 0; at < text.length; at += 1) {
    sum = Math.imul(sum ^ text.charCodeAt(at), FIRST_FACTOR);
    sum ^= sum >>> 15;
  }
  return hashInteger(sum, text.length);
}

/** The same for the bytes that the string has as characters. */
export function hashKey(
  hash: number,
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): number {
  let sum = hash;
  for (let at = start; at < end; at += 1) {
    sum = Math.imul(sum ^ bytes[at]!, FIRST_FACTOR);
    sum ^= sum >>> 15;
  }
  return hashInteger(sum, end - start);
}

/** `hash` with an integer added to it: its low 32 bits, and what is above them. */
export function hashInteger(hash: number, integer: number): number {
  const low = integer | 0;
  let sum = Math.imul(hash ^ low, FIRST_FACTOR);
  sum ^= sum >>> 15;
  if (integer === low || integer === low >>> 0) return sum;
  return Math.imul(sum ^ Math.floor(integer / 4294967296), SECOND_FACTOR);
}

/** The hash of a whole thing, its bits well mixed: what is added up must have no pattern. */
export function finishHash(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, FIRST_FACTOR);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, SECOND_FACTOR);
  return mixed ^ (mixed >>> 16);
}
