/**
 * The only source of randomness in a simulation.
 *
 * Model: sfc32 (Chris Doty-Humphrey's small fast counter generator) on 32-bit integer arithmetic,
 * which every JavaScript engine computes alike; no logarithm, power or other approximated function.
 * A generator that is forked by label depends on the seed and the label only, not on how many
 * numbers were drawn before: a change in one part of a run leaves the draws of other parts alone.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Random } from "../runtime/runtime.ts";

const TWO_TO_32 = 4294967296;
const WARM_UP_ROUNDS = 12;

/** Two 32-bit hashes of a text, mixed as in the finalizer of MurmurHash3. */
function hashText(text: string, seed: number): number {
  let hash = (seed ^ 0x9e3779b9) >>> 0;
  for (let position = 0; position < text.length; position++) {
    hash = Math.imul(hash ^ text.charCodeAt(position), 0x85ebca6b);
    hash = (hash << 13) | (hash >>> 19);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A seeded generator: the same seed gives the same numbers on every runtime. */
export class Prng implements Random {
  /** The seed as text; it names a run and replays it. */
  readonly seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Creates a generator from a number or any text. */
  constructor(seed: number | string) {
    this.seed = String(seed);
    this.#a = hashText(this.seed, 1);
    this.#b = hashText(this.seed, 2);
    this.#c = hashText(this.seed, 3);
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.uint32();
  }

  /** An independent stream, named by `label`; the same label gives the same stream again. */
  fork(label: string): Prng {
    return new Prng(`${this.seed}/${label}`);
  }

  /** A uniform integer from 0 to 2^32 − 1. */
  uint32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + result | 0;
    return result >>> 0;
  }

  /** A multiple of 2^-32 from 0 up to, but not, 1. */
  fraction(): number {
    return this.uint32() / TWO_TO_32;
  }

  /** A uniform integer from `min` to `max`, both included. */
  range(min: number, max: number): number {
    const span = max - min + 1;
    assert(Number.isSafeInteger(min) && Number.isSafeInteger(max), () => `range ${min} to ${max}`);
    assert(span >= 1 && span <= TWO_TO_32, () => `range of 1 to 2^32 values: ${min} to ${max}`);
    return min + Math.floor(this.uint32() * span / TWO_TO_32);
  }

  /** True with the given probability, from 0 (never) to 1 (always). */
  chance(probability: number): boolean {
    assert(probability >= 0 && probability <= 1, () => `probability ${probability} is from 0 to 1`);
    return this.uint32() < probability * TWO_TO_32;
  }

  /** One of `choices`, which must not be empty. */
  pick<Choice>(choices: readonly Choice[]): Choice {
    assert(choices.length > 0, "pick needs a choice, got none");
    return choices[this.range(0, choices.length - 1)] as Choice;
  }

  /** Puts `items` into a random order, in place, and returns them. */
  shuffle<Item>(items: Item[]): Item[] {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.range(0, last);
      const moved = items[last] as Item;
      items[last] = items[other] as Item;
      items[other] = moved;
    }
    return items;
  }

  /** Fills `target` with random bytes and returns it. */
  fill(target: Uint8Array): Uint8Array {
    for (let offset = 0; offset < target.length; offset += 4) {
      let word = this.uint32();
      const end = Math.min(offset + 4, target.length);
      for (let position = offset; position < end; position++) {
        target[position] = word & 0xff;
        word >>>= 8;
      }
    }
    return target;
  }
}
