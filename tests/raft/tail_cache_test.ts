/** The newest records in memory, checked against the whole log. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { AssertionError } from "../../src/assert.ts";
import { recordHeader } from "../../src/log/record.ts";
import type { RecordBatch } from "../../src/log/log.ts";
import { offsetOf, type RecordParts, TailCache } from "../../src/raft/tail_cache.ts";
import { createBatch, readBatch } from "../../src/testing/log_batches.ts";

const RECORD_BYTES = 144;

/** `count` records of 144 bytes each. */
function batch(firstIndex: number, count: number, term = 1): RecordBatch {
  return createBatch({ firstIndex, count, term });
}

/** A cache of batches with these counts, from index 1 on. */
function cacheOf(bytesMax: number, ...counts: number[]): TailCache {
  const cache = new TailCache(bytesMax);
  let next = 1;
  for (const count of counts) {
    cache.push(batch(next, count));
    next += count;
  }
  return cache;
}

/** The indexes in the parts of a range. */
function indexesOf(found: RecordParts | null): number[] {
  if (found === null) return [];
  const { parts, lastIndex, bytes } = found;
  assert.equal(parts.reduce((sum, part) => sum + part.length, 0), bytes);
  const indexes = parts.flatMap((part) =>
    readBatch({ firstIndex: 0, lastIndex: 0, bytes: part }).map(({ index }) => index)
  );
  assert.equal(indexes[indexes.length - 1], lastIndex);
  return indexes;
}

describe("TailCache", () => {
  it("holds nothing at first", () => {
    const cache = new TailCache(1_000);
    assert.equal(cache.firstIndex, Infinity);
    assert.equal(cache.batchAt(1), null);
    assert.equal(cache.range(1, 9, 1_000), null);
    cache.truncateSuffix(0);
  });

  it("finds the batch of an index", () => {
    const cache = cacheOf(1e6, 3, 1, 5, 2);
    const found = Array.from({ length: 13 }, (_, i) => cache.batchAt(i)?.firstIndex ?? null);
    assert.deepEqual(found, [null, 1, 1, 1, 4, 5, 5, 5, 5, 5, 10, 10, null]);
  });

  it("drops the oldest batches beyond its size, but never the last", () => {
    const cache = cacheOf(4 * RECORD_BYTES, 2, 2, 1);
    assert.equal(cache.firstIndex, 3);
    cache.push(batch(6, 100));
    assert.equal(cache.firstIndex, 6);
    assert.deepEqual(indexesOf(cache.range(105, 105, 1)), [105]);
    for (let index = 106; index < 4_000; index += 1) cache.push(batch(index, 1));
    assert.equal(cache.firstIndex, 3_996);
    assert.equal(cache.batchAt(3_995), null);
    assert.equal(cache.batchAt(3_999)?.firstIndex, 3_999);
  });

  it("refuses a batch that does not follow", () => {
    for (const firstIndex of [2, 3, 5, 9]) {
      assert.throws(() => cacheOf(1e6, 3).push(batch(firstIndex, 1)), AssertionError);
    }
  });

  it("starts again anywhere once it is empty", () => {
    const cache = cacheOf(1e6, 3);
    cache.truncateSuffix(0);
    assert.equal(cache.firstIndex, Infinity);
    cache.push(batch(1, 1, 2));
    assert.equal(cache.firstIndex, 1);
  });

  it("gives a range in whole batches where it can, without a copy", () => {
    const cache = cacheOf(1e6, 3, 2, 4);
    const found = cache.range(1, 9, 1e6)!;
    assert.deepEqual(found.parts, [1, 4, 6].map((index) => cache.batchAt(index)!.bytes));
    assert.equal(found.parts[0], cache.batchAt(1)!.bytes);
    assert.deepEqual(indexesOf(cache.range(2, 7, 1e6)), [2, 3, 4, 5, 6, 7]);
  });

  it("gives at least one record, then as many as fit", () => {
    const cache = cacheOf(1e6, 3, 3);
    assert.deepEqual(indexesOf(cache.range(2, 6, 1)), [2]);
    assert.deepEqual(indexesOf(cache.range(2, 6, 2 * RECORD_BYTES)), [2, 3]);
    assert.deepEqual(indexesOf(cache.range(2, 6, 3 * RECORD_BYTES - 1)), [2, 3]);
    assert.deepEqual(indexesOf(cache.range(2, 6, 3 * RECORD_BYTES)), [2, 3, 4]);
  });

  it("forgets what was truncated, in the middle of a batch too", () => {
    const cache = cacheOf(1e6, 3, 3, 3);
    cache.truncateSuffix(20);
    cache.truncateSuffix(5);
    assert.equal(cache.batchAt(6), null);
    assert.deepEqual(indexesOf(cache.range(1, 99, 1e6)), [1, 2, 3, 4, 5]);
    cache.push(batch(6, 2, 9));
    const bytes = cache.batchAt(6)!.bytes;
    assert.equal(recordHeader(bytes, 0).term, 9);
    cache.truncateSuffix(3);
    assert.deepEqual(indexesOf(cache.range(3, 99, 1e6)), [3]);
  });

  it("counts its bytes right after a truncation", () => {
    const cache = cacheOf(6 * RECORD_BYTES, 6);
    cache.truncateSuffix(4);
    cache.push(batch(5, 2, 2));
    assert.equal(cache.firstIndex, 1, "six records fit again");
    cache.push(batch(7, 1, 2));
    assert.equal(cache.firstIndex, 5);
  });

  it("behaves as the end of an array, whatever is pushed and truncated", () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ keep: fc.nat(40) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const cache = new TailCache(10 * RECORD_BYTES);
      /** The term of each entry. */
      const log: number[] = [];
      for (const [at, change] of steps.entries()) {
        if ("push" in change) {
          cache.push(batch(log.length + 1, change.push, at + 1));
          for (let i = 0; i < change.push; i += 1) log.push(at + 1);
        } else {
          cache.truncateSuffix(Math.min(change.keep, log.length));
          log.length = Math.min(change.keep, log.length);
        }
        for (let index = 1; index <= log.length + 1; index += 1) {
          const found = cache.batchAt(index);
          assert.equal(found !== null, index >= cache.firstIndex && index <= log.length);
          if (found === null) continue;
          const header = recordHeader(found.bytes, offsetOf(found, index));
          assert.deepEqual([header.index, header.term], [index, log[index - 1]]);
        }
        const held = Math.max(0, log.length - cache.firstIndex + 1);
        assert.ok(held === 0 || held <= 10 + 5, `${held} records are held`);
      }
    }));
  });
});
