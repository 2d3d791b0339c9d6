/**
 * Reads the records of a snapshot from the bodies of its frames. A record is a number of integers
 * (seven bits a byte, the lowest first) and bytes behind them, whose length the integers tell.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { INTEGER_MAX } from "../types.ts";
import { badSnapshot, type SnapshotFormat } from "./snapshot_frames.ts";

/** The bytes of the largest integer. */
const INTEGER_BYTES_MAX = 8;

/** Holds what came and was not read yet. */
export class SnapshotRecordReader {
  readonly #format: SnapshotFormat;
  readonly #integers: number[] = [];
  #bytes = new Uint8Array(128 * 1024);
  #start = 0;
  #end = 0;
  /** Where the integers that were read last end, and the bytes of their record start. */
  #integersEnd = 0;

  /** Reads records of a snapshot of this format. */
  constructor(format: SnapshotFormat) {
    this.#format = format;
  }

  /** Whether all that came was read. */
  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /** Adds the body of the next frame. */
  push(body: Uint8Array): void {
    const held = this.#end - this.#start;
    if (this.#end + body.length > this.#bytes.length) {
      const needed = held + body.length;
      const target = needed > this.#bytes.length ? new Uint8Array(2 * needed) : this.#bytes;
      target.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = target;
      this.#start = 0;
      this.#end = held;
    }
    this.#bytes.set(body, this.#end);
    this.#end += body.length;
  }

  /**
   * The integers of the next record, or null where they did not all come yet. Reads nothing: ask
   * for the bytes of the record next, with {@linkcode takeBytes}. The array is used again.
   *
   * @throws {BadDataError} If one is not below 2^53.
   */
  peekIntegers(count: number): readonly number[] | null {
    this.#integersEnd = this.#start;
    this.#integers.length = 0;
    while (this.#integers.length < count) {
      const value = this.#peekInteger();
      if (value < 0) return null;
      this.#integers.push(value);
    }
    return this.#integers;
  }

  /**
   * The bytes of the record whose integers were read last: a view, valid until the next push; or
   * null where they did not all come yet. Where it returns bytes the record is read.
   */
  takeBytes(length: number): Uint8Array | null {
    const start = this.#integersEnd;
    assert(start >= this.#start, "the integers of a record are read before its bytes");
    if (this.#end - start < length) return null;
    this.#start = start + length;
    return this.#bytes.subarray(start, start + length);
  }

  #peekInteger(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < INTEGER_BYTES_MAX; i += 1) {
      if (this.#integersEnd === this.#end) return -1;
      const byte = this.#bytes[this.#integersEnd]!;
      this.#integersEnd += 1;
      value += (byte & 127) * factor;
      factor *= 128;
      if (byte < 128 && value <= INTEGER_MAX) return value;
    }
    throw badSnapshot(this.#format, "a record has an integer beyond 2^53 − 1");
  }
}
