import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreCluster, proposalOf } from "../../src/testing/core_cluster.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import { acknowledgeAll, loneLeader, loneNode } from "../../src/testing/core_lone_node.ts";
import { accepted, appendEntries } from "../../src/testing/core_messages.ts";

describe("commit", () => {
  it("commits what a quorum holds durably", () => {
    const node = loneLeader({ voters: [1, 2, 3, 4, 5] });
    node.run(proposalOf(["a"]));
    node.receive(2, accepted({ matchIndex: 2 }));
    assert.equal(node.core.commitIndex, 0);
    node.receive(3, accepted({ matchIndex: 1 }));
    assert.equal(node.core.commitIndex, 1);
    node.receive(4, accepted({ matchIndex: 2 }));
    assert.equal(node.core.commitIndex, 2);
    assert.equal(node.appliedIndex, 2);
  });

  it("trap 1: an entry of an older term is not committed by counting", () => {
    const node = loneLeader({ terms: [1, 2], voters: [1, 2, 3] });
    for (const from of [2, 3]) node.receive(from, accepted({ term: 3, matchIndex: 2 }));
    assert.equal(node.core.commitIndex, 0, "everybody holds entry 2, and that is not enough");
    node.receive(2, accepted({ term: 3, matchIndex: 3 }));
    assert.equal(node.core.commitIndex, 3);
  });

  it("ancestor A1: Figure 8 overwrites an entry that only looked committed", () => {
    // (a), (b): S1 led term 2 and its entry 2 reached S2; S5 led term 3 and keeps its own entry 2.
    const logs = { 1: [1, 2], 2: [1, 2], 3: [1], 4: [1], 5: [1, 3] };
    const cluster = new CoreCluster({ nodes: 5, logs });
    for (const id of [1, 2, 3, 4]) {
      cluster.node(id).receive(5, appendEntries({ term: 3 }));
      cluster.node(id).fire("leaderContact");
    }
    cluster.drop();
    // (c): S1 leads term 4. Entry 2 reaches S3, and so a majority; entry 3 of term 4 nobody.
    cluster.cut(1, 5);
    cluster.node(1).entriesPerMessageMax = 1;
    cluster.node(1).fire("election");
    for (let rounds = 0; rounds < 20; rounds += 1) {
      cluster.drop(({ to, message }) =>
        message.type === "appendEntriesRequest" && message.entries?.lastIndex === 3 &&
        cluster.node(to).log.length > 1
      );
      cluster.deliver(({ to }) => to !== 4 || !cluster.node(1).core.isLeader);
    }
    assert.deepEqual([1, 2, 3, 4].map((id) => cluster.node(id).terms[1]), [2, 2, 2, undefined]);
    assert.equal(cluster.node(1).core.term, 4);
    assert.equal(cluster.node(1).core.commitIndex, 0, "the entry of term 2 is not counted");
    // (d): S1 crashes, and S5 overwrites entry 2 everywhere.
    cluster.crash(1);
    cluster.drop();
    cluster.node(5).fire("election");
    cluster.stabilize();
    assert.equal(cluster.node(5).core.term, 4, "its first attempt teaches it the term");
    cluster.elect(5);
    assert.deepEqual([2, 3, 4, 5].map((id) => cluster.node(id).terms[1]), [3, 3, 3, 3]);
    cluster.heal();
    cluster.restart(1);
    cluster.heartbeat(5);
    assert.deepEqual(cluster.node(1).log, cluster.node(5).log);
  });

  it("trap 2: the no-op of a new leader commits what older leaders left behind", () => {
    const cluster = new CoreCluster({ nodes: 3, logs: { 1: [1, 1], 2: [1, 1], 3: [1, 1] } });
    cluster.elect(2);
    assert.equal(cluster.node(2).core.commitIndex, 3);
    assert.deepEqual(cluster.node(2).terms, [1, 1, 2]);
  });

  it("ancestor A5: a leader without clients still commits the entries before it", () => {
    const node = loneLeader({ terms: [1, 1, 1] });
    acknowledgeAll(node, [3]);
    assert.equal(node.core.commitIndex, 4);
    assert.deepEqual(node.log[3], { term: 2, payload: "noop@2" });
  });

  it("trap 24: a leader counts itself after its own sync", () => {
    const node = loneLeader({ syncsAtOnce: false });
    node.receive(2, accepted({ matchIndex: 1 }));
    assert.equal(node.core.commitIndex, 0, "one of three holds it durably");
    node.sync();
    assert.equal(node.core.commitIndex, 1);
  });

  it("trap 24: a leader commits what others hold, and applies it after its sync", () => {
    const node = loneLeader({ syncsAtOnce: false });
    for (const from of [2, 3]) node.receive(from, accepted({ matchIndex: 1 }));
    assert.equal(node.core.commitIndex, 1);
    assert.equal(node.appliedIndex, 0);
    node.sync();
    assert.equal(node.appliedIndex, 1);
  });

  it("trap 25: a leader does not count a sync of entries that were overwritten", () => {
    const node = loneNode({ syncsAtOnce: false });
    node.receive(2, appendEntries({ terms: [1, 1] }));
    node.receive(3, appendEntries({ term: 2, terms: [2, 2] }));
    node.sync(1);
    assert.equal(node.core.status().durableIndex, 0);
    node.sync(1);
    assert.equal(node.core.status().durableIndex, 2);
  });

  it("a follower applies what is committed once it is durable there", () => {
    const node = loneNode({ syncsAtOnce: false });
    node.receive(2, appendEntries({ terms: [1, 1], leaderCommit: 2 }));
    assert.equal(node.core.commitIndex, 2);
    assert.equal(node.appliedIndex, 0);
    node.sync();
    assert.equal(node.appliedIndex, 2);
  });

  it("trap 12: learners are sent everything and counted never", () => {
    const configuration = configurationOf([1, 2, 3], { learners: [4, 5] });
    const node = loneLeader({ configuration });
    assert.deepEqual(node.core.status().followers.map(({ id }) => id), [2, 3, 4, 5]);
    acknowledgeAll(node, [4, 5]);
    assert.equal(node.core.commitIndex, 0);
    acknowledgeAll(node, [3]);
    assert.equal(node.core.commitIndex, 1);
  });

  it("trap 12: a joint configuration commits with both majorities", () => {
    const configuration = configurationOf([1, 4, 5], { votersOld: [1, 2, 3] });
    const node = loneNode({ configuration });
    node.fire("election");
    for (const preVote of [true, false]) {
      for (const from of [2, 4]) {
        const term = 1;
        const type = "requestVoteResponse" as const;
        node.receive(from, { type, term, voteGranted: true, preVote });
      }
    }
    assert.equal(node.core.isLeader, true);
    acknowledgeAll(node, [4, 5]);
    assert.equal(node.core.commitIndex, 0);
    acknowledgeAll(node, [2]);
    assert.equal(node.core.commitIndex, 1);
  });

  it("trap 22: the median of match indexes is taken by number", () => {
    const node = loneLeader({ voters: [1, 2, 3, 4, 5] });
    for (let count = 0; count < 11; count += 1) node.run(proposalOf(Array(10).fill("a")));
    for (const [from, matchIndex] of [[2, 9], [3, 100], [4, 10], [5, 2]] as const) {
      node.receive(from, accepted({ matchIndex }));
    }
    assert.equal(node.core.commitIndex, 10);
  });
});
