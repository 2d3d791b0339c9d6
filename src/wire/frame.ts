/**
 * Cuts a stream of bytes into frames: the standard stream framing of Cap'n Proto, exactly one
 * segment a message.
 *
 * ```
 * offset  size  field
 *      0     4  segments less one: 0
 *      4     4  size of the segment in words of 8 bytes
 *      8     n  the segment
 * ```
 *
 * Whatever else arrives (a browser, a TLS client, a port scanner, a flipped bit) is refused by its
 * first bytes, before anything is allocated for it. Memory grows with what has arrived, never with
 * what a header announces.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32 } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import { FRAME_BYTES_MAX } from "../limits.ts";

/** The bytes in front of the segment. */
export const FRAME_HEADER_BYTES = 8;

/** The largest first frame on a connection: a hello. */
export const HELLO_FRAME_BYTES_MAX = 4 * 1024;

/** A root pointer and a word of data: less cannot carry a message. */
const SEGMENT_WORDS_MIN = 2;

/** The least that is allocated for a frame that spans chunks. */
const ASSEMBLY_BYTES_MIN = 4 * 1024;

const EMPTY = new Uint8Array(0);

/**
 * Takes chunks as they arrive and hands out whole frames, each with its header. A frame inside one
 * chunk is a view of it; one that spans chunks is copied together, in time linear in its size.
 *
 * @example
 * ```ts
 * import { FrameDecoder, HELLO_FRAME_BYTES_MAX } from "./frame.ts";
 *
 * const decoder = new FrameDecoder();
 * decoder.frameBytesMax = HELLO_FRAME_BYTES_MAX; // until the hello is there
 * decoder.push(new Uint8Array(7));
 * decoder.next(); // null: the rest of the header is missing
 * ```
 */
export class FrameDecoder {
  /**
   * The largest frame that is accepted, in bytes with its header. Looked at when a header is read,
   * so a change between two calls of `next` is in effect for the next frame.
   */
  frameBytesMax: number = FRAME_BYTES_MAX;

  /** The chunk that is being cut, and how far. */
  #chunk: Uint8Array = EMPTY;
  #offset = 0;
  /** The chunks behind it, where the caller stopped before the end of one. */
  #queue: Uint8Array[] = [];
  /** The beginning of a frame that spans chunks; never more than that frame. */
  #assembly: Uint8Array = EMPTY;
  #assembledBytes = 0;
  #error: ProtocolError | null = null;

  /** Bytes that arrived and are not part of a frame handed out. */
  get bufferedBytes(): number {
    const queued = this.#queue.reduce((sum, chunk) => sum + chunk.length, 0);
    return this.#assembledBytes + this.#chunk.length - this.#offset + queued;
  }

  /**
   * Takes the next chunk, which nobody may write to afterwards. A caller that does not draw all
   * frames at once bounds what it pushes by {@linkcode bufferedBytes}.
   */
  push(chunk: Uint8Array): void {
    if (this.#offset < this.#chunk.length) {
      this.#queue.push(chunk);
      return;
    }
    assert(this.#queue.length === 0, () => `${this.#queue.length} chunks wait behind none`);
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /**
   * The next whole frame, or null where more bytes are needed.
   *
   * @throws {ProtocolError} If the bytes are no frame or a frame that is too large; then always.
   */
  next(): Uint8Array | null {
    if (this.#error !== null) throw this.#error;
    try {
      for (;;) {
        const frame = this.#assembledBytes === 0 ? this.#nextInChunk() : this.#nextAssembled();
        if (frame !== null) return frame;
        assert(this.#offset === this.#chunk.length, "without a frame the chunk is used up");
        const chunk = this.#queue.shift();
        this.#chunk = chunk ?? EMPTY;
        this.#offset = 0;
        if (chunk === undefined) return null;
      }
    } catch (error) {
      if (error instanceof ProtocolError) this.#error = error;
      throw error;
    }
  }

  /**
   * Hands out what arrived behind the last frame, for whoever takes the connection over; the
   * decoder is empty afterwards. Only right behind a frame that {@linkcode next} gave.
   */
  takeRest(): Uint8Array {
    assert(
      this.#assembledBytes === 0,
      () => `${this.#assembledBytes} bytes of a frame were assembled`,
    );
    const rest = [this.#chunk.subarray(this.#offset), ...this.#queue];
    this.#chunk = EMPTY;
    this.#offset = 0;
    this.#queue = [];
    if (rest.length === 1) return rest[0]!;
    const bytes = new Uint8Array(rest.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of rest) {
      bytes.set(part, offset);
      offset += part.length;
    }
    return bytes;
  }

  #nextInChunk(): Uint8Array | null {
    const start = this.#offset;
    const available = this.#chunk.length - start;
    if (available === 0) return null;
    const frameBytes = this.#frameBytes(this.#chunk, start, available);
    if (frameBytes === null || frameBytes > available) {
      this.#assembleUpTo(frameBytes ?? FRAME_HEADER_BYTES);
      return null;
    }
    this.#offset = start + frameBytes;
    // A chunk often is one frame: then no view is made.
    if (frameBytes === this.#chunk.length) return this.#chunk;
    return this.#chunk.subarray(start, this.#offset);
  }

  /** Continues the frame that spans chunks. */
  #nextAssembled(): Uint8Array | null {
    this.#assembleUpTo(Math.max(FRAME_HEADER_BYTES, this.#assembledBytes));
    const frameBytes = this.#frameBytes(this.#assembly, 0, this.#assembledBytes);
    if (frameBytes === null) return null;
    this.#assembleUpTo(frameBytes);
    if (this.#assembledBytes < frameBytes) return null;
    const frame = this.#assembly.subarray(0, frameBytes);
    this.#assembly = EMPTY;
    this.#assembledBytes = 0;
    return frame;
  }

  /** Moves bytes from the chunk until the assembly has `targetBytes` or the chunk is used up. */
  #assembleUpTo(targetBytes: number): void {
    const start = this.#assembledBytes;
    const count = Math.min(targetBytes - start, this.#chunk.length - this.#offset);
    assert(count >= 0, () => `${start} assembled bytes are at most ${targetBytes}`);
    const total = start + count;
    if (total > this.#assembly.length) {
      // Fourfold at a time: linear in what arrived, whatever the header announces.
      const capacity = Math.min(targetBytes, Math.max(ASSEMBLY_BYTES_MIN, 4 * total));
      const grown = new Uint8Array(capacity);
      grown.set(this.#assembly.subarray(0, start));
      this.#assembly = grown;
    }
    this.#assembly.set(this.#chunk.subarray(this.#offset, this.#offset + count), start);
    this.#assembledBytes = total;
    this.#offset += count;
  }

  /** The size of the frame at `start`, or null while its header is not there. */
  #frameBytes(bytes: Uint8Array, start: number, available: number): number | null {
    if (available < 4) return null;
    if (getUint32(bytes, start) !== 0) throw foreignBytes(bytes, start);
    if (available < FRAME_HEADER_BYTES) return null;
    const words = getUint32(bytes, start + 4);
    if (words < SEGMENT_WORDS_MIN) {
      throw new ProtocolError(
        `Cannot read a message of ${words} words: want at least ${SEGMENT_WORDS_MIN}`,
      );
    }
    const frameBytes = FRAME_HEADER_BYTES + words * 8;
    if (frameBytes > this.frameBytesMax) {
      throw new ProtocolError(
        `Cannot read a message of ${frameBytes} bytes: want at most ${this.frameBytesMax}`,
      );
    }
    return frameBytes;
  }
}

const HTTP_STARTS = [
  "GET ",
  "HEAD",
  "POST",
  "PUT ",
  "DELE",
  "CONN",
  "OPTI",
  "TRAC",
  "PATC",
  "PRI ",
];

/** Says what the bytes at `start`, at least four, look like. */
function foreignBytes(bytes: Uint8Array, start: number): ProtocolError {
  const first = [...bytes.subarray(start, start + 4)];
  const text = String.fromCharCode(...first);
  if (HTTP_STARTS.includes(text)) {
    return new ProtocolError(
      "Cannot read this as a message: it looks like an HTTP request, and this port speaks Raft",
    );
  }
  if (text === "HTTP") {
    return new ProtocolError("Cannot read this as a message: it looks like an answer of HTTP");
  }
  if (first[0]! >= 0x14 && first[0]! <= 0x17 && first[1] === 3) {
    return new ProtocolError(
      "Cannot read this as a message: it looks like TLS; want TLS on both sides or on none",
    );
  }
  if (text.startsWith("SSH")) {
    return new ProtocolError("Cannot read this as a message: it looks like SSH");
  }
  const count = getUint32(bytes, start) + 1;
  return new ProtocolError(`Cannot read a message of ${count} segments: want exactly 1`);
}
