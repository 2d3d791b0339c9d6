/**
 * Reads exact numbers of bytes from a sequence of chunks that is cut at any place.
 *
 * @module
 */

/** A reader of chunks. One reads at a time. */
export class ByteSource implements AsyncIterable<Uint8Array> {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #offset = 0;

  /** Reads from `chunks`, which belong to this reader from now on. */
  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#iterator = chunks[Symbol.asyncIterator]();
  }

  /** The next `length` bytes, fewer only where the chunks end: perhaps a view into a chunk. */
  async read(length: number): Promise<Uint8Array> {
    if (this.#chunk.length - this.#offset >= length) return this.#take(length);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length && await this.#advance()) {
      const part = this.#take(Math.min(length - filled, this.#chunk.length - this.#offset));
      bytes.set(part, filled);
      filled += part.length;
    }
    return bytes.subarray(0, filled);
  }

  /** Whether nothing is left. */
  async isAtEnd(): Promise<boolean> {
    return !await this.#advance();
  }

  /** Tells the owner of the chunks that no more of them are read. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  /** The rest, in chunks. Leaving the loop early does not close this reader. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    while (await this.#advance()) yield this.#take(this.#chunk.length - this.#offset);
  }

  #take(length: number): Uint8Array {
    const start = this.#offset;
    this.#offset += length;
    return this.#chunk.subarray(start, this.#offset);
  }

  /** Makes sure that the chunk at hand has unread bytes, or says that there are no more. */
  async #advance(): Promise<boolean> {
    while (this.#offset === this.#chunk.length) {
      const next = await this.#iterator.next();
      if (next.done === true) return false;
      this.#chunk = next.value;
      this.#offset = 0;
    }
    return true;
  }
}
