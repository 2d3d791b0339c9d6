/** What a core does whose log starts behind a snapshot. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Consensus } from "../../src/consensus/consensus.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import { appendEntries } from "../../src/testing/core_messages.ts";

/** Entries 1 to 5 are in a snapshot, 6 and 7 in the log. */
function coreBehindSnapshot(): Consensus {
  return new Consensus({
    nodeId: 1,
    currentTerm: 3,
    votedFor: 0,
    baseIndex: 5,
    baseTerm: 2,
    lastIndex: 7,
    termRuns: [{ term: 2, firstIndex: 6 }],
    configurations: [{ index: 0, configuration: configurationOf([1, 2, 3]) }],
    commitIndex: 5,
  });
}

describe("a log behind a snapshot", () => {
  for (
    const [prevLogIndex, prevLogTerm, terms, lastIndex] of [
      [2, 1, [1, 2, 2, 2, 2, 3], 8],
      [4, 9, [2, 2, 2, 3], 8],
      [5, 2, [2, 2, 3], 8],
      [0, 0, [1, 1, 1], 7],
      [3, 1, [], 7],
    ] as const
  ) {
    it(`trap 21: accepts ${terms.length} entries after the compacted ${prevLogIndex}`, () => {
      const core = coreBehindSnapshot();
      const message = appendEntries({ term: 3, prevLogIndex, prevLogTerm, terms });
      core.step({ type: "message", from: 2, message });
      const effects = core.takeEffects();
      core.step({ type: "durable", sequence: effects.sequence });
      const sends = [...effects.messagesNow, ...core.takeEffects().messagesNow];
      const answers = sends.flatMap((send) => send.type === "message" ? [send.message] : []);
      assert.equal(answers.length, 1);
      const answer = answers[0]!;
      assert.ok(answer.type === "appendEntriesResponse" && answer.accepted);
      assert.equal(answer.matchIndex, prevLogIndex + terms.length);
      assert.equal(core.lastIndex, lastIndex);
      assert.ok(effects.logChanges.every((change) => change.type === "append"));
    });
  }

  it("trap 21: never hints below what the snapshot covers", () => {
    const core = coreBehindSnapshot();
    const message = appendEntries({ term: 3, prevLogIndex: 7, prevLogTerm: 1 });
    core.step({ type: "message", from: 2, message });
    const [send] = core.takeEffects().messagesNow;
    assert.ok(send?.type === "message");
    assert.ok(send.message.type === "appendEntriesResponse" && !send.message.accepted);
    assert.deepEqual([send.message.hintIndex, send.message.hintTerm], [5, 2]);
  });
});
