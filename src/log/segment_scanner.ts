/**
 * Reads a segment from one end to the other through one buffer, so that memory stays bounded
 * however large the log is.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { File } from "../runtime/runtime.ts";

/** How much is read at once unless more is asked for. */
export const WINDOW_BYTES = 1024 * 1024;

/** A window into a file that moves forward. */
export class SegmentScanner {
  readonly #file: File;
  readonly #end: number;
  #buffer: Uint8Array;
  /** Where in the file the buffer starts, and how much of it is filled. */
  #start = 0;
  #filled = 0;

  /**
   * Creates a window into `file`, which ends at `end`.
   *
   * @param options.windowBytes How much to read at once.
   */
  constructor(
    file: File,
    options: { readonly end: number; readonly windowBytes?: number },
  ) {
    const { end, windowBytes = WINDOW_BYTES } = options;
    assert(end >= 0, `the end is ${end}`);
    assert(windowBytes > 0, `the window has ${windowBytes} bytes`);
    this.#file = file;
    this.#end = end;
    this.#buffer = new Uint8Array(Math.min(windowBytes, Math.max(end, 1)));
  }

  /** Where the file ends. */
  get end(): number {
    return this.#end;
  }

  /**
   * The bytes at `position`, without waiting, if they were read already; else null. They are valid
   * until the next `load`.
   */
  peek(position: number, bytes: number): Uint8Array | null {
    const offset = position - this.#start;
    if (offset < 0 || offset + bytes > this.#filled) return null;
    return this.#buffer.subarray(offset, offset + bytes);
  }

  /** The bytes at `position`, or fewer where the file ends; valid until the next `load`. */
  async load(position: number, bytes: number): Promise<Uint8Array> {
    assert(position >= 0, `the position is ${position}`);
    const wanted = Math.max(0, Math.min(bytes, this.#end - position));
    const held = this.peek(position, wanted);
    if (held !== null) return held;
    if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted);
    this.#filled = 0;
    this.#start = position;
    const window = this.#buffer.subarray(0, this.#end - position);
    this.#filled = await this.#file.read(window, position);
    assert(this.#filled <= window.length, `read ${this.#filled} bytes into ${window.length}`);
    return this.#buffer.subarray(0, Math.min(wanted, this.#filled));
  }
}
