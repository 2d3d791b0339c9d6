/**
 * Entries in the order of their keys: typed arrays that never change once they are made, and the
 * work that makes one of two, a little at a time.
 *
 * The first bytes of each key lie beside the ids, so that most comparisons read memory in a row;
 * only keys that begin alike are looked up.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { bigEndianWord, type EntryId, type EntryPages } from "./entry_pages.ts";

/** Ids in the order of their keys. */
export interface KeyRun {
  readonly ids: Uint32Array;
  /** The first four bytes of each key, and the four behind them. */
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  readonly count: number;
}

/** A run of nothing. */
export const EMPTY_RUN: KeyRun = createRun(0);

/** Makes a run of entries in any order; sorts `ids`, of which it keeps none. */
export function sortedRun(pages: EntryPages, ids: readonly EntryId[]): KeyRun {
  const count = ids.length;
  const unsorted = createRun(count);
  let isSorted = true;
  for (let at = 0; at < count; at += 1) {
    const id = ids[at]!;
    unsorted.ids[at] = id;
    unsorted.high[at] = pages.keyWord(id, 0);
    unsorted.low[at] = pages.keyWord(id, 4);
    if (at > 0 && isSorted) isSorted = compareAt(pages, unsorted, at - 1, unsorted, at) < 0;
  }
  if (isSorted) return unsorted;
  const order = mergeSort(count, (one, other) => {
    return compareAt(pages, unsorted, one, unsorted, other) <= 0;
  });
  const sorted = createRun(count);
  for (let at = 0; at < count; at += 1) copyAt(unsorted, order[at]!, sorted, at);
  return sorted;
}

/** Below, at or above 0 as the key at a place of one run is before, equal to or behind another. */
export function compareAt(
  pages: EntryPages,
  one: KeyRun,
  at: number,
  other: KeyRun,
  otherAt: number,
): number {
  const high = one.high[at]! - other.high[otherAt]!;
  if (high !== 0) return high;
  const low = one.low[at]! - other.low[otherAt]!;
  return low === 0 ? pages.compareKeys(one.ids[at]!, other.ids[otherAt]!) : low;
}

/** The place of the first key of a run that is not before `key`. */
export function placeInRun(pages: EntryPages, run: KeyRun, key: Uint8Array): number {
  const high = bigEndianWord(key, 0, key.length);
  const low = bigEndianWord(key, 4, key.length);
  let start = 0;
  let end = run.count;
  while (start < end) {
    const middle = (start + end) >>> 1;
    let order = run.high[middle]! - high;
    if (order === 0) order = run.low[middle]! - low;
    if (order === 0) order = pages.compareTo(run.ids[middle]!, key);
    if (order < 0) start = middle + 1;
    else end = middle;
  }
  return start;
}

/**
 * Two runs that become one, without the entries that were removed. The two stay as they are, and
 * are to be read until it is done; only then may the rooms of what was left out be used again.
 */
export class RunMerge {
  /** The entries that were left out. */
  readonly dropped: EntryId[] = [];
  readonly #pages: EntryPages;
  readonly #one: KeyRun;
  readonly #other: KeyRun;
  readonly #merged: KeyRun;
  /** Every key of the second run is behind those of the first, as where keys ascend. */
  readonly #isInOrder: boolean;
  #at = 0;
  #otherAt = 0;
  #count = 0;

  /** Begins; nothing is merged yet. */
  constructor(pages: EntryPages, one: KeyRun, other: KeyRun) {
    this.#pages = pages;
    this.#one = one;
    this.#other = other;
    this.#merged = createRun(one.count + other.count);
    this.#isInOrder = one.count === 0 || other.count === 0 ||
      compareAt(pages, one, one.count - 1, other, 0) < 0;
  }

  /** Whether all is merged. */
  get isDone(): boolean {
    return this.#at === this.#one.count && this.#otherAt === this.#other.count;
  }

  /**
   * Goes on, by at most so many entries.
   *
   * @param hasDead Whether any entry may have been removed.
   */
  step(countMax: number, hasDead: boolean): void {
    const one = this.#one;
    const other = this.#other;
    const pages = this.#pages;
    if (this.#isInOrder && !hasDead) return this.#copy(countMax);
    for (let left = countMax; left > 0; left -= 1) {
      const isOneOver = this.#at === one.count;
      if (isOneOver && this.#otherAt === other.count) return;
      const takesOne = !isOneOver && (this.#otherAt === other.count ||
        compareAt(pages, one, this.#at, other, this.#otherAt) <= 0);
      const from = takesOne ? one : other;
      const at = takesOne ? this.#at++ : this.#otherAt++;
      const id = from.ids[at]!;
      if (hasDead && pages.isDead(id)) this.dropped.push(id);
      else {
        copyAt(from, at, this.#merged, this.#count);
        this.#count += 1;
      }
    }
  }

  /** Copies at most so many entries: nothing is to be compared. */
  #copy(countMax: number): void {
    const count = Math.min(countMax, this.#one.count - this.#at);
    copyRange(this.#one, this.#at, this.#merged, { toAt: this.#count, count });
    this.#at += count;
    this.#count += count;
    const otherCount = Math.min(countMax - count, this.#other.count - this.#otherAt);
    const range = { toAt: this.#count, count: otherCount };
    copyRange(this.#other, this.#otherAt, this.#merged, range);
    this.#otherAt += otherCount;
    this.#count += otherCount;
  }

  /** What the two became. */
  take(): KeyRun {
    assert(this.isDone, "a merge is taken that is not done");
    const { ids, high, low } = this.#merged;
    const count = this.#count;
    if (count === ids.length) return this.#merged;
    return {
      ids: ids.slice(0, count),
      high: high.slice(0, count),
      low: low.slice(0, count),
      count,
    };
  }
}

function createRun(count: number): KeyRun {
  return {
    ids: new Uint32Array(count),
    high: new Uint32Array(count),
    low: new Uint32Array(count),
    count,
  };
}

function copyAt(from: KeyRun, at: number, to: KeyRun, toAt: number): void {
  to.ids[toAt] = from.ids[at]!;
  to.high[toAt] = from.high[at]!;
  to.low[toAt] = from.low[at]!;
}

function copyRange(
  from: KeyRun,
  at: number,
  to: KeyRun,
  { toAt, count }: { readonly toAt: number; readonly count: number },
): void {
  to.ids.set(from.ids.subarray(at, at + count), toAt);
  to.high.set(from.high.subarray(at, at + count), toAt);
  to.low.set(from.low.subarray(at, at + count), toAt);
}

/** The numbers below `count`, sorted. The sort of the engine would make them numbers on a heap. */
function mergeSort(count: number, isInOrder: (one: number, other: number) => boolean): Uint32Array {
  let from = Uint32Array.from({ length: count }, (_, at) => at);
  let to = new Uint32Array(count);
  for (let width = 1; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      const middle = Math.min(start + width, count);
      const end = Math.min(start + 2 * width, count);
      let one = start;
      let other = middle;
      for (let at = start; at < end; at += 1) {
        const takesOne = one < middle &&
          (other >= end || isInOrder(from[one]!, from[other]!));
        to[at] = takesOne ? from[one++]! : from[other++]!;
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
