/**
 * Records that were appended and are not written yet: the next unit, and what does not fit into it.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index } from "../types.ts";
import type { RecordBatch } from "./log.ts";
import { recordEnd } from "./record.ts";

/** Batches in the order of their indexes, without a gap. */
export class PendingRecords {
  #batches: RecordBatch[] = [];
  #bytes = 0;

  /** The bytes of all records. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The size of the first record; 0 where there is none. */
  get firstRecordBytes(): number {
    const first = this.#batches[0];
    return first === undefined ? 0 : recordEnd(first.bytes, 0);
  }

  /** Takes a batch that follows the last one. */
  push(batch: RecordBatch): void {
    const last = this.#batches.at(-1);
    assert(
      last === undefined || batch.firstIndex === last.lastIndex + 1,
      () => `the batch starts at ${batch.firstIndex}, the last one ends at ${last?.lastIndex}`,
    );
    assert(batch.bytes.length > 0, () => `the batch from ${batch.firstIndex} is empty`);
    this.#batches.push(batch);
    this.#bytes += batch.bytes.length;
  }

  /** Removes and returns the records that fit into `bytesMax`; none if the first is larger. */
  take(bytesMax: number): RecordBatch[] {
    assert(bytesMax >= 0, () => `the limit is ${bytesMax}`);
    let bytes = 0;
    let count = 0;
    while (count < this.#batches.length) {
      const size = this.#batches[count]!.bytes.length;
      if (bytes + size > bytesMax) break;
      bytes += size;
      count += 1;
    }
    const next = this.#batches[count];
    const taken = this.#batches.splice(0, count);
    if (next !== undefined) {
      const { head, rest } = splitBatch(next, { bytesMax: bytesMax - bytes });
      if (head !== null) {
        taken.push(head);
        bytes += head.bytes.length;
        assert(rest !== null, () => `a batch of ${next.bytes.length} bytes fits after all`);
        this.#batches[0] = rest;
      }
    }
    this.#bytes -= bytes;
    assert(this.#bytes >= 0, () => `${this.#bytes} bytes are left`);
    return taken;
  }

  /** Removes the records after `lastIndexKept`. */
  truncateSuffix(lastIndexKept: Index): void {
    while (this.#batches.length > 0) {
      const last = this.#batches.at(-1)!;
      if (last.lastIndex <= lastIndexKept) return;
      this.#batches.pop();
      this.#bytes -= last.bytes.length;
      assert(this.#bytes >= 0, () => `${this.#bytes} bytes are left`);
      const { head } = splitBatch(last, { lastIndex: lastIndexKept });
      if (head !== null) this.push(head);
    }
    assert(this.#bytes === 0, () => `${this.#bytes} bytes are left of nothing`);
  }

  /** The records from `firstIndex` to `lastIndex` as far as they are here; the bytes are shared. */
  slices(firstIndex: Index, lastIndex: Index): RecordBatch[] {
    assert(firstIndex <= lastIndex, () => `the range is ${firstIndex} to ${lastIndex}`);
    const slices: RecordBatch[] = [];
    for (const batch of this.#batches) {
      if (batch.lastIndex < firstIndex) continue;
      if (batch.firstIndex > lastIndex) break;
      let slice: RecordBatch | null = batch;
      if (slice.firstIndex < firstIndex) {
        slice = splitBatch(slice, { lastIndex: firstIndex - 1 }).rest;
      }
      if (slice !== null) slice = splitBatch(slice, { lastIndex }).head;
      assert(
        slice !== null,
        () => `the batch ${batch.firstIndex} to ${batch.lastIndex} holds nothing`,
      );
      slices.push(slice);
    }
    return slices;
  }
}

/** Where to split: after so many bytes at most, or after this index at the latest. */
export interface SplitLimits {
  readonly bytesMax?: number;
  readonly lastIndex?: Index;
}

/** Splits a batch between two records; either part is null where it would be empty. */
export function splitBatch(
  batch: RecordBatch,
  limits: SplitLimits,
): { head: RecordBatch | null; rest: RecordBatch | null } {
  const { bytesMax = Infinity, lastIndex = Infinity } = limits;
  const { bytes } = batch;
  if (batch.lastIndex <= lastIndex && bytes.length <= bytesMax) return { head: batch, rest: null };
  let offset = 0;
  let index = batch.firstIndex;
  while (index <= lastIndex && offset < bytes.length) {
    const end = recordEnd(bytes, offset);
    if (end > bytesMax) break;
    offset = end;
    index += 1;
  }
  assert(offset < bytes.length, () => `the batch has no record behind ${offset}`);
  assert(index <= batch.lastIndex, () => `index ${index} is behind the batch`);
  if (index === batch.firstIndex) return { head: null, rest: batch };
  return {
    head: { firstIndex: batch.firstIndex, lastIndex: index - 1, bytes: bytes.subarray(0, offset) },
    rest: { firstIndex: index, lastIndex: batch.lastIndex, bytes: bytes.subarray(offset) },
  };
}
