/**
 * Copies of small byte strings that may be kept for long.
 *
 * @module
 */

/** Small copies share allocations of this size; one that is kept holds no more in memory. */
const SLAB_BYTES = 8 * 1024;

/** A copy is small up to this size. */
const SMALL_BYTES = 1024;

const EMPTY = new Uint8Array(0);

/**
 * Detaches what a caller may keep from the chunk that it arrived in, which would stay in memory as
 * long. An allocation for each copy costs half a microsecond on some runtimes, so they share some.
 */
export class ByteSlab {
  #slab = EMPTY;
  #used = 0;

  /** The same bytes in other memory, unless they are most of the memory that they lie in. */
  detach(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (length === 0) return EMPTY;
    if (length > SMALL_BYTES) {
      return 2 * length < bytes.buffer.byteLength ? bytes.slice() : bytes;
    }
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used = start + length;
    this.#slab.set(bytes, start);
    return this.#slab.subarray(start, this.#used);
  }
}
