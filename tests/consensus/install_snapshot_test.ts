import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Membership } from "../../src/consensus/membership.ts";
import {
  configurationOf,
  type CoreSnapshot,
  entriesOfTerms,
  snapshotOf,
} from "../../src/testing/core_log.ts";
import {
  acknowledgeAll,
  lead,
  loneLeader,
  loneNode,
  onlyAnswer,
  sentTo,
} from "../../src/testing/core_lone_node.ts";
import {
  accepted,
  appendEntries,
  installed,
  installSnapshot,
  rejected,
} from "../../src/testing/core_messages.ts";
import type { CoreNode } from "../../src/testing/core_node.ts";

/** Node 1 leads term 2, with entries 1 to 6 committed and 1 to 5 compacted; 3 was silent. */
function compactedLeader(): CoreNode {
  const node = loneLeader({ terms: [1, 1, 1, 1, 1] });
  acknowledgeAll(node, [2]);
  node.takeSnapshot();
  node.stepCompaction(5);
  node.perform();
  node.takeOutgoing();
  return node;
}

/** Lets the leader find out that 3 needs compacted entries; returns what it sends next. */
function discover(node: CoreNode): void {
  node.receive(3, rejected({ term: 2, prevLogIndex: 5, hintIndex: 1, hintTerm: 1 }));
}

/** Takes a message with a snapshot, and stores all of it. */
function receive(node: CoreNode, message: ReturnType<typeof installSnapshot>): void {
  node.receive(2, message);
  while (node.receptions.length > 0) node.stepReception();
  node.perform();
}

/** Node 1 learns. */
const LEARNING = configurationOf([2, 3], { learners: [1] });

/** A node that has got a snapshot of two entries and two more, and what it said of them. */
function restoring(snapshot: CoreSnapshot): { node: CoreNode; matchIndex: number } {
  const node = loneNode({ currentTerm: 1 });
  node.receive(2, installSnapshot(snapshot));
  node.receptions.length = 0;
  node.storage.snapshot = snapshot;
  node.step({ type: "snapshotReceived", snapshot, source: snapshot });
  node.perform();
  node.takeOutgoing();
  node.receive(2, appendEntries({ prevLogIndex: 2, prevLogTerm: 1, terms: [1, 1] }));
  const answer = onlyAnswer(node, "appendEntriesResponse");
  assert.ok(answer.accepted);
  return { node, matchIndex: answer.matchIndex };
}

describe("install_snapshot at a follower", () => {
  it("trap 43: answers what is committed here, and changes nothing", () => {
    const node = loneNode({ terms: [1, 1, 1] });
    node.receive(2, appendEntries({ prevLogIndex: 3, prevLogTerm: 1, leaderCommit: 3 }));
    node.takeOutgoing();
    receive(node, installSnapshot(snapshotOf([1, 1])));
    assert.equal(onlyAnswer(node, "installSnapshotResponse").status, "installed");
    assert.deepEqual([node.terms, node.baseIndex, node.core.commitIndex], [[1, 1, 1], 0, 3]);
  });

  it("trap 43: keeps a log that holds the last entry, and commits up to it", () => {
    const node = loneNode({ terms: [1, 1, 1, 1] });
    receive(node, installSnapshot(snapshotOf([1, 1, 1])));
    assert.equal(onlyAnswer(node, "installSnapshotResponse").status, "installed");
    assert.deepEqual([node.terms.length, node.baseIndex], [4, 0]);
    assert.deepEqual([node.core.commitIndex, node.appliedIndex], [3, 3]);
  });

  it("trap 43: replaces a log that conflicts, with all that is behind", () => {
    const node = loneNode({ terms: [1, 1, 2, 2, 2], currentTerm: 3 });
    receive(node, installSnapshot(snapshotOf([1, 1, 3])));
    const answer = onlyAnswer(node, "installSnapshotResponse");
    assert.deepEqual([answer.status, answer.lastIncludedIndex], ["installed", 3]);
    assert.deepEqual([node.terms, node.baseIndex, node.appliedIndex], [[1, 1, 3], 3, 3]);
    assert.deepEqual([node.core.commitIndex, node.core.lastIndex], [3, 3]);
  });

  it("replaces a log that ends before, and goes on behind it", () => {
    const node = loneNode({ terms: [1] });
    receive(node, installSnapshot(snapshotOf([1, 1, 1])));
    node.takeOutgoing();
    node.receive(2, appendEntries({ prevLogIndex: 3, prevLogTerm: 1, terms: [1, 1] }));
    const answer = onlyAnswer(node, "appendEntriesResponse");
    assert.ok(answer.accepted && answer.matchIndex === 5);
  });

  it("a leader of an older term is refused, and told the newer one", () => {
    const node = loneNode({ terms: [1], currentTerm: 4 });
    node.receive(2, installSnapshot(snapshotOf([1, 1]), { term: 3 }));
    const answer = onlyAnswer(node, "installSnapshotResponse");
    assert.deepEqual([answer.status, answer.term, node.receptions], ["refused", 4, []]);
  });

  it("promises nothing that is not durable, and acknowledges it when it is", () => {
    const node = loneNode({ syncsAtOnce: false });
    node.receive(2, appendEntries({ terms: [1, 1] }));
    node.takeOutgoing();
    node.receive(2, installSnapshot(snapshotOf([1, 1])));
    assert.equal(onlyAnswer(node, "installSnapshotResponse").status, "refused");
    node.sync();
    const answer = onlyAnswer(node, "appendEntriesResponse");
    assert.ok(answer.accepted && answer.matchIndex === 2);
  });

  it("a late completion of a sync says nothing of the log that came after", () => {
    const node = loneNode({ syncsAtOnce: false, currentTerm: 1 });
    node.receive(2, appendEntries({ terms: [1, 1, 1, 1] }));
    receive(node, installSnapshot(snapshotOf([1, 2, 2]), { term: 2 }));
    node.receive(2, appendEntries({ term: 2, prevLogIndex: 3, prevLogTerm: 2, terms: [2] }));
    node.sync(1);
    assert.equal(node.core.status().durableIndex, 3);
    node.sync();
    assert.equal(node.core.status().durableIndex, 4);
  });

  it("trap 35: takes the configuration of the snapshot, with its index", () => {
    const old = configurationOf([1, 2, 3, 4]);
    const node = loneNode({ currentTerm: 1 });
    const entry = { term: 1, payload: "configuration", configuration: old };
    node.receive(2, appendEntries({ slice: [entry] }));
    assert.equal(node.core.status().configurationIndex, 1);
    const carried = { index: 2, configuration: configurationOf([1, 2, 3, 5]) };
    receive(node, installSnapshot(snapshotOf([2, 2, 2], carried)));
    const { configurationIndex, configuration } = node.core.status();
    assert.equal(configurationIndex, 2);
    assert.deepEqual(configuration, carried.configuration);
    // It stays, whatever is cut behind it.
    node.receive(3, appendEntries({ term: 3, prevLogIndex: 3, prevLogTerm: 2, terms: [3] }));
    assert.equal(node.core.status().configurationIndex, 2);
  });

  it("trap 44: a crash before the log was discarded starts from the snapshot", () => {
    const node = loneNode({ terms: [1, 1, 2, 2, 2], currentTerm: 3, syncsAtOnce: false });
    receive(node, installSnapshot(snapshotOf([1, 1, 3])));
    assert.equal(onlyAnswer(node, "installSnapshotResponse").status, "installed");
    node.crash();
    node.restart();
    assert.deepEqual([node.terms, node.appliedIndex], [[1, 1, 3], 3]);
  });

  it("a learner that restores says nothing of what is behind, or it would be promoted", () => {
    const snapshot = snapshotOf([1, 1], { index: 1, configuration: LEARNING });
    const { node, matchIndex } = restoring(snapshot);
    assert.equal(matchIndex, 2);
    node.step({ type: "snapshotRestored", index: 1 });
    assert.deepEqual(sentTo(node, 2), [], "it was another snapshot");
    node.step({ type: "snapshotRestored", index: 2 });
    node.perform();
    const answer = onlyAnswer(node, "appendEntriesResponse");
    assert.ok(answer.accepted && answer.matchIndex === 4);
  });

  it("a voter that restores acknowledges what is behind, for a quorum may need it", () => {
    const { node, matchIndex } = restoring(snapshotOf([1, 1]));
    assert.equal(matchIndex, 4);
    node.step({ type: "snapshotRestored", index: 2 });
    node.perform();
    assert.deepEqual(sentTo(node, 2), []);
  });

  it("a candidate that installs gives its election up", () => {
    const node = loneNode({ currentTerm: 1 });
    node.receive(2, installSnapshot(snapshotOf([1, 1])));
    node.fire("leaderContact");
    node.fire("election");
    node.stepReception();
    node.perform();
    assert.equal(node.core.status().role, "follower");
    assert.equal(node.core.lastIndex, 2);
  });

  it("a leader never installs", () => {
    const node = loneNode({ terms: [1, 1] });
    node.receive(2, installSnapshot(snapshotOf([1, 1, 1, 1])));
    node.fire("leaderContact");
    lead(node);
    const terms = node.terms;
    node.stepReception();
    node.perform();
    assert.ok(node.core.isLeader);
    assert.deepEqual(node.terms, terms);
  });
});

describe("install_snapshot at a leader", () => {
  it("a follower that needs compacted entries gets a snapshot, and heartbeats", () => {
    const node = compactedLeader();
    node.fetchesAtOnce = false;
    discover(node);
    assert.equal(node.snapshotSends.length, 1);
    node.fire("heartbeat");
    const [heartbeat, ...others] = sentTo(node, 3);
    assert.ok(heartbeat?.type === "appendEntriesRequest" && heartbeat.entries === null);
    assert.deepEqual([heartbeat.prevLogIndex, others], [5, []], "it is a prefix that is held");
    node.receive(3, rejected({ term: 2, prevLogIndex: 5, hintIndex: 1, hintTerm: 1 }));
    assert.equal(node.snapshotSends.length, 1, "its rejection changes nothing");
    node.receive(3, installed({ term: 2, lastIncludedIndex: 6 }));
    node.core.step({ type: "snapshotEnded", peer: 3, term: 2, session: 0 });
    node.run({ ...PROPOSAL });
    assert.equal(node.fetches.at(-1)?.message.prevLogIndex, 6);
  });

  it("an attempt that failed is followed by the next after a heartbeat", () => {
    const node = compactedLeader();
    node.fetchesAtOnce = false;
    discover(node);
    node.stepSnapshotSend(true);
    node.perform();
    assert.equal(node.snapshotSends.length, 0);
    node.fire("heartbeat");
    assert.equal(node.snapshotSends.length, 1);
  });

  it("a lost connection asks anew where the follower stands", () => {
    const node = compactedLeader();
    discover(node);
    node.takeOutgoing();
    node.run({ type: "connectionLost", peer: 3 });
    const [probe] = sentTo(node, 3);
    assert.ok(probe?.type === "appendEntriesRequest");
    assert.deepEqual([probe.prevLogIndex, probe.entries], [6, null], "it may have all by now");
    node.receive(3, accepted({ term: 2, matchIndex: 6 }));
    assert.equal(node.core.status().followers.find(({ id }) => id === 3)?.matchIndex, 6);
  });

  it("compaction makes no snapshot necessary for who keeps up, or is being served", () => {
    const node = loneLeader({ terms: [1, 1, 1, 1, 1] });
    node.receive(2, accepted({ term: 2, matchIndex: 6 }));
    node.receive(3, accepted({ term: 2, matchIndex: 4 }));
    assert.equal(node.core.commitIndex, 6);
    assert.equal(node.core.compactableIndex, 4);
    for (const from of [2, 3]) node.receive(from, accepted({ term: 2, matchIndex: 6 }));
    assert.equal(node.core.compactableIndex, 6);
    const served = compactedLeader();
    discover(served);
    assert.equal(served.core.compactableIndex, 5);
  });

  it("trap 27: drops the answers of another session", () => {
    const node = compactedLeader();
    const matchIndex = () => node.core.status().followers.find(({ id }) => id === 3)?.matchIndex;
    node.receive(3, accepted({ term: 2, matchIndex: 6, session: 4 }));
    node.receive(3, installed({ term: 2, lastIncludedIndex: 6, session: 4 }));
    assert.equal(matchIndex(), 0);
    node.receive(3, installed({ term: 2, lastIncludedIndex: 6 }));
    assert.equal(matchIndex(), 6);
  });
});

describe("replication sessions", () => {
  it("trap 27: a member that was removed and added again has another session", () => {
    const all = configurationOf([1, 2, 3]);
    const membership = new Membership([{ index: 1, configuration: all }]);
    membership.append({ index: 5, configuration: configurationOf([1, 2]) });
    membership.append({ index: 9, configuration: all });
    assert.deepEqual([1, 2, 3].map((id) => membership.sessionOf(id)), [1, 1, 9]);
    membership.committed(9);
    assert.deepEqual([1, 2, 3].map((id) => membership.sessionOf(id)), [1, 1, 9]);
    membership.append({ index: 2 ** 32 + 7, configuration: configurationOf([1, 2, 3, 4]) });
    assert.equal(membership.sessionOf(4), 7);
    membership.truncateSuffix(9);
    assert.throws(() => membership.sessionOf(4), /no member/);
  });
});

const PROPOSAL = {
  type: "propose",
  kind: 2,
  count: 1,
  bytes: 1,
  source: entriesOfTerms([2]).map((entry) => entry.payload),
} as const;
