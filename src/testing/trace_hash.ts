/**
 * A fingerprint of a run: two runs with the same digest did the same things in the same order.
 *
 * Model: two lanes of 32 bits, each a multiply-and-rotate mix with its own constants; together
 * about 64 bits. It is order-sensitive, and it is not cryptographic: nobody attacks a simulation.
 *
 * @module
 */
import { assert } from "../assert.ts";

const doubleView = new Float64Array(1);
const wordView = new Uint32Array(doubleView.buffer);

/** An order-sensitive hash over the events of a run. */
export class TraceHash {
  #first = 0x243f6a88 | 0;
  #second = 0x85a308d3 | 0;
  #count = 0;

  /** How many words were added: the first thing to compare when two runs differ. */
  get count(): number {
    return this.#count;
  }

  /** Adds the low 32 bits of an integer. */
  addWord(word: number): void {
    let first = Math.imul(this.#first ^ word, 0xcc9e2d51);
    first = (first << 15) | (first >>> 17);
    this.#first = (Math.imul(first, 5) + 0x64654f3c) | 0;
    let second = Math.imul(this.#second + word | 0, 0x1b873593);
    second = (second << 13) | (second >>> 19);
    this.#second = (Math.imul(second, 9) ^ first) | 0;
    this.#count++;
  }

  /** Adds any number, bit by bit. */
  addNumber(value: number): void {
    assert(!Number.isNaN(value), "a trace holds no NaN, whose bits differ between engines");
    doubleView[0] = value;
    this.addWord(wordView[0] as number);
    this.addWord(wordView[1] as number);
  }

  /** Adds a text with its length. */
  addText(text: string): void {
    this.addWord(text.length);
    for (let position = 0; position < text.length; position++) {
      this.addWord(text.charCodeAt(position));
    }
  }

  /** Adds bytes with their length. */
  addBytes(bytes: Uint8Array): void {
    this.addWord(bytes.length);
    for (let position = 0; position < bytes.length; position += 4) {
      const low = (bytes[position] ?? 0) | ((bytes[position + 1] ?? 0) << 8);
      this.addWord(low | ((bytes[position + 2] ?? 0) << 16) | ((bytes[position + 3] ?? 0) << 24));
    }
  }

  /** The state so far as 16 hexadecimal digits; adding may go on. */
  digest(): string {
    let first = Math.imul(this.#first ^ (this.#first >>> 16), 0x85ebca6b);
    first = Math.imul(first ^ (first >>> 13) ^ this.#count, 0xc2b2ae35);
    let second = Math.imul(this.#second ^ (this.#second >>> 15), 0x2c1b3c6d);
    second = Math.imul(second ^ (second >>> 12) ^ first, 0x297a2d39);
    const hexadecimal = (word: number) => (word >>> 0).toString(16).padStart(8, "0");
    return hexadecimal(first ^ (first >>> 16)) + hexadecimal(second ^ (second >>> 15));
  }
}
