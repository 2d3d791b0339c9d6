/** How soon another node leads when the leader's process is gone, and only then. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MembershipWorld } from "./membership_world.ts";

/** Milliseconds until another node than `id` leads. */
async function untilSucceeded(world: MembershipWorld, id: number): Promise<number> {
  const startMs = world.world.scheduler.nowMs;
  await world.until(() => world.leader !== null && world.leader.id !== id);
  return world.world.scheduler.nowMs - startMs;
}

describe("succession", () => {
  it("another node leads soon after the leader's process was killed", async () => {
    for (const [count, seed] of [[3, "a"], [3, "b"], [5, "c"], [5, "d"]] as const) {
      const world = await MembershipWorld.grown(seed, count);
      await world.pass(2_000);
      const { id } = world.leader!;
      world.kill(id);
      const tookMs = await untilSucceeded(world, id);
      assert.ok(tookMs < 250, `it took ${tookMs} ms with ${count} nodes`);
      const others = [1, 2, 3, 4, 5].slice(0, count).filter((other) => other !== id);
      await world.works(others);
    }
  });

  it("waits for the election timeout where the leader is only out of reach", async () => {
    const world = await MembershipWorld.grown("cut", 3);
    await world.pass(2_000);
    const { id } = world.leader!;
    world.cut(id, [1, 2, 3].filter((other) => other !== id));
    const tookMs = await untilSucceeded(world, id);
    assert.ok(tookMs >= 900, `it took ${tookMs} ms`);
  });

  it("deposes nobody whose connections break while its process lives", async () => {
    const world = await MembershipWorld.grown("broken", 3);
    await world.pass(2_000);
    const { id, raft } = world.leader!;
    const { term } = raft!.status();
    world.world.network.reset({ hosts: [`node-${id}`] });
    await world.pass(3_000);
    assert.deepEqual([world.leader?.id, world.leader?.raft?.status().term], [id, term]);
  });

  it("nodes that were all killed elect as soon as a quorum is connected", async () => {
    for (const [count, seed] of [[3, "e"], [5, "f"]] as const) {
      const world = await MembershipWorld.grown(seed, count);
      await world.pass(2_000);
      const ids = [1, 2, 3, 4, 5].slice(0, count);
      for (const id of ids) world.kill(id);
      for (const id of ids) world.start(id, { formation: { kind: "existing" } });
      const startMs = world.world.scheduler.nowMs;
      await world.until(() => world.leader !== null);
      const tookMs = world.world.scheduler.nowMs - startMs;
      assert.ok(tookMs < 300, `it took ${tookMs} ms with ${count} nodes`);
      await world.works(ids);
    }
  });

  it("a node that starts beside a leader deposes nobody", async () => {
    const world = await MembershipWorld.grown("beside", 3);
    await world.pass(2_000);
    const { id, raft } = world.leader!;
    const { term } = raft!.status();
    for (const other of [1, 2, 3].filter((other) => other !== id)) {
      world.kill(other);
      world.start(other, { formation: { kind: "existing" } });
      await world.pass(2_000);
    }
    assert.deepEqual([world.leader?.id, world.leader?.raft?.status().term], [id, term]);
  });
});
