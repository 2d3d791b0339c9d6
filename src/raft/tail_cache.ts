/**
 * The most recent records in memory, as they were encoded or received: replication to followers
 * that keep up, and application, take them from here instead of from storage.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { recordEnd } from "../log/record.ts";
import type { RecordBatch } from "../log/log.ts";
import type { Index } from "../types.ts";

/** Records of a range, in order, in one or more pieces of memory. */
export interface RecordParts {
  readonly parts: readonly Uint8Array[];
  readonly lastIndex: Index;
  readonly bytes: number;
}

/** A bounded tail of the log. */
export class TailCache {
  readonly #bytesMax: number;
  /** Consecutive, ascending; those before #head were dropped. */
  #batches: RecordBatch[] = [];
  #head = 0;
  #bytes = 0;

  /** Creates an empty cache that keeps at most `bytesMax`, but always the last batch. */
  constructor(bytesMax: number) {
    assert(bytesMax > 0, () => `cache of ${bytesMax} bytes`);
    this.#bytesMax = bytesMax;
  }

  /** The index of the first record held, or infinity where none is. */
  get firstIndex(): Index {
    return this.#batches[this.#head]?.firstIndex ?? Infinity;
  }

  /** Adds the next records of the log. */
  push(batch: RecordBatch): void {
    const last = this.#batches[this.#batches.length - 1];
    assert(
      last === undefined || batch.firstIndex === last.lastIndex + 1,
      () => `batch starts at ${batch.firstIndex} after ${last?.lastIndex}`,
    );
    this.#batches.push(batch);
    this.#bytes += batch.bytes.length;
    while (this.#bytes > this.#bytesMax && this.#head < this.#batches.length - 1) {
      this.#bytes -= this.#batches[this.#head]!.bytes.length;
      this.#head += 1;
    }
    if (this.#head > 1024) {
      this.#batches = this.#batches.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Forgets the records after `lastIndexKept`. */
  truncateSuffix(lastIndexKept: Index): void {
    while (this.#batches.length > this.#head) {
      const last = this.#batches[this.#batches.length - 1]!;
      if (last.lastIndex <= lastIndexKept) break;
      this.#batches.pop();
      this.#bytes -= last.bytes.length;
      if (last.firstIndex > lastIndexKept) continue;
      const end = offsetOf(last, lastIndexKept + 1);
      this.#batches.push({
        firstIndex: last.firstIndex,
        lastIndex: lastIndexKept,
        bytes: last.bytes.subarray(0, end),
      });
      this.#bytes += end;
    }
    if (this.#batches.length === this.#head) {
      this.#batches = [];
      this.#head = 0;
    }
  }

  /** The batch that holds `index`, or null. */
  batchAt(index: Index): RecordBatch | null {
    if (index < this.firstIndex) return null;
    let low = this.#head;
    let high = this.#batches.length - 1;
    // Readers follow the end closely, so the last batch is asked for most.
    if (this.#batches[high]!.firstIndex <= index) low = high;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#batches[middle]!.firstIndex <= index) low = middle;
      else high = middle - 1;
    }
    const batch = this.#batches[low]!;
    return index <= batch.lastIndex ? batch : null;
  }

  /**
   * Records from `firstIndex` up to `lastIndex`, at least one and as many as fit into `bytesMax`;
   * null where the first is not held.
   */
  range(firstIndex: Index, lastIndex: Index, bytesMax: number): RecordParts | null {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    let index = firstIndex;
    while (index <= lastIndex) {
      const batch = this.batchAt(index);
      if (batch === null) break;
      const piece = cut(batch, { index, lastIndex, bytesMax: bytesMax - bytes }, bytes === 0);
      if (piece === null) break;
      parts.push(piece.bytes);
      bytes += piece.bytes.length;
      index = piece.lastIndex + 1;
      if (piece.lastIndex < batch.lastIndex) break;
    }
    return parts.length === 0 ? null : { parts, lastIndex: index - 1, bytes };
  }
}

/** The offset of the record with `index` in a batch, or the end for the one behind the last. */
export function offsetOf(batch: RecordBatch, index: Index): number {
  let offset = 0;
  for (let i = batch.firstIndex; i < index; i += 1) offset = recordEnd(batch.bytes, offset);
  return offset;
}

function cut(
  batch: RecordBatch,
  range: { readonly index: Index; readonly lastIndex: Index; readonly bytesMax: number },
  atLeastOne: boolean,
): RecordBatch | null {
  const { index, lastIndex, bytesMax } = range;
  if (
    index === batch.firstIndex && lastIndex >= batch.lastIndex && batch.bytes.length <= bytesMax
  ) {
    return batch;
  }
  const start = offsetOf(batch, index);
  let end = start;
  let last = index - 1;
  while (last < Math.min(lastIndex, batch.lastIndex)) {
    const next = recordEnd(batch.bytes, end);
    const first = atLeastOne && last === index - 1;
    if (next - start > bytesMax && !first) break;
    end = next;
    last += 1;
  }
  if (last < index) return null;
  return { firstIndex: index, lastIndex: last, bytes: batch.bytes.subarray(start, end) };
}
