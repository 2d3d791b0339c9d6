/**
 * Frames that are placed by hand, because a library object a message costs a microsecond or more
 * on paths that run hundreds of thousands of times a second. The bytes are valid Cap'n Proto; a
 * reader of this layout falls back to capnp-ts where it meets another valid one.
 *
 * All of them look alike:
 *
 * ```
 * offset
 *      0  segment table: one segment, its size in words
 *      8  root pointer: the root struct follows, 2 words of data and 1 pointer
 *     16  checksum (32 bits), union tag (16 bits), zero (16 bits)
 *     24  term or request id
 *     32  pointer: the struct of the union member follows
 *     40  that struct: data words, then pointers, then what they point to, in their order
 * ```
 *
 * These functions take positional parameters as the helpers of bytes.ts do: an object a call would
 * cost more than the call.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32, getUint64, putUint32, putUint64 } from "../bytes.ts";
import { INTEGER_MAX } from "../types.ts";
import { FRAME_HEADER_BYTES } from "./frame.ts";

/** Where the struct of the union member starts. */
export const MEMBER_OFFSET = 40;

const ROOT_POINTER_HIGH = 2 | (1 << 16);

/** The high half of a pointer to a struct of these sizes. */
export function structSize(dataWords: number, pointers: number): number {
  return dataWords | (pointers << 16);
}

/** The high half of a pointer to `count` bytes. */
export function byteListSize(count: number): number {
  return (count << 3) | 2;
}

/** The bytes that `count` bytes take, padding included. */
export function paddedBytes(count: number): number {
  return (count + 7) & ~7;
}

/** Writes an index, term or id, which must be one. */
export function putInteger(bytes: Uint8Array, offset: number, value: number): void {
  if (!(value >= 0 && value <= INTEGER_MAX && Number.isInteger(value))) {
    assert(false, `${value} is an integer from 0 to 2^53 − 1`);
  }
  putUint64(bytes, offset, value);
}

/** What the part in front of a member's struct says. */
export interface Envelope {
  /** The union tag. */
  tag: number;
  /** The term of a peer message, the request id of a client message. */
  id: number;
  /** The sizes of the member's struct: see {@linkcode structSize}. */
  memberSize: number;
}

/** Writes the first 40 bytes of a frame of `frameBytes`; the checksum stays zero. */
export function putEnvelope(
  bytes: Uint8Array,
  offset: number,
  frameBytes: number,
  envelope: Envelope,
): void {
  putUint32(bytes, offset + 4, (frameBytes - FRAME_HEADER_BYTES) >>> 3);
  putUint32(bytes, offset + 12, ROOT_POINTER_HIGH);
  putUint32(bytes, offset + 20, envelope.tag);
  putInteger(bytes, offset + 24, envelope.id);
  putUint32(bytes, offset + 36, envelope.memberSize);
}

/**
 * Whether `frame` has the envelope of a hand-placed frame and a member of `memberSize`. The caller
 * has cut the frame by its segment table and verified its checksum.
 */
export function hasEnvelope(frame: Uint8Array, memberSize: number): boolean {
  return frame.length >= MEMBER_OFFSET &&
    getUint32(frame, 8) === 0 && getUint32(frame, 12) === ROOT_POINTER_HIGH &&
    getUint32(frame, 32) === 0 && getUint32(frame, 36) === memberSize;
}

/** The union tag of a frame with such an envelope. */
export function envelopeTag(frame: Uint8Array): number {
  return frame[20]! | (frame[21]! << 8);
}

/** The term or request id; above INTEGER_MAX where it is not valid. */
export function envelopeId(frame: Uint8Array): number {
  return getUint64(frame, 24);
}

/**
 * The count of the bytes that follow the pointer at `offset` up to the end of the frame, or -1
 * where the pointer is another one.
 */
export function lastBytesCount(frame: Uint8Array, offset: number): number {
  const high = getUint32(frame, offset + 4);
  const count = high >>> 3;
  const fits = getUint32(frame, offset) === 1 && (high & 7) === 2 &&
    offset + 8 + paddedBytes(count) === frame.length;
  return fits ? count : -1;
}
