/**
 * One test a sentence of §6 of the Raft paper (Ongaro and Ousterhout, extended version), cluster
 * membership changes: the name says the claim. Snapshots and clients are in
 * paper_snapshots_test.ts, what comes before in paper_sections_test.ts and paper_test.ts.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreCluster, proposalOf } from "../src/testing/core_cluster.ts";
import { configurationOf } from "../src/testing/core_log.ts";
import {
  acknowledgeAll,
  lead,
  loneLeader,
  loneNode,
  onlyAnswer,
  roleOf,
} from "../src/testing/core_lone_node.ts";
import { accepted, appendEntries, requestVote, vote } from "../src/testing/core_messages.ts";
import type { CoreNode } from "../src/testing/core_node.ts";
import type { NodeId } from "../src/types.ts";

const OLD = [1, 2, 3];
const NEW = [3, 4, 5];
const JOINT = configurationOf(NEW, { votersOld: OLD });

/** The voters that a node goes by, the new ones first where it is joint. */
function votersAt({ core: { configuration } }: CoreNode): NodeId[][] {
  const { voters, votersOld } = configuration;
  return [voters, votersOld].filter(({ length }) => length > 0)
    .map((half) => half.map(({ id }) => id));
}

/** The nodes 1 to 5, of which 1, 2 and 3 vote and 4 and 5 learn; node 1 leads. */
function oldCluster(): CoreCluster {
  const configuration = configurationOf(OLD, { learners: [4, 5] });
  const cluster = new CoreCluster({ nodes: 5, configuration });
  cluster.elect(1);
  cluster.heartbeat(1);
  return cluster;
}

/** Lets node 1 append the joint configuration of the old and the new voters; nobody has it yet. */
function beginChange(cluster: CoreCluster): void {
  cluster.change(1, [
    { action: "promote", id: 4 },
    { action: "promote", id: 5 },
    { action: "remove", id: 1 },
    { action: "remove", id: 2 },
  ], true);
  assert.deepEqual(votersAt(cluster.node(1)), [NEW, OLD]);
}

/** Node 1 of the joint configuration, as a follower of nobody. */
function jointNode(): CoreNode {
  return loneNode({ configuration: JOINT, terms: [1] });
}

/** Lets a node stand for election with the votes of these. */
function standWith(node: CoreNode, voters: readonly NodeId[]): void {
  node.fire("election");
  const term = node.core.term + 1;
  for (const from of voters) node.receive(from, vote({ term, preVote: true }));
  if (node.core.term === term) { for (const from of voters) node.receive(from, vote({ term })); }
}

describe("§6 joint consensus", () => {
  it("a change goes through a configuration of the old and the new voters, never at once", () => {
    const cluster = oldCluster();
    const seen = new Set<string>();
    beginChange(cluster);
    while (cluster.inFlight.length > 0) {
      for (const node of cluster.nodesUp) seen.add(JSON.stringify(votersAt(node)));
      cluster.deliver();
    }
    assert.deepEqual(seen, new Set(["[[1,2,3]]", "[[3,4,5],[1,2,3]]", "[[3,4,5]]"]));
    const changes = cluster.node(3).log.filter((entry) => entry.configuration !== undefined);
    const lengths = changes.map(({ configuration }) => configuration!.votersOld.length);
    assert.deepEqual(lengths, [3, 0]);
  });

  it("entries go to the servers of both configurations", () => {
    const cluster = oldCluster();
    beginChange(cluster);
    const index = cluster.propose(1, "while it is joint");
    cluster.stabilize();
    for (const id of [2, 3, 4, 5]) assert.ok(cluster.node(id).log.length >= index, `node ${id}`);
  });

  it("any server of either configuration may lead", () => {
    for (const id of [1, 2, 3, 4, 5]) {
      const node = loneNode({ id, configuration: JOINT, terms: [1] });
      standWith(node, [1, 2, 3, 4, 5].filter((other) => other !== id));
      assert.equal(roleOf(node), "leader", `node ${id}`);
    }
  });

  it("an election needs a majority of the old and one of the new, each by itself", () => {
    const cases: { votes: NodeId[]; role: string }[] = [
      { votes: [2], role: "preCandidate" },
      // Three of five in all, and yet one of the new only.
      { votes: [2, 3], role: "preCandidate" },
      { votes: [4, 5], role: "preCandidate" },
      { votes: [3, 4], role: "leader" },
      { votes: [2, 4, 5], role: "leader" },
    ];
    for (const { votes, role } of cases) {
      const node = jointNode();
      standWith(node, votes);
      assert.equal(roleOf(node), role, `votes of 1 and ${votes}`);
    }
  });

  it("commitment needs a majority of the old and one of the new, each by itself", () => {
    const cases: { from: NodeId[]; commitIndex: number }[] = [
      { from: [2], commitIndex: 0 },
      { from: [2, 3], commitIndex: 0 },
      { from: [4, 5], commitIndex: 0 },
      { from: [3, 4], commitIndex: 2 },
      { from: [2, 4, 5], commitIndex: 2 },
    ];
    for (const { from, commitIndex } of cases) {
      const node = jointNode();
      lead(node);
      acknowledgeAll(node, from);
      assert.equal(node.core.commitIndex, commitIndex, `1 and ${from}`);
    }
  });

  it("a server uses the latest configuration in its log, whether or not it is committed", () => {
    const node = loneNode({ terms: [1] });
    const slice = [{ term: 1, payload: "joint", configuration: JOINT }];
    node.receive(2, appendEntries({ prevLogIndex: 1, prevLogTerm: 1, slice, leaderCommit: 0 }));
    assert.deepEqual([votersAt(node), node.core.commitIndex], [[NEW, OLD], 0]);
    node.fire("leaderContact");
    standWith(node, [2, 3]);
    assert.equal(roleOf(node), "preCandidate", "the old voters alone decide nothing now");
  });

  it("a leader that crashes leaves the old or the joint one; the new alone decides nothing", () => {
    for (const reached of [[], [4, 5]]) {
      const cluster = oldCluster();
      beginChange(cluster);
      cluster.deliver(({ to }) => reached.includes(to));
      cluster.crash(1);
      cluster.drop();
      for (const { timers, id } of cluster.nodesUp) {
        if (timers.has("leaderContact")) cluster.node(id).fire("leaderContact");
      }
      cluster.isolate(2);
      for (const id of NEW) {
        cluster.node(id).fire("election");
        cluster.stabilize();
      }
      assert.equal(cluster.leader, null, `all of the new, reached was ${reached}`);
      cluster.heal();
      const id = reached[0] ?? 2;
      cluster.elect(id);
      assert.deepEqual(votersAt(cluster.node(id)), reached.length === 0 ? [OLD] : [NEW]);
    }
  });

  it("once the joint one is committed, only a server that has it can be elected", () => {
    const cluster = oldCluster();
    beginChange(cluster);
    cluster.cut(1, 2);
    cluster.deliver(({ to }) => to !== 2);
    cluster.deliver();
    assert.equal(cluster.node(1).core.membership.committed?.configuration.votersOld.length, 3);
    cluster.crash(1);
    cluster.drop();
    for (const node of cluster.nodesUp) {
      if (node.timers.has("leaderContact")) node.fire("leaderContact");
    }
    cluster.node(2).fire("election");
    cluster.stabilize();
    assert.equal(cluster.leader, null, "node 2 goes by the old one");
    cluster.elect(3);
  });

  it("the new one is created only when the joint one is committed", () => {
    const node = loneLeader();
    acknowledgeAll(node, [2, 3]);
    node.run(proposalOf(["before it"]));
    const changes = [{ action: "demote", id: 3, address: "", instanceId: "" }] as const;
    node.run({ type: "changeMembership", changes, force: false, source: null });
    assert.deepEqual(votersAt(node), [[1, 2], [1, 2, 3]]);
    for (const from of [2, 3]) node.receive(from, accepted({ matchIndex: 2 }));
    assert.deepEqual([node.core.commitIndex, votersAt(node).length], [2, 2]);
    // A majority of the old, not of the new.
    node.receive(3, accepted({ matchIndex: 3 }));
    assert.equal(votersAt(node).length, 2);
    node.receive(2, accepted({ matchIndex: 3 }));
    assert.deepEqual(votersAt(node), [[1, 2]]);
    assert.equal(node.core.membership.committed?.index, 3);
  });

  it("once the new one is committed, servers that are not in it can be shut down", () => {
    const cluster = oldCluster();
    beginChange(cluster);
    cluster.stabilize();
    const leader = cluster.leader ?? cluster.node(3);
    if (!leader.core.isLeader) cluster.elect(3);
    cluster.heartbeat(cluster.leader!.id);
    for (const id of [1, 2]) cluster.crash(id);
    cluster.drop();
    const { id } = cluster.leader!;
    const index = cluster.propose(id, "without them");
    cluster.stabilize();
    assert.deepEqual([cluster.node(id).core.commitIndex, NEW.includes(id)], [index, true]);
  });
});

describe("§6 three more issues", () => {
  it("a new server is sent the log without being counted for majorities", () => {
    const node = loneLeader({ configuration: configurationOf(OLD, { learners: [4, 5] }) });
    acknowledgeAll(node, [4, 5]);
    assert.equal(node.core.commitIndex, 0, "node 1 and two without a vote");
    acknowledgeAll(node, [2]);
    assert.equal(node.core.commitIndex, 1);
  });

  it("a new server becomes a voter once it has caught up with the rest, not before", () => {
    const cluster = new CoreCluster({ nodes: 4, configuration: configurationOf(OLD) });
    cluster.elect(1);
    cluster.heartbeat(1);
    cluster.propose(1, "a", "b", "c");
    cluster.stabilize();
    cluster.node(1).entriesPerMessageMax = 1;
    cluster.change(1, [{ action: "add", id: 4 }]);
    const { lastIndex } = cluster.node(1).core;
    for (let hop = 0; votersAt(cluster.node(1)).join() === OLD.join(); hop += 1) {
      assert.ok(hop < 100, "it never became one");
      cluster.deliver();
    }
    assert.ok(cluster.node(4).log.length >= lastIndex, `at ${cluster.node(4).log.length}`);
    cluster.stabilize();
    assert.deepEqual(votersAt(cluster.node(4)), [[1, 2, 3, 4]]);
  });

  it("a leader that is not in the new one manages it without counting itself", () => {
    const node = loneLeader({ voters: [1, 2, 3] });
    acknowledgeAll(node, [2, 3]);
    const changes = [{ action: "remove", id: 1, address: "", instanceId: "" }] as const;
    node.run({ type: "changeMembership", changes, force: false, source: null });
    for (const from of [2, 3]) node.receive(from, accepted({ matchIndex: 2 }));
    assert.deepEqual([votersAt(node), roleOf(node)], [[[2, 3]], "leader"]);
    node.receive(2, accepted({ matchIndex: 3 }));
    assert.deepEqual(
      [node.core.commitIndex, roleOf(node)],
      [2, "leader"],
      "1 and 2 are not enough",
    );
    node.receive(3, accepted({ matchIndex: 3 }));
    assert.deepEqual([node.core.commitIndex, roleOf(node)], [3, "follower"]);
  });

  it("it steps down when the new one is committed; then one of the new leads", () => {
    const cluster = oldCluster();
    beginChange(cluster);
    cluster.stabilize();
    assert.equal(roleOf(cluster.node(1)), "follower");
    assert.equal(cluster.node(1).core.membership.isRemoved, true);
    if (cluster.leader === null) cluster.elect(4);
    assert.ok(NEW.includes(cluster.leader!.id));
  });

  it("who hears a leader gives no vote and takes over no term from who was removed", () => {
    for (const preVote of [true, false]) {
      const node = loneNode({ terms: [1], voters: [1, 2] });
      node.receive(2, appendEntries({ prevLogIndex: 1, prevLogTerm: 1 }));
      node.takeOutgoing();
      node.receive(3, requestVote({ term: 9, lastLogTerm: 1, lastLogIndex: 1, preVote }));
      assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, false);
      assert.deepEqual([node.core.term, node.core.leaderId], [1, 2]);
    }
  });

  it("nor does a leader that a majority answers", () => {
    const node = loneLeader();
    node.receive(3, requestVote({ term: 9, lastLogTerm: 1, lastLogIndex: 1 }));
    assert.deepEqual([node.core.isLeader, node.core.term], [true, 1]);
  });

  it("so who was removed and is not told deposes nobody, however often it tries", () => {
    const cluster = oldCluster();
    cluster.cut(1, 3);
    cluster.change(1, [{ action: "remove", id: 3 }]);
    cluster.stabilize();
    cluster.cut(2, 3);
    const { term } = cluster.node(1).core;
    const removed = cluster.node(3);
    removed.fire("leaderContact");
    cluster.heal();
    for (let again = 0; again < 5; again += 1) {
      removed.fire("election");
      cluster.deliver(({ from, to }) => from === 3 || to === 3);
    }
    assert.deepEqual([cluster.leader?.id, cluster.leader?.core.term], [1, term]);
  });

  it("a normal election is not affected: who has waited an election timeout grants", () => {
    const node = loneNode({ terms: [1] });
    node.receive(2, appendEntries({ prevLogIndex: 1, prevLogTerm: 1 }));
    node.takeOutgoing();
    node.fire("leaderContact");
    node.receive(3, requestVote({ term: 2, lastLogTerm: 1, lastLogIndex: 1 }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
  });
});
