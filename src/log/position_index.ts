/**
 * Where the records of a segment are: a sparse index in memory.
 *
 * A point is kept for the first record behind every {@linkcode POINT_BYTES}. From a point a reader
 * walks on: record by record to the end of the unit, then to the next unit header. So memory grows
 * with the bytes of a segment and not with the count of its entries.
 *
 * Who applies entries and who sends them to a follower read on where they stopped, often a few
 * entries at a time. The ends of the last reads are points too, so that they do not walk there
 * again.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index } from "../types.ts";

/** How far apart points are at least, in bytes of the segment. */
export const POINT_BYTES = 64 * 1024;

/** How many ends of reads are kept: one for each follower of a large cluster, and some to spare. */
export const READ_ENDS_MAX = 16;

/** A record, and the end of the unit that it belongs to. */
export interface Point {
  readonly index: Index;
  /** Where the record starts, or where the records end if it is the first of the next unit. */
  readonly position: number;
  /** Where the records of its unit end. */
  readonly recordsEnd: number;
  /** Where the unit ends and the next one starts. */
  readonly unitEnd: number;
}

/** The points of one segment, ascending. */
export class PositionIndex {
  readonly #points: Point[] = [];
  /** Where reads ended; the oldest is replaced first. */
  readonly #readEnds: Point[] = [];
  #oldestReadEnd = 0;

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

  /** Keeps where a read ended, for the one that goes on there. */
  addReadEnd(point: Point): void {
    assert(
      point.position <= point.recordsEnd && point.recordsEnd <= point.unitEnd,
      () => `${point.position} to ${point.recordsEnd} to ${point.unitEnd}`,
    );
    for (const { index } of this.#readEnds) if (index === point.index) return;
    this.#readEnds[this.#oldestReadEnd] = point;
    this.#oldestReadEnd = (this.#oldestReadEnd + 1) % READ_ENDS_MAX;
  }

  /** About how many bytes there are from one record to behind another; rather more than less. */
  bytesBetween(firstIndex: Index, lastIndex: Index): number {
    const behind = this.#points[this.#placeOf(lastIndex) + 1];
    const end = behind?.position ?? this.#points.at(-1)!.unitEnd + POINT_BYTES;
    return Math.max(0, end - this.find(firstIndex).position);
  }

  /** The last point at or before the record with `index`. */
  find(index: Index): Point {
    const point = this.#points[this.#placeOf(index)];
    assert(point !== undefined, () => `no record is known, asked for index ${index}`);
    assert(point.index <= index, () => `the first record has index ${point.index}, want ${index}`);
    let nearest = point;
    for (const end of this.#readEnds) {
      if (end.index <= index && end.index > nearest.index) nearest = end;
    }
    return nearest;
  }

  #placeOf(index: Index): number {
    let low = 0;
    let high = this.#points.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#points[middle]!.index <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
