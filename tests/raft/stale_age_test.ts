/** The ages that nodes tell of their states, with processes that pause and leaders cut off. */
import assert from "node:assert/strict";
import { it } from "node:test";
import {
  machineName,
  SimulatedCluster,
  type SimulatedNode,
} from "../../src/testing/simulated_cluster.ts";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";
import { encodeKvCommand, encodeKvQuery } from "../../src/wire/kv_codec.ts";
import { drain } from "../microtask_drain.ts";

const HEARTBEAT_MS = 100;
const KEY = new TextEncoder().encode("k");
const QUERY = encodeKvQuery({ type: "get", key: KEY });

class AgeWorld {
  readonly world: SimulatedWorld;
  readonly cluster: SimulatedCluster;

  constructor(nodeCount: number) {
    this.world = new SimulatedWorld({ seed: "ages", drain });
    this.cluster = new SimulatedCluster({
      world: this.world,
      nodeCount,
      heartbeatMs: HEARTBEAT_MS,
      electionTimeoutMs: 1_000,
    });
    this.cluster.startAll();
  }

  async pass(ms: number): Promise<void> {
    const { scheduler } = this.world;
    await scheduler.run({ untilMs: scheduler.nowMs + ms, until: () => false });
    assert.deepEqual(this.cluster.defects, []);
  }

  /** The leader of a cluster that has been at rest for a while. */
  async settled(): Promise<SimulatedNode> {
    await this.pass(5_000);
    assert.ok(this.cluster.leader !== null);
    return this.cluster.leader;
  }

  others(...nodes: SimulatedNode[]): SimulatedNode[] {
    return this.cluster.nodes.filter((node) => !nodes.includes(node));
  }

  /** Writes at a leader; returns the index once it is acknowledged. */
  async put(leader: SimulatedNode): Promise<number> {
    const command = encodeKvCommand({
      type: "put",
      key: KEY,
      value: KEY,
      condition: { type: "none" },
      returnPrevious: false,
    });
    let index = 0;
    leader.running!.raft.propose(command).then((outcome) => index = outcome.index);
    while (index === 0) await this.pass(1);
    return index;
  }

  /** The age and the index of a stale read; null where it is refused. */
  async read(node: SimulatedNode): Promise<{ ageMs: number; index: number } | null> {
    const freshness = { consistency: "stale", maxAgeMs: 0 } as const;
    try {
      return await node.running!.raft.query(QUERY, freshness);
    } catch {
      return null;
    }
  }
}

it("at rest, ages are of one heartbeat at a leader and of three at a follower", async () => {
  const ages = new AgeWorld(3);
  const leader = await ages.settled();
  for (let count = 0; count < 50; count += 1) {
    await ages.pass(7);
    for (const node of ages.cluster.nodes) {
      const read = await ages.read(node);
      const boundMs = (node === leader ? 1 : 3) * HEARTBEAT_MS + 30;
      assert.ok(read !== null && read.ageMs <= boundMs, `node ${node.id}: ${read?.ageMs} ms`);
    }
  }
});

it("a single voter's state has the age 0", async () => {
  const ages = new AgeWorld(1);
  assert.equal((await ages.read(await ages.settled()))?.ageMs, 0);
});

it("a follower that was paused does not take what waited for it as new", async () => {
  const ages = new AgeWorld(3);
  const leader = await ages.settled();
  const [follower] = ages.others(leader) as [SimulatedNode];
  await ages.put(leader);
  await ages.pass(1_000);
  const pausedAtMs = ages.world.scheduler.nowMs;
  follower.machine.runtime!.process.pause();
  // What waits is not applied at once when the process goes on.
  const syncLatency = { minMs: 10, typicalMs: 10, tailChance: 0, tailMs: 10 };
  Object.assign(follower.machine.disk.faults, { syncLatency });
  const written: { readonly index: number; readonly atMs: number }[] = [];
  for (let count = 0; count < 5; count += 1) {
    await ages.pass(100);
    written.push({ index: await ages.put(leader), atMs: ages.world.scheduler.nowMs });
  }
  await ages.pass(200);
  follower.machine.runtime!.process.resume();
  let olderCount = 0;
  for (let count = 0; count < 100; count += 1) {
    await ages.pass(0.25);
    const askedAtMs = ages.world.scheduler.nowMs;
    const read = await ages.read(follower);
    assert.ok(read !== null);
    const missing = written.findLast(({ index }) => index > read.index);
    if (missing === undefined) continue;
    olderCount += 1;
    assert.ok(
      askedAtMs - read.ageMs <= missing.atMs && read.ageMs > askedAtMs - pausedAtMs - 350,
      `${read.ageMs} ms old at ${askedAtMs}, without what was written at ${missing.atMs}`,
    );
  }
  assert.ok(olderCount > 0, "the follower had caught up at once");
  await ages.pass(5 * HEARTBEAT_MS);
  const read = await ages.read(follower);
  assert.ok(read !== null && read.ageMs <= 3 * HEARTBEAT_MS + 30, `${read?.ageMs} ms`);
});

it("a leader that is cut off makes nobody's state look younger, nor its own", async () => {
  const ages = new AgeWorld(5);
  const leader = await ages.settled();
  const [follower] = ages.others(leader) as [SimulatedNode];
  const rest = ages.others(leader, follower).map(({ id }) => machineName(id));
  const cutOff = [leader, follower].map(({ id }) => machineName(id));
  ages.world.network.cut({ from: cutOff, to: rest, bothWays: true });
  await ages.pass(60);
  const cutAtMs = ages.world.scheduler.nowMs;
  for (let count = 0; count < 8; count += 1) {
    await ages.pass(HEARTBEAT_MS);
    for (const node of [leader, follower]) {
      const read = await ages.read(node);
      const sinceMs = ages.world.scheduler.nowMs - cutAtMs;
      assert.ok(read === null || read.ageMs >= sinceMs, `${read?.ageMs} ms, cut for ${sinceMs}`);
    }
  }
});
