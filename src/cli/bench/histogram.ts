/**
 * A histogram of latencies in microseconds: log-linear buckets, so that a figure is right to less
 * than one in a hundred whatever its size, in a fixed amount of memory.
 *
 * A value below 256 has a bucket of its own. Above that, every doubling is cut into 128 buckets.
 *
 * @module
 */
import { assert } from "../../assert.ts";

const LINEAR_BITS = 8;
const LINEAR_COUNT = 1 << LINEAR_BITS;
const HALF_COUNT = LINEAR_COUNT / 2;
/** Values up to 2^31 − 1 µs, which is 35 minutes; a longer one counts as that. */
const MICROS_MAX = 2 ** 31 - 1;
const BUCKETS = LINEAR_COUNT + (31 - LINEAR_BITS) * HALF_COUNT;

/** The bucket of an integer from 0 to {@linkcode MICROS_MAX}. */
function bucketOf(micros: number): number {
  if (micros < LINEAR_COUNT) return micros;
  const shift = 32 - LINEAR_BITS - Math.clz32(micros);
  return LINEAR_COUNT + (shift - 1) * HALF_COUNT + ((micros >>> shift) - HALF_COUNT);
}

/** The largest value that falls into a bucket. */
function upperBoundOf(bucket: number): number {
  if (bucket < LINEAR_COUNT) return bucket;
  const shift = Math.floor((bucket - LINEAR_COUNT) / HALF_COUNT) + 1;
  const position = (bucket - LINEAR_COUNT) % HALF_COUNT + HALF_COUNT;
  return (position + 1) * 2 ** shift - 1;
}

/** Counts latencies. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #maxMicros = 0;

  /** How many latencies were recorded. */
  get count(): number {
    return this.#count;
  }

  /** The largest one, exactly; 0 where there is none. */
  get maxMicros(): number {
    return this.#maxMicros;
  }

  /** Records one latency; a fraction of a microsecond counts as a whole one. */
  record(micros: number): void {
    const whole = Math.min(MICROS_MAX, Math.max(0, Math.ceil(micros)));
    this.#counts[bucketOf(whole)]! += 1;
    this.#count += 1;
    if (whole > this.#maxMicros) this.#maxMicros = whole;
  }

  /**
   * The latency that `percent` of all do not exceed; 0 where there is none.
   *
   * @param percent From 0 to 100.
   */
  percentile(percent: number): number {
    assert(percent >= 0 && percent <= 100, () => `percentile ${percent} is out of range`);
    if (this.#count === 0) return 0;
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.#counts[bucket]!;
      if (seen >= wanted) return Math.min(upperBoundOf(bucket), this.#maxMicros);
    }
    return this.#maxMicros;
  }
}
