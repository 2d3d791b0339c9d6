import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Outbox } from "../../src/consensus/outbox.ts";
import { vote } from "../../src/testing/core_messages.ts";

describe("outbox", () => {
  it("take hands out everything once and starts the next record", () => {
    const outbox = new Outbox();
    assert.equal(outbox.sequence, 1);
    outbox.saveHardState(2, 3);
    outbox.changeLog({ type: "truncateSuffix", lastIndexKept: 4 });
    outbox.send(2, vote());
    outbox.appliable(5);
    outbox.read({ readId: 1, readIndex: 5 });
    outbox.refuse({ source: "a", reason: "overloaded" });
    outbox.changeEnded({ source: "b", type: "lost" });
    outbox.transferEnded({ source: "b", failure: "timed_out" });
    outbox.roundStarted({ term: 2, readSequence: 7 });
    outbox.roundPromised({ term: 2, readSequence: 6, promiseMs: 1 });
    outbox.tell({ role: "leader", term: 2, leaderId: 1 });
    assert.deepEqual(outbox.take(), {
      sequence: 1,
      hardState: { currentTerm: 2, votedFor: 3 },
      logChanges: [{ type: "truncateSuffix", lastIndexKept: 4 }],
      messagesNow: [{ type: "message", to: 2, message: vote() }],
      snapshotChunks: [],
      appliableIndex: 5,
      reads: [{ readId: 1, readIndex: 5 }],
      refusals: [{ source: "a", reason: "overloaded" }],
      changes: [{ source: "b", type: "lost" }],
      transfers: [{ source: "b", failure: "timed_out" }],
      roundStarted: { term: 2, readSequence: 7 },
      roundPromised: { term: 2, readSequence: 6, promiseMs: 1 },
      timers: [],
      softState: { role: "leader", term: 2, leaderId: 1 },
    });
    assert.deepEqual(outbox.take(), {
      sequence: 2,
      hardState: null,
      logChanges: [],
      messagesNow: [],
      snapshotChunks: [],
      appliableIndex: null,
      reads: [],
      refusals: [],
      changes: [],
      transfers: [],
      roundStarted: null,
      roundPromised: null,
      timers: [],
      softState: null,
    });
  });

  it("a record that was taken does not change any more", () => {
    const outbox = new Outbox();
    outbox.read({ readId: 1, readIndex: 5 });
    const taken = outbox.take();
    outbox.read({ readId: 2, readIndex: 6 });
    outbox.send(2, vote());
    outbox.changeLog({ type: "truncateSuffix", lastIndexKept: 4 });
    outbox.refuse({ source: "a", reason: "overloaded" });
    outbox.transferEnded({ source: "b", failure: "timed_out" });
    const { reads, messagesNow, logChanges, refusals, transfers } = taken;
    const counts = [reads, messagesNow, logChanges, refusals, transfers];
    assert.deepEqual(counts.map((list) => list.length), [1, 0, 0, 0, 0]);
  });

  it("the last word on a timer counts", () => {
    const outbox = new Outbox();
    outbox.arm("election");
    outbox.arm("heartbeat");
    outbox.cancel("election");
    outbox.cancel("quorum");
    outbox.arm("quorum");
    assert.deepEqual(outbox.take().timers, [
      { timer: "election", armed: false },
      { timer: "heartbeat", armed: true },
      { timer: "quorum", armed: true },
    ]);
  });

  it("keeps the order of messages and of log changes", () => {
    const outbox = new Outbox();
    for (const to of [3, 2, 3]) outbox.send(to, vote());
    for (const lastIndexKept of [7, 4]) outbox.changeLog({ type: "truncateSuffix", lastIndexKept });
    const { messagesNow, logChanges } = outbox.take();
    assert.deepEqual(messagesNow.map(({ to }) => to), [3, 2, 3]);
    assert.deepEqual(
      logChanges.map((change) => change.type === "truncateSuffix" ? change.lastIndexKept : 0),
      [7, 4],
    );
  });
});
