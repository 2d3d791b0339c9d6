/**
 * Finds the entry of a key: a hash table (open addressing, linear probing) over typed arrays.
 *
 * ```
 * pair  | hash of the key | id of the entry, 0 for a free place |
 * ```
 *
 * The table is many small ones, chosen by the low bits of the hash, of which each grows by itself:
 * so no command ever pays for the growth of all. The order of the pairs depends on history; nothing
 * that is replicated may be read from it. Both numbers are signed in the table, for engines keep
 * those that do not fit into 31 bits as another kind of number, and compile everything twice.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { type EntryId, type EntryPages, NO_ENTRY } from "./entry_pages.ts";

const PART_BITS = 12;
const PARTS = 1 << PART_BITS;
const PLACES_INITIAL = 8;

/** See the comment of this module. */
export class KeyIndex {
  readonly #pages: EntryPages;
  readonly #parts: (Int32Array | null)[] = Array.from({ length: PARTS }, () => null);
  readonly #counts = new Uint32Array(PARTS);
  #count = 0;

  /** Creates an empty table of entries in `pages`. */
  constructor(pages: EntryPages) {
    this.#pages = pages;
  }

  /** How many keys there are. */
  get count(): number {
    return this.#count;
  }

  /** The entry of the key with this hash that `bytes` have from `start` to `end`, or none. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): EntryId {
    const pairs = this.#parts[hash & (PARTS - 1)]!;
    if (pairs === null) return NO_ENTRY;
    const mask = (pairs.length >>> 1) - 1;
    const wanted = hash | 0;
    for (let place = (hash >>> PART_BITS) & mask;; place = (place + 1) & mask) {
      const id = pairs[2 * place + 1]! >>> 0;
      if (id === NO_ENTRY) return NO_ENTRY;
      if (pairs[2 * place] === wanted && this.#pages.hasKey(id, bytes, start, end)) return id;
    }
  }

  /** Adds an entry; the caller knows that its key is not there. */
  add(hash: number, id: EntryId): void {
    const part = hash & (PARTS - 1);
    let pairs = this.#parts[part]!;
    if (pairs === null) this.#parts[part] = pairs = new Int32Array(2 * PLACES_INITIAL);
    // At most three places of four are taken.
    if (8 * this.#counts[part]! >= 3 * pairs.length) {
      this.#parts[part] = pairs = grown(pairs);
    }
    put(pairs, hash, id);
    this.#counts[part]! += 1;
    this.#count += 1;
  }

  /** Tells the place of an entry that it has another id now. */
  replace(hash: number, change: { readonly from: EntryId; readonly to: EntryId }): void {
    const pairs = this.#parts[hash & (PARTS - 1)]!;
    pairs[2 * placeOf(pairs, hash, change.from) + 1] = change.to;
  }

  /** Removes an entry and moves those behind it forward, so that no search ends too early. */
  remove(hash: number, id: EntryId): void {
    const part = hash & (PARTS - 1);
    const pairs = this.#parts[part]!;
    const mask = (pairs.length >>> 1) - 1;
    let free = placeOf(pairs, hash, id);
    let scan = (free + 1) & mask;
    for (let next = pairs[2 * scan + 1]!; next !== NO_ENTRY; next = pairs[2 * scan + 1]!) {
      // A pair may move to the free place if that is not in front of where its search starts.
      const fromHome = (scan - (pairs[2 * scan]! >>> PART_BITS)) & mask;
      if (fromHome >= ((scan - free) & mask)) {
        pairs[2 * free] = pairs[2 * scan]!;
        pairs[2 * free + 1] = next;
        free = scan;
      }
      scan = (scan + 1) & mask;
    }
    pairs[2 * free + 1] = NO_ENTRY;
    this.#counts[part]! -= 1;
    this.#count -= 1;
  }
}

function placeOf(pairs: Int32Array, hash: number, id: EntryId): number {
  const mask = (pairs.length >>> 1) - 1;
  let place = (hash >>> PART_BITS) & mask;
  while (pairs[2 * place + 1] !== (id | 0)) {
    assert(pairs[2 * place + 1] !== NO_ENTRY, () => `entry ${id} is not in the index`);
    place = (place + 1) & mask;
  }
  return place;
}

function put(pairs: Int32Array, hash: number, id: EntryId): void {
  const mask = (pairs.length >>> 1) - 1;
  let place = (hash >>> PART_BITS) & mask;
  while (pairs[2 * place + 1] !== NO_ENTRY) place = (place + 1) & mask;
  pairs[2 * place] = hash;
  pairs[2 * place + 1] = id;
}

function grown(outgrown: Int32Array): Int32Array {
  const pairs = new Int32Array(2 * outgrown.length);
  for (let at = 0; at < outgrown.length; at += 2) {
    if (outgrown[at + 1] !== NO_ENTRY) put(pairs, outgrown[at]!, outgrown[at + 1]!);
  }
  return pairs;
}
