/** A checker that notices nothing proves nothing: each promise is broken once. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreCluster } from "../../src/testing/core_cluster.ts";
import { accepted, requestVote, vote } from "../../src/testing/core_messages.ts";

/** Node 1 leads term 1 and has committed three entries; node 3 lacks the last two. */
function settled(): CoreCluster {
  const cluster = new CoreCluster({ nodes: 3 });
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a", "b");
  cluster.stabilize();
  cluster.heartbeat(1);
  cluster.heal();
  return cluster;
}

describe("core_checker", () => {
  it("notices a message in a term that is not durable", () => {
    const { checker, nodes } = settled();
    const send = () => checker.sent(nodes.get(2)!, 1, accepted({ term: 2 }));
    assert.throws(send, /speaks in term 2, durable is 1/);
  });

  it("notices a vote that is not durable, and a second vote", () => {
    const cluster = settled();
    const node = cluster.node(2);
    assert.throws(() => cluster.checker.sent(node, 3, vote()), /is not durable: 1@1/);
    node.storage.currentTerm = 2;
    assert.throws(() => cluster.checker.sent(node, 3, vote()), /votes for 1 and 3 in 1/);
    const request = requestVote({ term: 2 });
    assert.throws(() => cluster.checker.sent(node, 3, request), /is not durable: 1@2/);
  });

  it("notices an acknowledgement of what is not durable, or not the leader's", () => {
    const cluster = settled();
    const acknowledge = (id: number, matchIndex: number) =>
      cluster.checker.sent(cluster.node(id), 1, accepted({ matchIndex }));
    acknowledge(2, 3);
    assert.throws(() => acknowledge(3, 2), /acknowledges 2 before it is durable/);
    const stray = { term: 1, payload: "stray" };
    cluster.node(3).log.push(stray);
    cluster.node(3).storage.entries.push(stray);
    assert.throws(() => acknowledge(3, 2), /acknowledges 2@1, leader 1 has 1/);
  });

  it("notices logs that do not match", () => {
    const cluster = settled();
    cluster.node(3).log.push({ term: 1, payload: "another" });
    assert.throws(() => cluster.checker.appended(cluster.node(3), 2), /log matching/);
  });

  it("notices an entry that is applied before it is committed or durable, or another one", () => {
    const cluster = settled();
    const node = cluster.node(2);
    const entry = node.storage.entries.pop()!;
    assert.throws(() => cluster.checker.applied(node, 3), /before it is durable there/);
    node.storage.entries.push(entry);
    cluster.checker.applied(node, 3);
    node.log.push(entry);
    assert.throws(() => cluster.checker.applied(node, 4), /applies 4, not committed/);
    node.log[2] = { ...entry, payload: "another" };
    assert.throws(() => cluster.checker.applied(node, 3), /state machine safety/);
  });

  it("notices a commitment that no quorum holds", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.deliver();
    for (const id of [2, 3]) cluster.node(id).storage.entries.pop();
    assert.throws(() => cluster.deliver(), /commits 2, which no quorum holds durably/);
  });

  it("notices a leader that lacks a committed entry", () => {
    const cluster = settled();
    cluster.crash(1);
    for (const id of [2, 3]) cluster.node(id).fire("leaderContact");
    cluster.node(3).fire("election");
    const votes = [vote({ term: 2, preVote: true }), vote({ term: 2 })];
    assert.throws(() => {
      for (const message of votes) cluster.node(3).receive(2, message);
    }, /leader completeness: 3 lacks 2@1 in term 2/);
  });

  it("notices two leaders of one term", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.isolate(3);
    cluster.elect(1);
    const node = cluster.node(3);
    node.fire("election");
    node.receive(2, vote({ preVote: true }));
    assert.throws(() => node.receive(2, vote()), /term 1 has the leaders 1 and 3/);
  });

  it("notices a stale read, and a read that ends twice", () => {
    const cluster = settled();
    const node = cluster.node(2);
    cluster.checker.readIssued(node, 7);
    const end = (readIndex: number) => cluster.checker.readEnded(node, { readId: 7, readIndex });
    assert.throws(() => end(2), /stale read 2\/7: index 2, committed before it 3/);
    assert.throws(() => end(3), /ended twice/);
  });

  it("notices a timer that nobody armed", () => {
    const cluster = settled();
    cluster.node(1).timers.delete("heartbeat");
    assert.throws(() => cluster.propose(1, "c"), /heartbeat is not armed/);
    cluster.node(2).timers.delete("election");
    assert.throws(() => cluster.checker.performed(cluster.node(2)), /election timer is wrong/);
  });
});
