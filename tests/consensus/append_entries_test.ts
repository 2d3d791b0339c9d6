import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreCluster } from "../../src/testing/core_cluster.ts";
import { configurationOf, entriesOfTerms } from "../../src/testing/core_log.ts";
import { loneLeader, loneNode, onlyAnswer, sentTo } from "../../src/testing/core_lone_node.ts";
import { appendEntries } from "../../src/testing/core_messages.ts";
import type { CoreNode } from "../../src/testing/core_node.ts";

/** A message from node 2, and the one answer to it. */
function answerTo(node: CoreNode, fields: Parameters<typeof appendEntries>[0]) {
  node.receive(2, appendEntries(fields));
  const answer = onlyAnswer(node, "appendEntriesResponse");
  return answer;
}

/** A message from node 2 that must be accepted; returns what it acknowledges. */
function matchOf(node: CoreNode, fields: Parameters<typeof appendEntries>[0]): number {
  const answer = answerTo(node, fields);
  assert.ok(answer.accepted, "the request is refused");
  return answer.matchIndex;
}

describe("append_entries", () => {
  it("rejects an older term and names its own", () => {
    const node = loneNode({ currentTerm: 5 });
    const armed = node.timers.get("election");
    const answer = answerTo(node, { term: 4 });
    assert.deepEqual([answer.accepted, answer.term], [false, 5]);
    assert.equal(node.core.leaderId, null);
    assert.equal(node.timers.get("election"), armed, "a stale leader holds off no election");
  });

  it("rejects when prevLogTerm differs or the log is shorter, and still hears the leader", () => {
    for (const prev of [{ prevLogIndex: 2, prevLogTerm: 2 }, { prevLogIndex: 9, prevLogTerm: 2 }]) {
      const node = loneNode({ terms: [1, 1], currentTerm: 2 });
      const armed = node.timers.get("election");
      const answer = answerTo(node, { term: 2, ...prev, terms: [2] });
      assert.equal(answer.accepted, false);
      assert.deepEqual(node.terms, [1, 1]);
      assert.equal(node.core.leaderId, 2);
      assert.notEqual(node.timers.get("election"), armed);
    }
  });

  it("names the round of confirmation in every answer to its leader, and in no other", () => {
    const node = loneNode({ currentTerm: 2 });
    assert.equal(answerTo(node, { term: 2, readSequence: 7 }).readSequence, 7);
    const refused = answerTo(node, { term: 2, readSequence: 8, prevLogIndex: 5, prevLogTerm: 2 });
    assert.deepEqual([refused.accepted, refused.readSequence], [false, 8]);
    assert.equal(answerTo(node, { term: 2, readSequence: 6 }).readSequence, 8);
    assert.equal(answerTo(node, { term: 1, readSequence: 9 }).readSequence, 0);
  });

  it("acknowledges entries once they are durable, not before", () => {
    const node = loneNode({ syncsAtOnce: false });
    node.receive(2, appendEntries({ terms: [1, 1] }));
    assert.deepEqual(node.takeOutgoing(), []);
    node.sync();
    const answer = onlyAnswer(node, "appendEntriesResponse");
    assert.ok(answer.accepted && answer.matchIndex === 2);
  });

  it("trap 23: acknowledges only what is durable, also for an empty or repeated request", () => {
    const node = loneNode({ syncsAtOnce: false, terms: [1] });
    const entries = { prevLogIndex: 1, prevLogTerm: 1, terms: [1, 1] };
    node.receive(2, appendEntries(entries));
    assert.equal(matchOf(node, entries), 1, "a repeated request");
    assert.equal(matchOf(node, { prevLogIndex: 3, prevLogTerm: 1 }), 1, "a heartbeat");
    node.sync();
    const answer = onlyAnswer(node, "appendEntriesResponse");
    assert.ok(answer.accepted && answer.matchIndex === 3);
  });

  it("acknowledges every sync, not the first one only", () => {
    const node = loneNode({ syncsAtOnce: false });
    node.receive(2, appendEntries({ terms: [1] }));
    node.receive(2, appendEntries({ prevLogIndex: 1, prevLogTerm: 1, terms: [1] }));
    for (const index of [1, 2]) {
      node.sync(1);
      const answer = onlyAnswer(node, "appendEntriesResponse");
      assert.ok(answer.accepted);
      assert.equal(answer.matchIndex, index);
    }
  });

  it("acknowledges to the leader what an earlier leader sent, once it is durable", () => {
    const node = loneNode({ syncsAtOnce: false });
    node.receive(2, appendEntries({ terms: [1] }));
    node.receive(3, appendEntries({ term: 2, prevLogIndex: 1, prevLogTerm: 1 }));
    const early = onlyAnswer(node, "appendEntriesResponse");
    assert.ok(early.accepted && early.matchIndex === 0);
    node.sync();
    const [late] = sentTo(node, 3);
    assert.ok(late?.type === "appendEntriesResponse" && late.accepted);
    assert.deepEqual([late.matchIndex, late.term], [1, 2]);
  });

  it("acknowledges nothing after it stopped following", () => {
    const node = loneNode({ syncsAtOnce: false });
    node.receive(2, appendEntries({ terms: [1] }));
    node.fire("election");
    node.takeOutgoing();
    node.sync();
    assert.deepEqual(node.takeOutgoing(), []);
  });

  it("trap 16: acknowledges what the request proved, not its own last index", () => {
    const node = loneNode({ terms: [1, 1, 2, 2, 2], currentTerm: 3 });
    assert.equal(matchOf(node, { term: 3, prevLogIndex: 2, prevLogTerm: 1 }), 2);
    assert.equal(matchOf(node, { term: 3, prevLogIndex: 2, prevLogTerm: 1, terms: [2] }), 3);
    assert.equal(node.core.lastIndex, 5, "nothing conflicts, so nothing goes");
  });

  it("ancestor A2: a longer stale tail is neither acknowledged nor committed", () => {
    const node = loneNode({ terms: [1, 2, 2, 2], currentTerm: 3 });
    assert.equal(matchOf(node, { term: 3, prevLogIndex: 1, prevLogTerm: 1, leaderCommit: 4 }), 1);
    assert.equal(node.core.commitIndex, 1);
  });

  it("trap 16: what one leader proved says nothing to the next", () => {
    const node = loneNode({ terms: [1, 1, 1], currentTerm: 1 });
    assert.equal(matchOf(node, { prevLogIndex: 3, prevLogTerm: 1 }), 3);
    node.receive(3, appendEntries({ term: 2, prevLogIndex: 1, prevLogTerm: 1 }));
    const answer = onlyAnswer(node, "appendEntriesResponse");
    assert.ok(answer.accepted && answer.matchIndex === 1);
  });

  it("trap 17: commits the smaller of leaderCommit and the last new entry, and never less", () => {
    const node = loneNode({ terms: [1, 1, 1, 1], currentTerm: 1 });
    const commitAfter = (fields: Parameters<typeof appendEntries>[0]): number => {
      matchOf(node, fields);
      return node.core.commitIndex;
    };
    assert.equal(commitAfter({ prevLogIndex: 1, prevLogTerm: 1, leaderCommit: 9 }), 1);
    assert.equal(commitAfter({ prevLogIndex: 1, prevLogTerm: 1, terms: [1], leaderCommit: 9 }), 2);
    assert.equal(commitAfter({ prevLogIndex: 4, prevLogTerm: 1, leaderCommit: 3 }), 3);
    assert.equal(commitAfter({ prevLogIndex: 1, prevLogTerm: 1, leaderCommit: 9 }), 3);
    assert.equal(commitAfter({ prevLogIndex: 4, prevLogTerm: 1, leaderCommit: 0 }), 3);
  });

  it("ancestor A6: a commit index never goes backwards", () => {
    const node = loneNode({ terms: [1, 1, 1], currentTerm: 1 });
    matchOf(node, { prevLogIndex: 3, prevLogTerm: 1, leaderCommit: 3 });
    matchOf(node, { prevLogIndex: 0, leaderCommit: 1 });
    assert.equal(node.core.commitIndex, 3);
  });

  it("trap 18: a heartbeat commits what it matched, not what this log happens to hold", () => {
    const node = loneNode({ terms: [1, 2, 2], currentTerm: 3 });
    matchOf(node, { term: 3, prevLogIndex: 1, prevLogTerm: 1, leaderCommit: 3 });
    assert.equal(node.core.commitIndex, 1);
  });

  it("trap 19: an old or shorter request of the same leader removes nothing", () => {
    const node = loneNode();
    const whole = { terms: [1, 1, 1, 1] };
    matchOf(node, whole);
    matchOf(node, { terms: [1, 1] });
    matchOf(node, { prevLogIndex: 1, prevLogTerm: 1, terms: [1] });
    matchOf(node, { prevLogIndex: 2, prevLogTerm: 1 });
    assert.deepEqual(node.terms, [1, 1, 1, 1]);
    assert.equal(node.core.lastIndex, 4);
  });

  it("trap 19: truncates from the first entry that differs, and only from there", () => {
    const node = loneNode({ terms: [1, 1, 2, 2, 2], currentTerm: 3 });
    matchOf(node, { term: 3, prevLogIndex: 1, prevLogTerm: 1, terms: [1, 2, 3] });
    assert.deepEqual(node.terms, [1, 1, 2, 3]);
  });

  it("trap 20: fails rather than truncate what is committed", () => {
    const node = loneNode({ terms: [1, 1], currentTerm: 1 });
    matchOf(node, { prevLogIndex: 2, prevLogTerm: 1, leaderCommit: 2 });
    assert.throws(
      () =>
        node.receive(3, appendEntries({ term: 3, prevLogIndex: 1, prevLogTerm: 1, terms: [3] })),
      /conflict with committed ones: commit index is 2, truncation would keep 1/,
    );
  });

  it("trap 25: a sync of overwritten entries acknowledges nothing of the new ones", () => {
    const node = loneNode({ syncsAtOnce: false, terms: [1], currentTerm: 1 });
    node.receive(2, appendEntries({ prevLogIndex: 1, prevLogTerm: 1, terms: [1, 1] }));
    node.receive(3, appendEntries({ term: 2, prevLogIndex: 1, prevLogTerm: 1, terms: [2, 2] }));
    node.sync(1);
    const [early] = sentTo(node, 3);
    assert.ok(early?.type === "appendEntriesResponse" && early.accepted);
    assert.equal(early.matchIndex, 1);
    node.sync(1);
    const [late] = sentTo(node, 3);
    assert.ok(late?.type === "appendEntriesResponse" && late.accepted);
    assert.equal(late.matchIndex, 3);
  });

  it("trap 26: refuses entries that do not follow prevLogIndex", () => {
    const node = loneNode({ terms: [1], currentTerm: 1 });
    const { entries } = appendEntries({ prevLogIndex: 2, terms: [1] });
    const broken = { ...appendEntries({ prevLogIndex: 1, prevLogTerm: 1 }), entries };
    assert.throws(() => node.receive(2, broken), /from 3 on do not follow 1/);
    const future = appendEntries({ prevLogIndex: 1, prevLogTerm: 1, terms: [2] });
    assert.throws(() => loneNode({ terms: [1] }).receive(2, future), /later term/);
  });

  it("trap 29: the hint skips every term that the leader's prevLogTerm rules out", () => {
    const node = loneNode({ terms: [1, 1, 3, 3, 3], currentTerm: 4 });
    const answer = answerTo(node, { term: 4, prevLogIndex: 5, prevLogTerm: 2 });
    assert.ok(!answer.accepted);
    assert.deepEqual([answer.hintIndex, answer.hintTerm], [2, 1]);
    assert.equal(answer.prevLogIndex, 5);
  });

  it("trap 33: truncating a configuration goes back to the one before", () => {
    const node = loneNode({ currentTerm: 1 });
    const added = { term: 1, payload: "add", configuration: configurationOf([1, 2, 3, 4]) };
    node.receive(2, appendEntries({ slice: [...entriesOfTerms([1]), added] }));
    assert.equal(node.core.configuration.voters.length, 4);
    assert.equal(node.core.status().configurationIndex, 2);
    node.receive(3, appendEntries({ term: 2, prevLogIndex: 1, prevLogTerm: 1, terms: [2] }));
    assert.equal(node.core.configuration.voters.length, 3);
    assert.equal(node.core.status().configurationIndex, 0);
  });

  it("trap 34: a configuration takes effect at its append, and again after a restart", () => {
    const node = loneNode({ currentTerm: 1 });
    const alone = { term: 1, payload: "alone", configuration: configurationOf([1]) };
    node.receive(2, appendEntries({ slice: [alone] }));
    assert.equal(node.core.commitIndex, 0);
    node.crash();
    node.restart();
    node.fire("election");
    assert.equal(node.core.isLeader, true, "it is the only voter");
  });

  it("two leaders of one term are a defect that stops the node", () => {
    const follower = loneNode();
    follower.receive(2, appendEntries());
    assert.throws(() => follower.receive(3, appendEntries()), /two leaders in term 1: 2 and 3/);
    const leader = loneLeader();
    assert.throws(() => leader.receive(2, appendEntries()), /two leaders in term 1: 1 and 2/);
  });

  it("trap 4: the record of effects puts the hard state before the entries of its term", () => {
    const node = loneNode();
    node.step({ type: "message", from: 2, message: appendEntries({ term: 4, terms: [4] }) });
    node.crash({ point: "hardState" });
    const { currentTerm, votedFor, entries } = node.storage;
    assert.deepEqual([currentTerm, votedFor, entries], [4, 0, []]);
    node.restart();
    node.step({ type: "message", from: 2, message: appendEntries({ term: 5, terms: [4] }) });
    node.crash({ point: "logChanges", changesKept: 1 });
    assert.equal(node.storage.currentTerm, 5);
    assert.equal(node.storage.entries.length, 1);
  });

  it("a crash loses what was not synced, and the leader sends it again", () => {
    const cluster = new CoreCluster({ nodes: 3, syncsAtOnce: false });
    cluster.elect(1);
    cluster.propose(1, "a", "b", "c");
    cluster.deliver();
    cluster.crash(2, { changesKept: 1 });
    cluster.restart(2);
    assert.equal(cluster.node(2).core.lastIndex, 2);
    cluster.stabilize();
    cluster.heartbeat(1);
    assert.deepEqual(cluster.node(2).log, cluster.node(1).log);
  });
});
