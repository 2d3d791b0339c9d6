/**
 * Long work in slices of a few milliseconds, between which other events get their turn: a large
 * state takes seconds to write or to read, and a node must answer meanwhile.
 *
 * @module
 */
import type { Clock } from "../runtime/runtime.ts";

/** How long one slice takes, but for the last piece of work that was begun in it. */
const SLICE_MS = 2;

/** The most bytes of one slice: on a clock that stands still it must end too. */
const SLICE_BYTES = 1024 * 1024;

/** The slice at hand. */
export class TimeSlice {
  readonly #clock: Clock;
  #endMs: number;
  #bytes = 0;

  /** Begins the first slice. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#endMs = clock.nowMs() + SLICE_MS;
  }

  /** Notes what was done in it; true where it is time for others. */
  spend(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes >= SLICE_BYTES || this.#clock.nowMs() >= this.#endMs;
  }

  /** Lets others have their turn, and begins the next slice. */
  async end(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.defer(resolve));
    this.#bytes = 0;
    this.#endMs = this.#clock.nowMs() + SLICE_MS;
  }
}
