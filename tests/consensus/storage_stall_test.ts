import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreCluster, proposalOf } from "../../src/testing/core_cluster.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import { loneLeader, loneNode, onlyAnswer, roleOf } from "../../src/testing/core_lone_node.ts";
import { appendEntries, requestVote, vote } from "../../src/testing/core_messages.ts";

describe("storage_stall", () => {
  it("trap 50: a leader whose disk stalls has another lead, without an election timeout", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    const node = cluster.node(1);
    node.syncsAtOnce = false;
    node.run(proposalOf(["a"]));
    cluster.deliver();
    cluster.deliver();
    node.run({ type: "storageStalled" });
    assert.equal(node.core.isLeader, false);
    assert.equal(node.timers.has("heartbeat"), false, "no heartbeat hides the stall");
    // Not stabilize: that would complete the stalled sync.
    for (let round = 0; round < 10; round += 1) cluster.deliver();
    assert.equal(cluster.leader?.id, 2);
    assert.equal(cluster.leader?.core.term, 2);
    assert.equal(node.core.leaderId, 2, "it follows, as far as it can");
  });

  it("trap 50: nobody stands for election before its disk makes progress", () => {
    const node = loneNode({ syncsAtOnce: false });
    node.receive(2, appendEntries({ terms: [1] }));
    node.run({ type: "storageStalled" });
    node.takeOutgoing();
    node.fire("election");
    assert.deepEqual([node.takeOutgoing(), roleOf(node)], [[], "follower"]);
    assert.ok(node.timers.has("election"));
    node.receive(2, { type: "timeoutNow", term: 1 });
    assert.equal(roleOf(node), "follower");
    node.sync();
    node.takeOutgoing();
    node.fire("election");
    assert.equal(roleOf(node), "preCandidate");
  });

  it("grants no pre-vote, for the vote could not be written", () => {
    const node = loneNode();
    node.run({ type: "storageStalled" });
    node.receive(2, requestVote({ preVote: true }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, false);
  });

  it("a candidate gives up", () => {
    const node = loneNode();
    node.fire("election");
    node.run({ type: "storageStalled" });
    for (const from of [2, 3]) node.receive(from, vote({ preVote: true }));
    assert.equal(roleOf(node), "follower");
  });

  it("a leader without other voters stays", () => {
    const node = loneLeader({ configuration: configurationOf([1], { learners: [2] }) });
    node.run({ type: "storageStalled" });
    assert.equal(node.core.isLeader, true);
  });
});
