/** Changes of the members (§6 of the paper), at clusters of cores. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ChangeOutcome } from "../../src/consensus/effects.ts";
import { proposalOf } from "../../src/testing/core_cluster.ts";
import { CoreCluster } from "../../src/testing/core_cluster.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import { loneLeader } from "../../src/testing/core_lone_node.ts";
import type { Configuration, NodeId } from "../../src/types.ts";

/** Voters 1 to `voters` of `nodes` nodes; node 1 leads and has committed its no-op. */
function ledCluster(voters: number, nodes: number): CoreCluster {
  const ids = Array.from({ length: voters }, (_, i) => i + 1);
  const cluster = new CoreCluster({ nodes, configuration: configurationOf(ids) });
  cluster.elect(1);
  cluster.heartbeat(1);
  return cluster;
}

/** "1 2 3 < 1 2 | 4": voters, the old ones where it is joint, and learners. */
function show({ voters, votersOld, learners }: Configuration): string {
  const list = (members: readonly { readonly id: NodeId }[]) =>
    members.map(({ id }) => id).join(" ");
  const old = votersOld.length === 0 ? "" : ` < ${list(votersOld)}`;
  return `${list(voters)}${old}${learners.length === 0 ? "" : ` | ${list(learners)}`}`;
}

/** The configuration that a node goes by. */
function seenBy(cluster: CoreCluster, id: NodeId): string {
  return show(cluster.node(id).core.configuration);
}

function reasonOf(outcome: ChangeOutcome | undefined): string {
  assert.equal(outcome?.type, "refused");
  return outcome.refusal.reason;
}

/** Lets the leader look twice who is there, and answer that. */
function checkQuorums(cluster: CoreCluster, id: NodeId, times = 2): void {
  for (let time = 0; time < times; time += 1) {
    cluster.heartbeat(id);
    cluster.node(id).fire("quorum");
    cluster.stabilize();
  }
}

describe("membership change", () => {
  it("a learner is added by one entry, gets the whole log, and becomes a voter by itself", () => {
    const cluster = ledCluster(1, 2);
    cluster.propose(1, "a", "b");
    assert.equal(cluster.change(1, [{ action: "add", id: 2 }])?.type, "done");
    assert.equal(seenBy(cluster, 1), "1 | 2");
    cluster.stabilize();
    assert.equal(seenBy(cluster, 1), "1 2");
    assert.equal(seenBy(cluster, 2), "1 2");
    cluster.heartbeat(1);
    assert.equal(cluster.node(2).appliedIndex, cluster.node(1).core.commitIndex);
  });

  it("trap 34: a configuration is in effect at the leader when it is appended", () => {
    const cluster = ledCluster(3, 5);
    cluster.isolate(1);
    assert.equal(cluster.change(1, [{ action: "remove", id: 3 }]), undefined);
    assert.equal(seenBy(cluster, 1), "1 2 < 1 2 3");
    assert.equal(seenBy(cluster, 2), "1 2 3");
  });

  it("a change of voters is joint until both halves have it, then it is left by itself", () => {
    const cluster = ledCluster(3, 5);
    cluster.change(1, [{ action: "addLearner", id: 4 }, { action: "addLearner", id: 5 }]);
    cluster.stabilize();
    cluster.cut(1, 4);
    cluster.change(1, [
      { action: "promote", id: 4 },
      { action: "promote", id: 5 },
      { action: "remove", id: 2 },
      { action: "remove", id: 3 },
    ]);
    assert.equal(seenBy(cluster, 1), "1 4 5 < 1 2 3");
    cluster.cut(1, 2);
    cluster.cut(1, 3);
    cluster.stabilize();
    assert.equal(seenBy(cluster, 5), "1 4 5 < 1 2 3", "a majority of the new voters only");
    assert.equal(seenBy(cluster, 1), "1 4 5 < 1 2 3");
    cluster.heal();
    cluster.heartbeat(1);
    cluster.heartbeat(1);
    for (const id of [1, 2, 3, 4, 5]) assert.equal(seenBy(cluster, id), "1 4 5");
    assert.equal(cluster.node(1).changes.at(-1)?.type, "done");
  });

  it("the outcome tells when the last entry of the change is committed, with its index", () => {
    const cluster = ledCluster(3, 3);
    const node = cluster.node(1);
    assert.equal(cluster.change(1, [{ action: "demote", id: 3 }]), undefined);
    cluster.stabilize();
    const { configurationIndex } = node.core.status();
    const outcome = node.changes.at(-1);
    assert.deepEqual([outcome?.type, seenBy(cluster, 3)], ["done", "1 2 | 3"]);
    assert.ok(outcome?.type === "done" && outcome.configurationIndex === configurationIndex);
    assert.equal(configurationIndex, 3, "no-op, joint, new");
  });

  it("trap 32: nothing begins before the leader has committed in its term", () => {
    const node = loneLeader({ voters: [1, 2, 3] });
    const change = { action: "addLearner", id: 4, address: "node4:7000", instanceId: "" } as const;
    const input = { type: "changeMembership", changes: [change], force: true, source: 1 } as const;
    node.run(input);
    assert.equal(reasonOf(node.changes[0]), "in_progress");
    assert.match(JSON.stringify(node.changes[0]), /committed nothing yet/);
    assert.equal(node.core.lastIndex, 1);
  });

  it("trap 32: one change at a time", () => {
    const cluster = ledCluster(3, 5);
    cluster.isolate(1);
    cluster.change(1, [{ action: "addLearner", id: 4 }]);
    const outcome = cluster.change(1, [{ action: "addLearner", id: 5 }], true);
    assert.equal(reasonOf(outcome), "in_progress");
    cluster.heal();
    cluster.heartbeat(1);
    cluster.change(1, [{ action: "remove", id: 3 }]);
    cluster.deliver();
    assert.equal(reasonOf(cluster.change(1, [{ action: "addLearner", id: 5 }])), "in_progress");
    cluster.stabilize();
    cluster.change(1, [{ action: "addLearner", id: 5 }]);
    cluster.stabilize();
    assert.equal(seenBy(cluster, 1), "1 2 | 4 5");
  });

  it("trap 32: two leaders that change one configuration never both commit", () => {
    // The execution of the raft-dev thread: two voters, and each leader adds another node.
    const cluster = ledCluster(4, 6);
    cluster.change(1, [{ action: "addLearner", id: 5 }, { action: "addLearner", id: 6 }]);
    cluster.stabilize();
    cluster.cut(1, 2);
    cluster.cut(1, 3);
    cluster.cut(1, 4);
    cluster.change(1, [{ action: "promote", id: 5 }, { action: "remove", id: 2 }], true);
    cluster.elect(2);
    cluster.heartbeat(2);
    cluster.change(2, [{ action: "promote", id: 6 }, { action: "remove", id: 1 }], true);
    cluster.stabilize();
    assert.equal(seenBy(cluster, 2), "2 3 4 6 | 5");
    assert.equal(seenBy(cluster, 1), "1 3 4 5 < 1 2 3 4 | 6", "waits for both majorities");
    cluster.heal();
    cluster.heartbeat(2);
    cluster.heartbeat(2);
    assert.deepEqual(
      [seenBy(cluster, 1), seenBy(cluster, 5)],
      ["2 3 4 6", "2 3 4 6 | 5"].map(
        () => "2 3 4 6 | 5",
      ),
    );
  });

  it("trap 33: a change that another leader replaces is rolled back, and told as lost", () => {
    const cluster = ledCluster(3, 4);
    cluster.isolate(1);
    cluster.change(1, [{ action: "addLearner", id: 4 }]);
    assert.equal(seenBy(cluster, 1), "1 2 3 | 4");
    cluster.elect(2);
    cluster.heal();
    cluster.heartbeat(2);
    cluster.heartbeat(2);
    assert.equal(seenBy(cluster, 1), "1 2 3");
    assert.deepEqual(cluster.node(1).changes.at(-1)?.type, "lost");
  });

  it("trap 36: a new leader leaves a joint configuration that it found in its log", () => {
    const cluster = ledCluster(4, 4);
    cluster.change(1, [{ action: "remove", id: 4 }], true);
    cluster.deliver();
    assert.equal(seenBy(cluster, 2), "1 2 3 < 1 2 3 4");
    cluster.crash(1);
    cluster.drop();
    cluster.elect(2);
    assert.equal(seenBy(cluster, 2), "1 2 3");
    assert.equal(cluster.node(2).changes.length, 0, "nobody waits at this leader");
  });

  it("trap 36: who is removed stands while only it holds the new configuration", () => {
    const cluster = ledCluster(2, 2);
    cluster.change(1, [{ action: "remove", id: 1 }]);
    cluster.deliver();
    cluster.deliver();
    assert.deepEqual([seenBy(cluster, 1), seenBy(cluster, 2)], ["2", "2 < 1 2"]);
    cluster.crash(1);
    cluster.drop();
    cluster.restart(1);
    cluster.node(2).fire("leaderContact");
    cluster.node(2).fire("election");
    cluster.stabilize();
    assert.equal(cluster.leader, null, "the log of node 2 is behind that of node 1");
    cluster.node(1).fire("election");
    cluster.stabilize();
    cluster.heartbeat(2);
    assert.deepEqual([seenBy(cluster, 1), seenBy(cluster, 2)], ["2", "2"]);
    assert.equal(cluster.node(1).core.membership.isRemoved, true);
    cluster.node(1).fire("election");
    assert.equal(cluster.node(1).core.status().role, "follower", "now that it is committed");
  });

  it("trap 36: no back-pressure refuses the entry that leaves a joint configuration", () => {
    const cluster = ledCluster(3, 3);
    const full = { ...proposalOf(["a"]), bytes: 1e12 } as ReturnType<typeof proposalOf>;
    cluster.change(1, [{ action: "demote", id: 3 }]);
    cluster.node(1).run(full);
    cluster.node(1).run(full);
    assert.equal(cluster.node(1).refusals.length, 1, "the tail is full");
    cluster.stabilize();
    assert.equal(seenBy(cluster, 1), "1 2 | 3");
  });

  it("trap 37: a removed leader counts itself no more, and goes once it is committed", () => {
    const cluster = ledCluster(3, 3);
    cluster.change(1, [{ action: "remove", id: 1 }]);
    // The joint configuration needs two of three and both of 2 and 3.
    cluster.cut(1, 3);
    cluster.stabilize();
    assert.equal(seenBy(cluster, 1), "2 3 < 1 2 3");
    assert.equal(cluster.node(1).core.isLeader, true, "it replicates until the end");
    cluster.heal();
    cluster.heartbeat(1);
    assert.equal(cluster.node(1).core.isLeader, false);
    assert.equal(seenBy(cluster, 1), "2 3");
    assert.equal(cluster.node(1).changes.at(-1)?.type, "done");
    assert.equal(cluster.node(1).core.membership.isRemoved, true);
    cluster.node(1).fire("election");
    assert.equal(cluster.node(1).core.status().role, "follower", "it campaigns no more");
    assert.equal(cluster.node(2).core.membership.isRemoved, false);
  });

  it("trap 37: a leader that is demoted hands over to a voter and follows as a learner", () => {
    const cluster = ledCluster(3, 3);
    const sent: string[] = [];
    cluster.change(1, [{ action: "demote", id: 1 }]);
    while (cluster.inFlight.length > 0) {
      sent.push(...cluster.inFlight.map(({ to, message }) => `${message.type} ${to}`));
      cluster.deliver();
    }
    assert.equal(cluster.node(1).core.isLeader, false);
    assert.ok(sent.some((line) => line.startsWith("timeoutNow")), sent.join());
    assert.equal(cluster.node(1).core.membership.isRemoved, false);
  });

  it("a voter that is removed is sent to until it knows, then forgotten", () => {
    const cluster = ledCluster(3, 3);
    cluster.cut(1, 3);
    cluster.change(1, [{ action: "remove", id: 3 }]);
    cluster.stabilize();
    const peers = () => cluster.node(1).core.membership.peers.map(({ id }) => id);
    assert.deepEqual([seenBy(cluster, 1), peers()], ["1 2", [3, 2]]);
    assert.equal(cluster.node(3).core.membership.isRemoved, false);
    cluster.heal();
    cluster.heartbeat(1);
    cluster.heartbeat(1);
    assert.equal(cluster.node(3).core.membership.isRemoved, true);
    checkQuorums(cluster, 1, 3);
    assert.deepEqual(peers(), [2]);
    assert.deepEqual(cluster.node(1).core.status().followers.map(({ id }) => id), [2]);
  });

  it("a voter that is removed while it is away is forgotten after two checks", () => {
    const cluster = ledCluster(3, 3);
    cluster.crash(3);
    checkQuorums(cluster, 1);
    cluster.change(1, [{ action: "remove", id: 3 }]);
    cluster.stabilize();
    checkQuorums(cluster, 1);
    assert.deepEqual(cluster.node(1).core.membership.peers.map(({ id }) => id), [2]);
  });

  it("a learner is promoted once it has what there was an election timeout ago", () => {
    const cluster = ledCluster(3, 4);
    cluster.propose(1, "a", "b", "c");
    cluster.stabilize();
    checkQuorums(cluster, 1);
    cluster.node(1).entriesPerMessageMax = 1;
    cluster.cut(1, 4);
    cluster.change(1, [{ action: "add", id: 4 }]);
    cluster.stabilize();
    checkQuorums(cluster, 1);
    assert.equal(seenBy(cluster, 1), "1 2 3 | 4", "it has nothing yet");
    cluster.heal();
    cluster.node(1).fire("heartbeat");
    const { lastIndex } = cluster.node(1).core;
    while (seenBy(cluster, 1) === "1 2 3 | 4") {
      assert.ok(cluster.node(4).core.lastIndex <= lastIndex);
      cluster.deliver();
    }
    assert.equal(cluster.node(4).core.lastIndex, lastIndex, "not before it had all");
    cluster.stabilize();
    assert.equal(seenBy(cluster, 1), "1 2 3 4");
  });

  it("a learner is not promoted before it has the entry that made it a member", () => {
    const cluster = ledCluster(3, 4);
    cluster.propose(1, "a", "b", "c");
    cluster.stabilize();
    cluster.node(1).entriesPerMessageMax = 1;
    cluster.change(1, [{ action: "add", id: 4 }]);
    const { configurationIndex } = cluster.node(1).core.status();
    while (seenBy(cluster, 1) === "1 2 3 | 4") cluster.deliver();
    assert.ok(cluster.node(4).log.length >= configurationIndex);
    assert.equal(seenBy(cluster, 4), "1 2 3 | 4");
  });

  it("trap 14: a place is promoted once a data directory has taken it, from nothing on", () => {
    const cluster = ledCluster(3, 4);
    cluster.propose(1, "a", "b", "c");
    cluster.change(1, [{ action: "add", id: 4, instanceId: "" }]);
    checkQuorums(cluster, 1, 4);
    // Somebody answers there and has everything: it may be anybody.
    const follower = () => cluster.node(1).core.status().followers.find(({ id }) => id === 4)!;
    assert.equal(follower().matchIndex, cluster.node(1).core.lastIndex);
    assert.equal(cluster.change(1, [{ action: "promote", id: 4 }])?.type, "done");
    checkQuorums(cluster, 1, 4);
    assert.equal(seenBy(cluster, 1), "1 2 3 | 4");

    cluster.change(1, [{ action: "add", id: 4 }]);
    assert.equal(follower().matchIndex, 0, "what was known is of another directory");
    checkQuorums(cluster, 1, 4);
    assert.equal(seenBy(cluster, 1), "1 2 3 4");
  });

  it("a removal that would lose the quorum is refused while a voter is away", () => {
    const cluster = ledCluster(3, 3);
    cluster.crash(3);
    checkQuorums(cluster, 1);
    const outcome = cluster.change(1, [{ action: "remove", id: 2 }]);
    assert.equal(reasonOf(outcome), "refused");
    assert.match(JSON.stringify(outcome), /of the 2 voters afterwards 1 would be up, and 2 are/);
    cluster.restart(3);
    cluster.node(1).run({ type: "connectionLost", peer: 3 });
    cluster.heartbeat(1);
    cluster.change(1, [{ action: "remove", id: 2 }]);
    cluster.stabilize();
    assert.equal(seenBy(cluster, 1), "1 3");
  });

  it("a voter whose connection was lost counts as down until it answers", () => {
    const cluster = ledCluster(3, 3);
    cluster.node(1).run({ type: "connectionLost", peer: 3 });
    assert.equal(reasonOf(cluster.change(1, [{ action: "remove", id: 2 }])), "refused");
    cluster.heartbeat(1);
    assert.equal(cluster.change(1, [{ action: "remove", id: 2 }]), undefined);
  });

  it("only a leader changes members", () => {
    const cluster = ledCluster(3, 3);
    assert.equal(reasonOf(cluster.change(2, [{ action: "remove", id: 3 }])), "not_leader");
  });

  it("a node that comes back under its id starts anew at the leader", () => {
    const cluster = ledCluster(3, 3);
    cluster.propose(1, "a", "b");
    cluster.stabilize();
    cluster.change(1, [{ action: "remove", id: 3 }]);
    cluster.stabilize();
    cluster.change(1, [{ action: "addLearner", id: 3 }]);
    const [, third] = cluster.node(1).core.status().followers;
    assert.deepEqual([third?.id, third?.matchIndex], [3, 0]);
    cluster.stabilize();
    assert.equal(seenBy(cluster, 3), "1 2 | 3");
  });

  it("trap 11, trap 38: who does not know that it is a voter votes all the same", () => {
    const cluster = ledCluster(3, 4);
    cluster.change(1, [{ action: "addLearner", id: 4 }]);
    cluster.stabilize();
    cluster.cut(1, 4);
    cluster.cut(1, 3);
    cluster.change(1, [{ action: "promote", id: 4 }, { action: "remove", id: 3 }], true);
    cluster.deliver();
    cluster.crash(1);
    cluster.drop();
    // Node 2 knows the joint configuration 1 2 4 < 1 2 3; the learner 4 and the voter 3 do not.
    assert.equal(seenBy(cluster, 2), "1 2 4 < 1 2 3");
    assert.equal(seenBy(cluster, 4), "1 2 3 | 4");
    cluster.heal();
    cluster.elect(2);
    assert.equal(seenBy(cluster, 4), "1 2 4");
  });
});
