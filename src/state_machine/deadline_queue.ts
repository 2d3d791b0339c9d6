/**
 * What expires, in the order in which it does: a binary heap whose items know their places.
 *
 * Most deadlines are moved back many times before they come (a client keeps its session alive, a
 * key is written again). So the heap orders by the deadline that an item was queued with and looks
 * at its real one only when that comes to the top; only a deadline that moves forward is sorted in
 * at once. An item is in the heap once, whatever happens to it.
 *
 * The order that a caller sees is that of the real deadlines and, where they are equal, of the
 * items' own order: it does not depend on history, so replicas that were restored from a snapshot
 * see the same.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { LogTimeMs } from "../types.ts";

/** Something with a deadline. The last two fields are the queue's. */
export interface QueuedDeadline {
  /** When it expires. Tell the queue when it changes. */
  readonly deadlineMs: LogTimeMs;
  /** The deadline that it was queued with: never after the real one. */
  queuedMs: LogTimeMs;
  /** Where it stands in the heap; -1 where it is not queued. */
  queuePlace: number;
}

/** See the comment of this module. */
export class DeadlineQueue<Item extends QueuedDeadline> {
  readonly #heap: Item[] = [];
  readonly #precedes: (a: Item, b: Item) => boolean;

  /** Creates an empty queue; `precedes` orders items with the same deadline. */
  constructor(precedes: (a: Item, b: Item) => boolean) {
    this.#precedes = precedes;
  }

  /** How many items are queued. */
  get count(): number {
    return this.#heap.length;
  }

  /** Takes in an item that is not queued. */
  add(item: Item): void {
    assert(item.queuePlace === -1, () => `an item is queued twice, at ${item.queuePlace}`);
    item.queuedMs = item.deadlineMs;
    this.#heap.push(item);
    this.#rise(item, this.#heap.length - 1);
  }

  /** Takes a queued item out. */
  remove(item: Item): void {
    const place = this.#placeOf(item);
    item.queuePlace = -1;
    const last = this.#heap.pop()!;
    if (last === item) return;
    this.#rise(last, place);
    this.#sink(last, last.queuePlace);
  }

  /** The deadline of a queued item was changed. */
  moved(item: Item): void {
    const place = this.#placeOf(item);
    if (item.deadlineMs >= item.queuedMs) return;
    item.queuedMs = item.deadlineMs;
    this.#rise(item, place);
  }

  /** The item that expires first, or undefined where there is none. */
  first(): Item | undefined {
    for (;;) {
      const item = this.#heap[0];
      if (item === undefined || item.queuedMs === item.deadlineMs) return item;
      assert(item.queuedMs < item.deadlineMs, () => `${item.queuedMs} is after ${item.deadlineMs}`);
      item.queuedMs = item.deadlineMs;
      this.#sink(item, 0);
    }
  }

  #placeOf(item: Item): number {
    const place = item.queuePlace;
    assert(this.#heap[place] === item, () => `place ${place} of the queue holds another item`);
    return place;
  }

  #isBefore(a: Item, b: Item): boolean {
    if (a.queuedMs !== b.queuedMs) return a.queuedMs < b.queuedMs;
    return this.#precedes(a, b);
  }

  /** Puts an item at `place` or, where it precedes what is above, higher. */
  #rise(item: Item, place: number): void {
    const heap = this.#heap;
    let at = place;
    while (at > 0) {
      const parent = heap[(at - 1) >> 1]!;
      if (!this.#isBefore(item, parent)) break;
      heap[at] = parent;
      parent.queuePlace = at;
      at = (at - 1) >> 1;
    }
    heap[at] = item;
    item.queuePlace = at;
  }

  /** Puts an item at `place` or, where what is below precedes it, lower. */
  #sink(item: Item, place: number): void {
    const heap = this.#heap;
    let at = place;
    for (;;) {
      let next = 2 * at + 1;
      if (next >= heap.length) break;
      if (next + 1 < heap.length && this.#isBefore(heap[next + 1]!, heap[next]!)) next += 1;
      const child = heap[next]!;
      if (!this.#isBefore(child, item)) break;
      heap[at] = child;
      child.queuePlace = at;
      at = next;
    }
    heap[at] = item;
    item.queuePlace = at;
  }
}
