/**
 * Counts how long something took: an addition and a few comparisons each time, cheap enough for
 * what happens once a batch.
 *
 * @module
 */

/** The upper bounds of the buckets, in seconds: from a fast disk to one that stands still. */
const BOUNDS_SECONDS = [
  ...[0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064],
  ...[0.128, 0.256, 0.512, 1, 2, 4, 8],
] as const;

/** What was counted so far. */
export interface DurationReadings {
  /** How often it took at most so long, for each bound; the next ones include the ones before. */
  readonly buckets: readonly { readonly seconds: number; readonly count: number }[];
  /** How often it happened. */
  readonly count: number;
  /** How long it took altogether. */
  readonly totalSeconds: number;
}

/** See the comment of this module. */
export class DurationHistogram {
  /** One for each bound, and one for what took longer. */
  readonly #counts = BOUNDS_SECONDS.map(() => 0).concat(0);
  #totalMs = 0;

  /** It took so long. */
  add(durationMs: number): void {
    const seconds = durationMs / 1000;
    let bucket = 0;
    while (bucket < BOUNDS_SECONDS.length && seconds > BOUNDS_SECONDS[bucket]!) bucket += 1;
    this.#counts[bucket]! += 1;
    this.#totalMs += durationMs;
  }

  /** What was counted so far. */
  read(): DurationReadings {
    let count = 0;
    const buckets = BOUNDS_SECONDS.map((seconds, bucket) => {
      count += this.#counts[bucket]!;
      return { seconds, count };
    });
    const total = count + this.#counts.at(-1)!;
    return { buckets, count: total, totalSeconds: this.#totalMs / 1000 };
  }
}
