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
  #end: number;
  #buffer: Uint8Array;
  /** Where in the file the buffer starts, and how much of it is filled. */
  #start = 0;
  #filled = 0;

  /**
   * Creates a window into `file`, which ends at `end`.
   *
   * @param options.windowBytes How much to read at once.
   * @param options.buffer What to read into, of so many bytes at least; a new one unless given.
   */
  constructor(
    file: File,
    options: {
      readonly end: number;
      readonly windowBytes?: number;
      readonly buffer?: Uint8Array;
    },
  ) {
    const { end, windowBytes = WINDOW_BYTES, buffer } = options;
    assert(end >= 0, () => `the end is ${end}`);
    assert(windowBytes > 0, () => `the window has ${windowBytes} bytes`);
    this.#file = file;
    this.#end = end;
    const bytes = Math.min(windowBytes, Math.max(end, 1));
    assert(
      buffer === undefined || buffer.length >= bytes,
      () => `the buffer has ${buffer?.length} bytes, want ${bytes}`,
    );
    this.#buffer = buffer?.subarray(0, bytes) ?? new Uint8Array(bytes);
  }

  /** Where the file ends. */
  get end(): number {
    return this.#end;
  }

  /**
   * Whether `view` would show these bytes, as far as the file has them. A caller that asks before
   * it waits runs through a whole window without giving the loop away.
   */
  holds(position: number, bytes: number): boolean {
    const wanted = Math.max(0, Math.min(bytes, this.#end - position));
    const offset = position - this.#start;
    return offset >= 0 && offset + wanted <= this.#filled;
  }

  /** Reads so that the window starts at `position` and has at least `bytes`, or the file ends. */
  async load(position: number, bytes: number): Promise<void> {
    assert(position >= 0, () => `the position is ${position}`);
    assert(!this.holds(position, bytes), () => `the bytes at ${position} were read already`);
    const rest = Math.max(0, this.#end - position);
    const wanted = Math.min(bytes, rest);
    if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted);
    this.#filled = 0;
    this.#start = position;
    const window = this.#buffer.subarray(0, rest);
    this.#filled = await this.#file.read(window, position);
    assert(this.#filled <= window.length, () => `read ${this.#filled} bytes into ${window.length}`);
    // Fewer only at the end: the file was cut since it was measured.
    if (this.#filled < window.length) this.#end = Math.min(this.#end, position + this.#filled);
  }

  /** Forgets what was read, so that the next look shows what is there then. */
  forget(): void {
    this.#start = 0;
    this.#filled = 0;
  }

  /** The bytes at `position`, or fewer where the file ends; valid until the next `load`. */
  view(position: number, bytes: number): Uint8Array {
    const offset = position - this.#start;
    assert(offset >= 0, () => `the window starts at ${this.#start}, behind ${position}`);
    return this.#buffer.subarray(offset, Math.max(offset, Math.min(offset + bytes, this.#filled)));
  }
}
