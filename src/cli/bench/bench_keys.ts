/** The length of every key of the benchmark. */
export const BENCH_KEY_BYTES = 16;

const DIGIT_ZERO = 48;
const LETTER_K = 107;

/** A key of 16 bytes: `k` and the number in 15 digits. */
export function benchKey(number: number): Uint8Array {
  const key = new Uint8Array(BENCH_KEY_BYTES);
  key[0] = LETTER_K;
  let rest = number;
  for (let position = BENCH_KEY_BYTES - 1; position > 0; position -= 1) {
    key[position] = DIGIT_ZERO + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return key;
}

/** Draws numbers below a bound, uniformly enough for a benchmark and cheaply. */
export class KeyPicker {
  readonly #count: number;
  #state: number;

  /** Creates a picker of numbers from 0 to `count` − 1; another seed, another order. */
  constructor(count: number, seed: number) {
    this.#count = count;
    this.#state = (seed | 0) || 1;
  }

  /** The next number. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % this.#count;
  }
}
