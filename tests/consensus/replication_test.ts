import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AppendEntriesRequest } from "../../src/consensus/messages.ts";
import { INFLIGHT_MESSAGES_MAX } from "../../src/limits.ts";
import { CoreCluster, proposalOf } from "../../src/testing/core_cluster.ts";
import { acknowledgeAll, loneLeader, sentTo } from "../../src/testing/core_lone_node.ts";
import { accepted, rejected } from "../../src/testing/core_messages.ts";
import type { CoreNode } from "../../src/testing/core_node.ts";

/** The AppendEntries that left for node 2. */
function appendsTo2(node: CoreNode): AppendEntriesRequest[] {
  return sentTo(node, 2).map((message) => {
    assert.ok(message.type === "appendEntriesRequest");
    return message;
  });
}

/** "PREV:LAST" of each AppendEntries that left for node 2; "PREV:" for a heartbeat. */
function rangesTo2(node: CoreNode): string[] {
  return appendsTo2(node).map((message) =>
    `${message.prevLogIndex}:${message.entries?.lastIndex ?? ""}`
  );
}

/** Node 1 leads term 1 with its no-op at index 1, which node 2 acknowledged. */
function leaderOf2(options: Parameters<typeof loneLeader>[0] = {}): CoreNode {
  const node = loneLeader(options);
  acknowledgeAll(node, [2]);
  node.takeOutgoing();
  return node;
}

describe("replication", () => {
  it("a new leader sends its no-op to everybody at once", () => {
    const cluster = new CoreCluster({ nodes: 3, logs: { 1: [1, 1] } });
    cluster.node(1).fire("election");
    cluster.deliver();
    cluster.deliver();
    cluster.deliver();
    cluster.deliver();
    assert.equal(cluster.node(1).core.isLeader, true);
    const sent = cluster.inFlight.map(({ to, message }) => ({ to, message }));
    assert.deepEqual(sent.map(({ to }) => to), [2, 3]);
    assert.ok(sent.every(({ message }) => {
      return message.type === "appendEntriesRequest" && message.entries?.firstIndex === 3;
    }));
  });

  it("sends without waiting for answers once a follower's log is known to match", () => {
    const node = leaderOf2();
    for (let count = 0; count < 3; count += 1) node.run(proposalOf(["a"]));
    assert.deepEqual(rangesTo2(node), ["1:2", "2:3", "3:4"]);
  });

  it("probes with one message at a time while the match is not known", () => {
    const node = loneLeader({ terms: [1, 1] });
    node.run(proposalOf(["a"]));
    node.run(proposalOf(["b"]));
    assert.deepEqual(rangesTo2(node), [], "the no-op is not answered yet");
    node.receive(2, accepted({ term: 2, matchIndex: 3 }));
    assert.deepEqual(rangesTo2(node), ["3:5"]);
  });

  it("a heartbeat wakes a probe whose message or answer was lost", () => {
    const node = loneLeader({ terms: [1, 1] });
    node.fire("heartbeat");
    assert.deepEqual(rangesTo2(node), ["2:3"]);
  });

  it("ancestor A15: heartbeats go on whether or not anybody answers", () => {
    const node = leaderOf2();
    for (let round = 0; round < 5; round += 1) {
      assert.ok(node.timers.has("heartbeat"));
      node.fire("heartbeat");
      const sent = node.takeOutgoing().map(({ to }) => to);
      assert.deepEqual(sent, [2, 3]);
    }
  });

  it("entries take the place of a heartbeat", () => {
    const node = leaderOf2();
    node.step({ type: "timer", timer: "heartbeat" });
    node.step(proposalOf(["a"]));
    node.perform();
    assert.deepEqual(rangesTo2(node), ["1:2"]);
  });

  it("heartbeats go out while entries are being fetched", () => {
    const node = leaderOf2({ fetchesAtOnce: false });
    node.run(proposalOf(["a"]));
    node.fire("heartbeat");
    assert.deepEqual(rangesTo2(node), ["1:"]);
  });

  it("trap 30: asks for no further entries before the last ones are sent", () => {
    const node = leaderOf2({ entriesPerMessageMax: 2 });
    node.fetchesAtOnce = false;
    node.run(proposalOf(["a", "b", "c"]));
    node.run(proposalOf(["d"]));
    assert.equal(node.fetches.filter(({ to }) => to === 2).length, 1);
    node.fetches = node.fetches.filter(({ to }) => to === 2);
    node.stepFetch();
    node.perform();
    assert.deepEqual(rangesTo2(node), ["1:3"], "as many as the driver put into one message");
    node.stepFetch();
    node.perform();
    assert.deepEqual(rangesTo2(node), ["3:5"]);
  });

  it("trap 30: stops at a full window and goes on with the next acknowledgement", () => {
    const node = leaderOf2();
    for (let count = 0; count <= INFLIGHT_MESSAGES_MAX; count += 1) node.run(proposalOf(["a"]));
    assert.equal(appendsTo2(node).length, INFLIGHT_MESSAGES_MAX);
    node.receive(2, accepted({ matchIndex: 2 }));
    assert.equal(appendsTo2(node).length, 1);
  });

  it("ancestor A12: a silent follower is sent one window, then heartbeats only", () => {
    const node = leaderOf2();
    for (let count = 0; count < 2 * INFLIGHT_MESSAGES_MAX; count += 1) node.run(proposalOf(["a"]));
    node.takeOutgoing();
    node.fire("heartbeat");
    assert.ok(appendsTo2(node).every((message) => message.entries === null));
  });

  it("a window full of lost messages is found by the next heartbeat", () => {
    const cluster = new CoreCluster({ nodes: 2, entriesPerMessageMax: 1 });
    cluster.elect(1);
    for (let count = 0; count < 2 * INFLIGHT_MESSAGES_MAX; count += 1) cluster.propose(1, "a");
    assert.equal(cluster.inFlight.length, INFLIGHT_MESSAGES_MAX);
    cluster.drop();
    cluster.heartbeat(1);
    assert.equal(cluster.node(1).core.commitIndex, 2 * INFLIGHT_MESSAGES_MAX + 1);
  });

  it("lost acknowledgements are made up for by the next heartbeat", () => {
    const cluster = new CoreCluster({ nodes: 2 });
    cluster.elect(1);
    const index = cluster.propose(1, "a", "b");
    cluster.deliver();
    cluster.drop();
    assert.equal(cluster.node(1).core.commitIndex, 1);
    cluster.heartbeat(1);
    assert.equal(cluster.node(1).core.commitIndex, index);
  });

  it("a lost connection sends again what was lost, and not what came through", () => {
    const node = leaderOf2();
    for (let count = 0; count < 3; count += 1) node.run(proposalOf(["a"]));
    node.takeOutgoing();
    node.run({ type: "connectionLost", peer: 2 });
    assert.deepEqual(rangesTo2(node), ["4:"], "it is asked where it stands");
    node.receive(2, rejected({ prevLogIndex: 4, hintIndex: 2, hintTerm: 1 }));
    assert.deepEqual(rangesTo2(node), ["2:4"]);
  });

  it("a new leader sends nobody again what he has, whenever he connects", () => {
    for (const lastIndex of [100, 101]) {
      const node = loneLeader({ terms: Array(100).fill(1) });
      node.run({ type: "connectionLost", peer: 2 });
      assert.deepEqual(rangesTo2(node), ["101:"]);
      if (lastIndex === 101) node.receive(2, accepted({ term: 2, matchIndex: 101 }));
      else node.receive(2, rejected({ term: 2, prevLogIndex: 101, hintIndex: 100, hintTerm: 1 }));
      assert.deepEqual(rangesTo2(node), lastIndex === 101 ? [] : ["100:101"]);
    }
  });

  it("one that lags behind a new leader is sent what it lacks, from nothing on", () => {
    const terms = [1, 1, 1, ...Array(50).fill(2)];
    for (const own of [[], [1, 1], [1, 1, 1, 1, 1], terms.slice(0, 40)]) {
      const cluster = new CoreCluster({ nodes: 3, logs: { 1: terms, 2: own, 3: terms } });
      cluster.isolate(2);
      cluster.elect(1);
      cluster.heal();
      cluster.disconnect(1, 2);
      cluster.stabilize();
      assert.deepEqual(cluster.node(2).log, cluster.node(1).log);
      const sent = cluster.trace().split("\n").filter((line) => /^1 sends to 2: append/.test(line));
      assert.ok(sent.length < 8, sent.join("\n"));
    }
  });

  it("whoever is asked where it stands is sent no entries before it answers", () => {
    const node = leaderOf2();
    node.run({ type: "connectionLost", peer: 2 });
    node.run(proposalOf(["a"]));
    assert.deepEqual(rangesTo2(node), ["1:"]);
    node.fire("heartbeat");
    assert.deepEqual(rangesTo2(node), ["1:"], "the question, or its answer, may be lost");
    node.run(proposalOf(["b"]));
    assert.deepEqual(rangesTo2(node), []);
    node.receive(2, accepted({ matchIndex: 1 }));
    assert.deepEqual(rangesTo2(node), ["1:3"]);
  });

  it("a question that heartbeats repeat is answered once", () => {
    const node = loneLeader({ terms: Array(100).fill(1) });
    node.run({ type: "connectionLost", peer: 2 });
    for (let count = 0; count < 2; count += 1) node.fire("heartbeat");
    assert.deepEqual(rangesTo2(node), ["101:", "101:", "101:"]);
    const refusal = rejected({ term: 2, prevLogIndex: 101, hintIndex: 90, hintTerm: 1 });
    node.receive(2, refusal);
    assert.deepEqual(rangesTo2(node), ["90:101"]);
    for (let count = 0; count < 2; count += 1) node.receive(2, refusal);
    assert.deepEqual(rangesTo2(node), [], "it is on its way");
    node.fire("heartbeat");
    node.receive(2, refusal);
    assert.deepEqual(rangesTo2(node), ["101:", "90:"], "it was lost");
  });

  it("a window that is refused is sent again once", () => {
    const node = leaderOf2();
    for (let count = 0; count < 3; count += 1) node.run(proposalOf(["a"]));
    assert.deepEqual(rangesTo2(node), ["1:2", "2:3", "3:4"]);
    for (const prevLogIndex of [2, 3]) {
      node.receive(2, rejected({ prevLogIndex, hintIndex: 1, hintTerm: 1 }));
    }
    assert.deepEqual(rangesTo2(node), ["1:"]);
    node.receive(2, accepted({ matchIndex: 1 }));
    assert.deepEqual(rangesTo2(node), ["1:4"]);
  });

  it("an answer from before a lost connection skips nothing for long", () => {
    const node = leaderOf2();
    for (let count = 0; count < 3; count += 1) node.run(proposalOf(["a"]));
    node.run({ type: "connectionLost", peer: 2 });
    node.receive(2, accepted({ matchIndex: 2 }));
    node.takeOutgoing();
    node.run(proposalOf(["b"]));
    assert.deepEqual(rangesTo2(node), ["4:5"], "as if the three had come through");
    node.receive(2, rejected({ prevLogIndex: 4, hintIndex: 2, hintTerm: 1 }));
    node.fire("heartbeat");
    node.receive(2, rejected({ prevLogIndex: 5, hintIndex: 2, hintTerm: 1 }));
    assert.deepEqual(rangesTo2(node), ["5:", "2:"]);
    node.receive(2, accepted({ matchIndex: 2 }));
    assert.deepEqual(rangesTo2(node), ["2:5"]);
    assert.equal(node.core.commitIndex, 2);
  });

  it("a fetch that outlives its connection does not hold up the next probe", () => {
    const node = leaderOf2();
    node.fetchesAtOnce = false;
    node.run(proposalOf(["a"]));
    node.run({ type: "connectionLost", peer: 2 });
    assert.deepEqual(rangesTo2(node), ["2:"]);
    node.receive(2, rejected({ prevLogIndex: 2, hintIndex: 1, hintTerm: 1 }));
    node.fetches = node.fetches.filter(({ to }) => to === 2);
    node.stepFetch(true);
    node.perform();
    assert.equal(node.fetches.length, 1, "the probe does not wait for a heartbeat");
  });

  it("a driver that cannot reach a peer is not asked again before the next heartbeat", () => {
    const node = leaderOf2();
    node.fetchesAtOnce = false;
    node.run(proposalOf(["a"]));
    node.fetches = [];
    node.run({ type: "sent", peer: 2, term: 1, lastIndex: 1, bytes: 0 });
    node.run(proposalOf(["b"]));
    assert.deepEqual(node.fetches, []);
    node.fire("heartbeat");
    assert.equal(node.fetches.filter(({ to }) => to === 2).length, 1);
  });

  it("trap 16: takes what a follower acknowledges, and a shorter one takes nothing back", () => {
    const node = leaderOf2();
    node.run(proposalOf(["a", "b"]));
    const matchOf2 = (): number | undefined =>
      node.core.status().followers.find(({ id }) => id === 2)?.matchIndex;
    node.receive(2, accepted({ matchIndex: 2 }));
    assert.equal(matchOf2(), 2);
    node.receive(2, accepted({ matchIndex: 1 }));
    assert.equal(matchOf2(), 2);
    node.receive(2, rejected({ prevLogIndex: 2, hintIndex: 0 }));
    assert.equal(matchOf2(), 2);
  });

  it("trap 16: an acknowledgement beyond the leader's log proves nothing", () => {
    const node = leaderOf2();
    node.receive(2, accepted({ matchIndex: 99 }));
    assert.equal(node.core.commitIndex, 1);
  });

  it("acknowledgements of another term, or of a stranger, are ignored", () => {
    const node = loneLeader({ terms: [1], currentTerm: 1 });
    node.receive(2, accepted({ term: 1, matchIndex: 2 }));
    node.receive(9, accepted({ term: 2, matchIndex: 2 }));
    assert.equal(node.core.commitIndex, 0);
    assert.equal(node.core.isLeader, true);
  });

  it("a refusal that something newer overtook changes nothing", () => {
    const node = leaderOf2();
    node.receive(2, rejected({ prevLogIndex: 1, hintIndex: 0 }));
    node.run(proposalOf(["a"]));
    node.run(proposalOf(["b"]));
    assert.deepEqual(rangesTo2(node), ["1:2", "2:3"], "it still replicates");
    const probing = loneLeader({ terms: [1, 1, 1] });
    probing.receive(2, rejected({ term: 2, prevLogIndex: 2, hintIndex: 1, hintTerm: 1 }));
    assert.deepEqual(rangesTo2(probing), [], "the probe is at 3");
  });

  it("trap 29: finds the match in one round trip for each term that differs", () => {
    const terms1 = [1, 1, 1, ...Array(50).fill(4), ...Array(50).fill(5), ...Array(50).fill(6)];
    const terms2 = [1, 1, 1, ...Array(70).fill(2), ...Array(80).fill(3)];
    const cluster = new CoreCluster({ nodes: 3, logs: { 1: terms1, 2: terms2, 3: terms1 } });
    cluster.elect(1);
    assert.deepEqual(cluster.node(2).log, cluster.node(1).log);
    const rejections = cluster.trace().split("\n").filter((line) => {
      return line.startsWith("2 sends to 1: appendEntriesResponse accepted false");
    });
    assert.ok(rejections.length <= 3, `${rejections.length} round trips for three terms`);
  });

  it("trap 29: finds the end of a short log in one round trip", () => {
    const cluster = new CoreCluster({ nodes: 3, logs: { 1: Array(300).fill(1), 2: [1] } });
    cluster.isolate(3);
    cluster.elect(1);
    assert.deepEqual(cluster.node(2).terms, cluster.node(1).terms);
    const rejections = cluster.trace().match(/2 sends to 1: appendEntriesResponse accepted false/g);
    assert.equal(rejections?.length, 1);
  });

  it("tells followers the commit index once, when the notice is due", () => {
    const node = leaderOf2();
    assert.ok(node.timers.has("commitNotice"));
    node.fire("commitNotice");
    assert.deepEqual(appendsTo2(node).map((message) => message.leaderCommit), [1]);
    node.fire("commitNotice");
    assert.deepEqual(appendsTo2(node), []);
    node.run(proposalOf(["a"]));
    node.receive(2, accepted({ matchIndex: 2 }));
    assert.ok(node.timers.has("commitNotice"), "every commitment is worth a notice");
  });

  it("a commit notice is not needed where entries carry the news", () => {
    const node = leaderOf2();
    node.run(proposalOf(["a"]));
    assert.deepEqual(appendsTo2(node).map((message) => message.leaderCommit), [1]);
    node.fire("commitNotice");
    assert.deepEqual(appendsTo2(node), []);
  });

  it("after a burst every log commits everything without a heartbeat", () => {
    const cluster = new CoreCluster({ nodes: 3, syncsAtOnce: false, fetchesAtOnce: false });
    cluster.elect(1);
    for (let count = 0; count < 10; count += 1) {
      cluster.propose(1, "a");
      cluster.deliver();
      for (const node of cluster.nodesUp) if (node.unsyncedCount > 1) node.sync(1);
    }
    cluster.stabilize();
    assert.equal(cluster.node(1).core.commitIndex, 11);
    cluster.node(1).fire("commitNotice");
    cluster.stabilize();
    assert.deepEqual(cluster.nodesUp.map((node) => node.appliedIndex), [11, 11, 11]);
  });
});
