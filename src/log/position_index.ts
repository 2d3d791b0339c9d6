/**
 * Where the records of a segment are: a sparse index in memory.
 *
 * A point is kept for the first record behind every {@linkcode POINT_BYTES}. From a point a reader
 * walks on: record by record to the end of the unit, then to the next unit header. So memory grows
 * with the bytes of a segment and not with the count of its entries.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index } from "../types.ts";

/** How far apart points are at least, in bytes of the segment. */
export const POINT_BYTES = 64 * 1024;

/** A record, and the end of the unit that it belongs to. */
export interface Point {
  readonly index: Index;
  /** Where the record starts. */
  readonly position: number;
  /** Where the records of its unit end. */
  readonly recordsEnd: number;
  /** Where the unit ends and the next one starts. */
  readonly unitEnd: number;
}

/** The points of one segment, ascending. */
export class PositionIndex {
  readonly #points: Point[] = [];

  /** Takes a point, or leaves it out where the last one is near. */
  add(point: Point): void {
    const last = this.#points.at(-1);
    if (last !== undefined) {
      assert(point.index > last.index, () => `index ${point.index} after ${last.index}`);
      assert(point.position > last.position, () => `${point.position} after ${last.position}`);
      if (point.position - last.position < POINT_BYTES) return;
    }
    this.#points.push(point);
  }

  /** The last point at or before the record with `index`. */
  find(index: Index): Point {
    let low = 0;
    let high = this.#points.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#points[middle]!.index <= index) low = middle;
      else high = middle - 1;
    }
    const point = this.#points[low];
    assert(point !== undefined, () => `no record is known, asked for index ${index}`);
    assert(point.index <= index, () => `the first record has index ${point.index}, want ${index}`);
    return point;
  }
}
