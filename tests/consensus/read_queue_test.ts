import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ReadQueue } from "../../src/consensus/read_queue.ts";

/** Reads of node 2 and of this node, in the round under way and behind it. */
function filledQueue(): ReadQueue {
  const queue = new ReadQueue();
  queue.readSequence = 4;
  queue.round = {
    readIndex: 9,
    readSequence: 4,
    reads: [{ from: 2, readId: 1 }, { from: 0, readId: 2 }],
  };
  queue.waiting = [{ from: 0, readId: 3 }, { from: 2, readId: 4 }];
  return queue;
}

describe("read_queue", () => {
  it("forget removes the reads of one peer and keeps the round", () => {
    const queue = filledQueue();
    queue.forget(2);
    assert.deepEqual(queue.round?.reads, [{ from: 0, readId: 2 }]);
    assert.equal(queue.round?.readSequence, 4);
    assert.deepEqual(queue.waiting, [{ from: 0, readId: 3 }]);
    new ReadQueue().forget(2);
  });

  it("drain takes every read out, the round's first", () => {
    const queue = filledQueue();
    assert.deepEqual(queue.drain().map(({ readId }) => readId), [1, 2, 3, 4]);
    assert.deepEqual([queue.round, queue.waiting, queue.readSequence], [null, [], 0]);
    assert.deepEqual(queue.drain(), []);
  });
});
