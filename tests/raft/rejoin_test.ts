/** A node whose disk is damaged rejoins its cluster as a new instance, and counts only then. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError, RefusedError } from "../../src/errors.ts";
import { rejoinDirectory, type RejoinOutcome } from "../../src/log/rejoin_directory.ts";
import { readIdentity } from "../../src/log/identity_file.ts";
import type { SimulatedNode } from "../../src/testing/simulated_cluster.ts";
import type { NodeId } from "../../src/types.ts";
import { encodeKvCommand, encodeKvQuery } from "../../src/wire/kv_codec.ts";
import { NO_CONDITION } from "../../src/wire/kv_messages.ts";
import { ClusterWorld } from "./cluster_world.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const GET = encodeKvQuery({ type: "get", key: bytes("k9") });

class RejoinWorld extends ClusterWorld {
  constructor() {
    super(11, { nodeCount: 3 });
  }

  async write(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const command = { key: bytes(`k${i}`), value: bytes("v"), condition: NO_CONDITION };
      await this.propose(encodeKvCommand({ type: "put", ...command, returnPrevious: false }));
    }
  }

  /** Flips a bit in the log of a node that is down. */
  damage(node: SimulatedNode): void {
    const { disk } = node.machine;
    const path = `${node.dataPath}/log/${disk.list(`${node.dataPath}/log`)[0]!}`;
    const rot = { path, offset: 0, mask: 1, mayHide: false };
    disk.corrupt(rot);
    node.rot = rot;
  }

  rejoin(node: SimulatedNode, isNeeded = true): Promise<RejoinOutcome | Error> {
    node.machine.crash("kill");
    const path = node.dataPath;
    return this.settle(rejoinDirectory(node.machine.boot(), { path, isNeeded }));
  }

  /** Starts a node on the directory that was set up anew. */
  startAnew(node: SimulatedNode): void {
    node.machine.crash("power_loss");
    node.rot = null;
    node.rules.startAnew();
    this.cluster.start(node);
  }

  isVoter(id: NodeId): boolean {
    const members = this.cluster.leader?.running?.status().members ?? [];
    return members.some((member) => member.id === id && member.voter);
  }
}

describe("a node with a damaged directory", () => {
  it("rejoins as a new instance, without a vote until it has caught up", async () => {
    const world = new RejoinWorld();
    await world.write(10);
    const node = world.node(3);
    world.cluster.crash(node, "power_loss");
    world.damage(node);
    world.cluster.start(node);
    await world.until(() => node.lastError !== null, "node 3 refuses its data");
    assert.ok(node.lastError instanceof BadDataError, String(node.lastError));
    assert.match(node.lastError.fix.join(), /raft recover rejoin --data/);
    const outcome = await world.rejoin(node);
    assert.ok(!(outcome instanceof Error), String(outcome));
    assert.ok(outcome.kept !== null);
    const old = outcome.identity.replaces[0]!;
    assert.notEqual(outcome.identity.instanceId, old);
    assert.ok(node.machine.disk.list(`${outcome.asidePath}/log`).length > 0, "the old log is kept");
    // Once more changes nothing.
    const again = await world.rejoin(node, false);
    assert.ok(!(again instanceof Error) && again.kept === null, String(again));
    assert.equal(again.identity.instanceId, outcome.identity.instanceId);
    world.startAnew(node);
    await world.until(() => !world.isVoter(3), "the lost instance has lost its vote");
    await world.until(() => world.isVoter(3), "node 3 votes again");
    await world.until(() => node.watch.lastApplied >= 12, "it has caught up");
    const read = await world.settle(node.running!.raft.query(GET));
    assert.ok(!(read instanceof Error), String(read));
    // It is a full member: with it a quorum does without another one.
    world.cluster.crash(world.node(2), "kill");
    await world.write(2);
    const identity = await world.settle(readIdentity(node.machine.runtime!, node.dataPath));
    assert.ok(!(identity instanceof Error) && identity.born, String(identity));
    assert.deepEqual(identity.replaces, []);
  });

  it("is not let in while the others are no quorum, and is once they are", async () => {
    const world = new RejoinWorld();
    await world.write(3);
    const node = world.node(3);
    world.cluster.crash(node, "power_loss");
    world.cluster.crash(world.node(2), "kill");
    assert.ok(!(await world.rejoin(node) instanceof Error));
    world.startAnew(node);
    const { scheduler } = world.world;
    await scheduler.run({ untilMs: scheduler.nowMs + 10_000 });
    assert.deepEqual(world.cluster.defects, []);
    assert.equal(node.running?.raft.leader ?? null, null, "it takes part in nothing");
    world.cluster.start(world.node(2));
    await world.until(() => node.watch.lastApplied >= 4 && world.isVoter(3), "node 3 is back");
  });

  it("rejoins only for a reason", async () => {
    const world = new RejoinWorld();
    await world.write(3);
    const node = world.node(3);
    world.cluster.crash(node, "kill");
    const outcome = await world.rejoin(node, false);
    assert.ok(outcome instanceof RefusedError, String(outcome));
    node.machine.crash("kill");
    world.cluster.start(node);
    await world.until(() => node.running?.raft.leader !== undefined, "it starts as it is");
  });
});
