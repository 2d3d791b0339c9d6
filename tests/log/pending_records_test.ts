/** Records that wait for their unit. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PendingRecords, splitBatch } from "../../src/log/pending_records.ts";
import { recordBytes, verifyRecords } from "../../src/log/record.ts";
import { createBatch } from "../../src/testing/log_batches.ts";

const SIZE = recordBytes(100);

/** Three batches: 1 to 3, 4, 5 to 9. */
function createPending(): PendingRecords {
  const pending = new PendingRecords();
  for (const [firstIndex, count] of [[1, 3], [4, 1], [5, 5]]) {
    pending.push(createBatch({ firstIndex: firstIndex!, count: count!, term: 1 }));
  }
  return pending;
}

describe("PendingRecords", () => {
  it("gives out whole records in their order, as many as fit", () => {
    for (let limit = 0; limit <= 10 * SIZE; limit += SIZE / 2) {
      const pending = createPending();
      let next = 1;
      for (let round = 0; round < 20; round += 1) {
        const taken = pending.take(limit);
        let bytes = 0;
        for (const batch of taken) {
          assert.equal(batch.firstIndex, next);
          next = verifyRecords(batch.bytes, next).lastIndex + 1;
          assert.equal(batch.lastIndex, next - 1);
          bytes += batch.bytes.length;
        }
        assert.ok(bytes <= limit, `${bytes} bytes of ${limit}`);
        assert.equal(pending.bytes, (10 - next) * SIZE);
      }
      assert.equal(next, limit < SIZE ? 1 : 10);
    }
  });

  it("removes what is behind any index", () => {
    for (let kept = 0; kept <= 10; kept += 1) {
      const pending = createPending();
      pending.truncateSuffix(kept);
      const count = Math.min(9, kept);
      assert.equal(pending.bytes, count * SIZE);
      assert.equal(pending.take(Infinity).at(-1)?.lastIndex ?? 0, count);
    }
  });

  it("shows any range without giving it out", () => {
    const pending = createPending();
    for (let firstIndex = 1; firstIndex <= 9; firstIndex += 1) {
      for (let lastIndex = firstIndex; lastIndex <= 9; lastIndex += 1) {
        const slices = pending.slices(firstIndex, lastIndex);
        assert.equal(slices[0]!.firstIndex, firstIndex);
        assert.equal(slices.at(-1)!.lastIndex, lastIndex);
        const bytes = slices.reduce((sum, slice) => sum + slice.bytes.length, 0);
        assert.equal(bytes, (lastIndex - firstIndex + 1) * SIZE);
      }
    }
    assert.equal(pending.bytes, 9 * SIZE);
  });

  it("refuses a batch that does not follow", () => {
    const pending = createPending();
    assert.throws(() => pending.push(createBatch({ firstIndex: 11, count: 1, term: 1 })));
    assert.throws(() => pending.push({ firstIndex: 10, lastIndex: 9, bytes: new Uint8Array(0) }));
  });
});

describe("splitBatch", () => {
  it("leaves either side null where it would be empty", () => {
    const batch = createBatch({ firstIndex: 1, count: 2, term: 1 });
    assert.deepEqual(splitBatch(batch, { lastIndex: 2 }), { head: batch, rest: null });
    assert.deepEqual(splitBatch(batch, { lastIndex: 0 }), { head: null, rest: batch });
    assert.deepEqual(splitBatch(batch, { bytesMax: SIZE - 1 }), { head: null, rest: batch });
    assert.equal(splitBatch(batch, { bytesMax: SIZE }).head!.lastIndex, 1);
  });
});
