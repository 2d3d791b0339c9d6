/**
 * Finds an id among those that are remembered: an open-addressing hash table (linear probing) over
 * one typed array of pairs.
 *
 * ```
 * pair  | hash, 0 for a free place | position of the id in the queue of answers |
 * ```
 *
 * The table starts small, as ids are scattered: in one of full size each of the first ids would
 * touch a page of memory. When it is half full it takes its full size at once, so that no command
 * ever pays for the growth of a large table. With all ids there are it is two thirds full at most:
 * its memory is read at random, and the less it is the nearer it stays to the processor. The order
 * of the pairs depends on history; nothing that is replicated may be read from it.
 *
 * @module
 */
import { assert, AssertionError } from "../assert.ts";

/** The places of a table that holds few ids: 64 KiB. */
const PLACES_INITIAL = 8 * 1024;

/** A hash, a signed integer that is never 0, of the 16 bytes at `offset`. */
export function hashRequestId(bytes: Uint8Array, offset: number): number {
  let hash = 0x9e3779b9;
  for (let at = offset; at < offset + 16; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) |
      (bytes[at + 3]! << 24);
    hash = Math.imul(hash ^ word, 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) || 1;
}

/** A multimap from hashes to positions; whether the ids are equal is for the caller to say. */
export class RequestIdIndex {
  readonly #countMax: number;
  /** How many it has when it is half full for the first time. */
  readonly #fullPlaces: number;
  /** Signed, as hashes are: see key_index.ts. */
  #pairs: Int32Array;
  #mask: number;
  #count = 0;

  /** Creates an empty table for up to `countMax` ids. */
  constructor(countMax: number, places: number = PLACES_INITIAL) {
    assert(
      places > 0 && (places & (places - 1)) === 0,
      () => `${places} places are a power of two`,
    );
    this.#countMax = countMax;
    let fullPlaces = places;
    while (2 * fullPlaces < 3 * countMax) fullPlaces *= 2;
    this.#fullPlaces = fullPlaces;
    this.#pairs = new Int32Array(2 * places);
    this.#mask = places - 1;
  }

  /** The place of the first id with this hash, or -1. */
  first(hash: number): number {
    return this.#scan(hash & this.#mask, hash);
  }

  /** The place of the next id with this hash behind `place`, or -1. */
  next(place: number, hash: number): number {
    return this.#scan((place + 1) & this.#mask, hash);
  }

  /** The position that is held at a place. */
  positionAt(place: number): number {
    return this.#pairs[2 * place + 1]! >>> 0;
  }

  /** Adds an id; the caller knows that it is not there. */
  add(hash: number, position: number): void {
    // The message is made only where it is needed: this runs for every command.
    if (this.#count >= this.#countMax) {
      throw new AssertionError(`The index holds ${this.#count} of ${this.#countMax} ids`);
    }
    if (2 * this.#count > this.#mask && this.#mask < this.#fullPlaces - 1) this.#grow();
    this.#put(hash, position);
    this.#count += 1;
  }

  /** Where the id at `from` in the queue has its place, or -1 where it has none any more. */
  placeOf(hash: number, from: number): number {
    let place = this.first(hash);
    while (place >= 0 && this.positionAt(place) !== from) place = this.next(place, hash);
    return place;
  }

  /** Tells a place that its id has another position now. */
  move(place: number, position: number): void {
    this.#pairs[2 * place + 1] = position;
  }

  /** Frees a place and moves those behind it forward, so that no search ends too early. */
  remove(place: number): void {
    const pairs = this.#pairs;
    const mask = this.#mask;
    let free = place;
    let scan = (place + 1) & mask;
    for (let hash = pairs[2 * scan]!; hash !== 0; hash = pairs[2 * scan]!) {
      // A pair may move to the free place if that is not in front of where its search starts.
      const fromHome = (scan - (hash & mask)) & mask;
      if (fromHome >= ((scan - free) & mask)) {
        pairs[2 * free] = hash;
        pairs[2 * free + 1] = pairs[2 * scan + 1]!;
        free = scan;
      }
      scan = (scan + 1) & mask;
    }
    pairs[2 * free] = 0;
    this.#count -= 1;
  }

  #put(hash: number, position: number): void {
    const pairs = this.#pairs;
    const mask = this.#mask;
    let place = hash & mask;
    while (pairs[2 * place] !== 0) place = (place + 1) & mask;
    pairs[2 * place] = hash;
    pairs[2 * place + 1] = position;
  }

  #grow(): void {
    const outgrown = this.#pairs;
    const places = this.#fullPlaces;
    this.#pairs = new Int32Array(2 * places);
    this.#mask = places - 1;
    for (let at = 0; at < outgrown.length; at += 2) {
      if (outgrown[at] !== 0) this.#put(outgrown[at]!, outgrown[at + 1]!);
    }
  }

  #scan(start: number, hash: number): number {
    const pairs = this.#pairs;
    let place = start;
    for (let held = pairs[2 * place]!; held !== 0; held = pairs[2 * place]!) {
      if (held === hash) return place;
      place = (place + 1) & this.#mask;
    }
    return -1;
  }
}
