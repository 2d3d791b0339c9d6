/**
 * A growing buffer that many frames are written into, so that one socket write carries them all.
 *
 * @module
 */
import { assert } from "../assert.ts";

/** How much is allocated at a time: many small messages share one allocation. */
const SLAB_BYTES_DEFAULT = 64 * 1024;

/** The first allocation; each further one is twice as large. Many connections say little. */
const FIRST_SLAB_BYTES = 1024;

const EMPTY = new Uint8Array(0);

/**
 * Collects bytes. What {@linkcode take} hands out is never written to again, as a socket needs it:
 * what is written next goes behind it, or into a new allocation.
 *
 * @example
 * ```ts
 * import { ByteBuilder } from "./byte_builder.ts";
 *
 * const builder = new ByteBuilder();
 * const offset = builder.reserve(8);
 * builder.bytes[offset] = 1;
 * builder.take(); // 8 bytes: 1 and seven zeros
 * ```
 */
export class ByteBuilder {
  readonly #slabBytes: number;
  /** How much the next allocation takes at least. */
  #nextSlabBytes: number;
  #bytes: Uint8Array = EMPTY;
  /** Where what was not taken yet starts. */
  #start = 0;
  /** Behind the last byte; everything from here on is zero. */
  #end = 0;

  /** Creates an empty one; nothing is allocated before the first use. */
  constructor(slabBytes: number = SLAB_BYTES_DEFAULT) {
    assert(slabBytes > 0, () => `slab of ${slabBytes} bytes is not empty`);
    this.#slabBytes = slabBytes;
    this.#nextSlabBytes = Math.min(FIRST_SLAB_BYTES, slabBytes);
  }

  /** How many bytes {@linkcode take} would hand out. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Where {@linkcode reserve} gives offsets into; another one after each call of it. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Appends `count` zeros and returns the offset of the first in `bytes`, to be overwritten. */
  reserve(count: number): number {
    assert(count >= 0, () => `count ${count} is not negative`);
    if (this.#end + count > this.#bytes.length) this.#grow(count);
    const offset = this.#end;
    this.#end = offset + count;
    return offset;
  }

  /** Appends a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    const offset = this.reserve(bytes.length);
    this.#bytes.set(bytes, offset);
  }

  /** Hands out everything since the last call: a view that is never written to again. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    // A large buffer must not stay in memory for the sake of a few small messages.
    if (this.#bytes.length > this.#slabBytes) {
      this.#bytes = EMPTY;
      this.#start = 0;
      this.#end = 0;
    }
    return taken;
  }

  /** Doubles at least, so that the copies stay linear in what was written. */
  #grow(count: number): void {
    const length = this.length;
    const wanted = length + count;
    const capacity = Math.max(wanted, 2 * length, this.#nextSlabBytes);
    this.#nextSlabBytes = Math.min(2 * this.#nextSlabBytes, this.#slabBytes);
    const grown = new Uint8Array(capacity);
    grown.set(this.#bytes.subarray(this.#start, this.#end));
    this.#bytes = grown;
    this.#start = 0;
    this.#end = length;
    assert(this.#end + count <= grown.length, () => `${wanted} bytes fit into ${grown.length}`);
  }
}
