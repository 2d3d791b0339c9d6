/** What must happen in the end, on a clock: timers fire by themselves and nobody helps. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreClock, ELECTION_TIMEOUT_TICKS } from "../../src/testing/core_clock.ts";
import { CoreCluster } from "../../src/testing/core_cluster.ts";
import type { CoreNode } from "../../src/testing/core_node.ts";
import { Prng } from "../../src/testing/prng.ts";

interface Timed {
  readonly cluster: CoreCluster;
  readonly clock: CoreClock;
}

function timed(
  options: ConstructorParameters<typeof CoreCluster>[0],
  seed: number | string = 1,
): Timed {
  const cluster = new CoreCluster({ syncsAtOnce: false, fetchesAtOnce: false, ...options });
  return { cluster, clock: new CoreClock(cluster, new Prng(seed)) };
}

/** Lets an election happen; returns the leader that every running node follows. */
function untilLed({ cluster, clock }: Timed): CoreNode {
  clock.runUntil(() => {
    const { leader } = cluster;
    return leader !== null && cluster.nodesUp.every((node) => node.core.leaderId === leader.id);
  }, { ticksMax: 20 * ELECTION_TIMEOUT_TICKS, what: "everybody follows one leader" });
  return cluster.leader!;
}

/** Proposes at the leader and waits until every running node has applied it. */
function untilApplied({ cluster, clock }: Timed, leader: CoreNode): number {
  const index = cluster.propose(leader.id, "a command");
  return clock.runUntil(() => cluster.nodesUp.every((node) => node.appliedIndex >= index), {
    ticksMax: 10 * ELECTION_TIMEOUT_TICKS,
    what: `everybody applies ${index}`,
  });
}

describe("liveness", () => {
  it("a new cluster of any size elects a leader and commits", () => {
    for (const nodes of [1, 2, 3, 4, 5, 7]) {
      const all = timed({ nodes });
      untilApplied(all, untilLed(all));
    }
  });

  it("split votes end: elections take few timeouts, whatever the jitter", () => {
    for (const nodes of [3, 5]) {
      const ticks: number[] = [];
      for (let seed = 1; seed <= 200; seed += 1) {
        const all = timed({ nodes }, seed);
        untilLed(all);
        ticks.push(all.clock.now);
      }
      ticks.sort((a, b) => a - b);
      const [median, worst] = [ticks[100]!, ticks[199]!];
      assert.ok(median <= 2 * ELECTION_TIMEOUT_TICKS, `median ${median}`);
      assert.ok(worst <= 8 * ELECTION_TIMEOUT_TICKS, `worst ${worst}`);
    }
  });

  it("a leader that crashes is replaced, soon", () => {
    const ticks: number[] = [];
    for (let seed = 1; seed <= 200; seed += 1) {
      const all = timed({ nodes: 3 }, seed);
      const first = untilLed(all);
      all.clock.run(seed % 7);
      all.cluster.crash(first.id);
      const start = all.clock.now;
      const second = untilLed(all);
      ticks.push(all.clock.now - start);
      untilApplied(all, second);
    }
    ticks.sort((a, b) => a - b);
    assert.ok(ticks[100]! <= 2.5 * ELECTION_TIMEOUT_TICKS, `median ${ticks[100]}`);
    assert.ok(ticks[199]! <= 10 * ELECTION_TIMEOUT_TICKS, `worst ${ticks[199]}`);
  });

  it("a settled cluster keeps its leader and its term for ever", () => {
    const all = timed({ nodes: 5 });
    const leader = untilLed(all);
    const { term } = leader.core;
    all.clock.run(100 * ELECTION_TIMEOUT_TICKS);
    assert.equal(all.cluster.leader, leader);
    assert.equal(leader.core.term, term);
  });

  it("an isolated leader steps down within two timeouts, and follows when it is back", () => {
    const all = timed({ nodes: 3 });
    const old = untilLed(all);
    all.cluster.isolate(old.id);
    all.clock.run(2 * ELECTION_TIMEOUT_TICKS + 1);
    assert.equal(old.core.isLeader, false);
    all.clock.runUntil(() => all.cluster.leader !== null, { ticksMax: 200, what: "a leader" });
    const second = all.cluster.leader!;
    all.clock.run(10 * ELECTION_TIMEOUT_TICKS);
    const { term } = second.core;
    assert.equal(old.core.term < term, true, "pre-votes of a lone node raise no term");
    all.cluster.heal();
    untilApplied(all, second);
    assert.deepEqual([all.cluster.leader, second.core.term], [second, term]);
  });

  it("trap 38: a follower that was away disturbs nobody when it returns", () => {
    const all = timed({ nodes: 5 });
    const leader = untilLed(all);
    const { term } = leader.core;
    const away = all.cluster.nodesUp.find((node) => node !== leader)!;
    for (let round = 0; round < 10; round += 1) {
      all.cluster.isolate(away.id);
      all.clock.run(3 * ELECTION_TIMEOUT_TICKS);
      all.cluster.heal();
      all.clock.run(round);
    }
    untilApplied(all, leader);
    assert.deepEqual([all.cluster.leader, leader.core.term], [leader, term]);
  });

  it("a leader that hears nobody steps down although all hear it", () => {
    const all = timed({ nodes: 3 });
    const deaf = untilLed(all);
    for (const node of all.cluster.nodesUp) all.cluster.cuts.add(`${node.id}>${deaf.id}`);
    all.clock.runUntil(() => all.cluster.leader !== null && all.cluster.leader !== deaf, {
      ticksMax: 10 * ELECTION_TIMEOUT_TICKS,
      what: "another leads",
    });
    all.cluster.heal();
    untilApplied(all, untilLed(all));
  });

  it("a leader that nobody hears is replaced, and learns it", () => {
    const all = timed({ nodes: 3 });
    const mute = untilLed(all);
    for (const node of all.cluster.nodesUp) all.cluster.cuts.add(`${mute.id}>${node.id}`);
    all.clock.runUntil(() => !mute.core.isLeader && all.cluster.leader !== null, {
      ticksMax: 10 * ELECTION_TIMEOUT_TICKS,
      what: "another leads",
    });
    all.cluster.heal();
    untilApplied(all, untilLed(all));
  });

  it("two followers that cannot reach each other need only the leader", () => {
    const all = timed({ nodes: 3 });
    const leader = untilLed(all);
    const [a, b] = all.cluster.nodesUp.filter((node) => node !== leader);
    all.cluster.cut(a!.id, b!.id);
    all.clock.run(20 * ELECTION_TIMEOUT_TICKS);
    assert.equal(all.cluster.leader, leader);
    untilApplied(all, leader);
  });

  it("the only up-to-date node wins although others campaign at higher terms", () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const logs = { 1: [1, 1, 1], 2: [1, 1, 1], 3: [1], 4: [1], 5: [1] };
      const all = timed({ nodes: 5, logs }, seed);
      for (const id of [3, 4]) all.cluster.node(id).storage.currentTerm = 5 + id;
      for (const id of [2, 3, 4]) all.cluster.crash(id);
      for (const id of [3, 4]) all.cluster.restart(id);
      all.cluster.crash(5);
      assert.equal(untilLed(all).id, 1);
    }
  });

  it("all nodes restarting at once lose nothing and go on", () => {
    const all = timed({ nodes: 3 });
    const leader = untilLed(all);
    untilApplied(all, leader);
    const index = leader.appliedIndex;
    for (const node of all.cluster.nodesUp) all.cluster.crash(node.id);
    all.cluster.drop();
    for (const id of all.cluster.nodes.keys()) all.cluster.restart(id);
    untilApplied(all, untilLed(all));
    assert.ok(all.cluster.nodesUp.every((node) => node.appliedIndex > index));
  });

  it("a single node restarts by itself, again and again", () => {
    const all = timed({ nodes: 1 });
    for (let round = 1; round <= 5; round += 1) {
      untilApplied(all, untilLed(all));
      assert.equal(all.cluster.node(1).core.term, round);
      all.cluster.crash(1, { changesKept: round % 2 });
      all.cluster.restart(1);
    }
  });

  it("one slow disk slows nobody but itself, and catches up", () => {
    const all = timed({ nodes: 3, entriesPerMessageMax: 2 });
    const leader = untilLed(all);
    const slow = all.cluster.nodesUp.find((node) => node !== leader)!;
    all.clock.diskTicks.set(slow.id, 50);
    for (let round = 0; round < 20; round += 1) {
      const index = all.cluster.propose(leader.id, "a", "b", "c");
      all.clock.runUntil(() => leader.appliedIndex >= index, { ticksMax: 10, what: "it commits" });
    }
    all.clock.diskTicks.delete(slow.id);
    untilApplied(all, leader);
    assert.equal(all.cluster.leader, leader);
  });

  it("a leader with a slow disk commits by the disks of the others", () => {
    const all = timed({ nodes: 3 });
    const leader = untilLed(all);
    all.clock.diskTicks.set(leader.id, 1000);
    const index = all.cluster.propose(leader.id, "a");
    const ticks = all.clock.runUntil(() => leader.core.commitIndex >= index, {
      ticksMax: 10,
      what: "it commits",
    });
    assert.ok(ticks <= 5, `${ticks} ticks`);
    assert.ok(leader.appliedIndex < index);
  });

  it("a proposal commits in two message delays and two syncs, without a heartbeat", () => {
    const all = timed({ nodes: 3 });
    const leader = untilLed(all);
    all.clock.run(3);
    const index = all.cluster.propose(leader.id, "a");
    const ticks = all.clock.runUntil(() => leader.appliedIndex >= index, {
      ticksMax: 10,
      what: "it commits",
    });
    assert.ok(ticks <= 3, `${ticks} ticks`);
  });

  it("reads at every node end, with leaders coming and going", () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const all = timed({ nodes: 3 }, seed);
      const { cluster, clock } = all;
      for (let round = 0; round < 3; round += 1) {
        const leader = untilLed(all);
        for (const node of cluster.nodesUp) cluster.read(node.id);
        clock.run(seed % 3);
        cluster.crash(leader.id);
        for (const node of cluster.nodesUp) cluster.disconnect(node.id, leader.id);
        for (const node of cluster.nodesUp) cluster.read(node.id);
        untilLed(all);
        cluster.restart(leader.id);
        for (const node of cluster.nodesUp) {
          if (node !== leader) cluster.disconnect(node.id, leader.id);
        }
      }
      untilApplied(all, untilLed(all));
      assert.deepEqual(cluster.checker.readNames, []);
    }
  });

  it("a late vote cannot split a cluster for ever: slow networks still elect", () => {
    // Messages take a quarter of an election timeout each way.
    const all = timed({ nodes: 3 });
    const { cluster } = all;
    const delayed: (typeof cluster.inFlight)[] = [];
    const delayTicks = ELECTION_TIMEOUT_TICKS / 4;
    all.clock.runUntil(() => {
      delayed.push(cluster.inFlight);
      cluster.inFlight = delayed.length > delayTicks ? delayed.shift()! : [];
      return cluster.leader !== null && cluster.nodesUp.every((node) => {
        return node.core.leaderId === cluster.leader!.id;
      });
    }, { ticksMax: 40 * ELECTION_TIMEOUT_TICKS, what: "a leader over a slow network" });
  });
});
