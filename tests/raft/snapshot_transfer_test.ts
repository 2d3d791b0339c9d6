/** Whole nodes in a simulated world: a follower that needs compacted entries gets a snapshot. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SimulatedNode } from "../../src/testing/simulated_cluster.ts";
import { SnapshotTransferWorld } from "./snapshot_transfer_world.ts";

const TIMEOUT = { timeout: 120_000 };

describe("snapshots between nodes", () => {
  it("catch up a follower that was away for long, while writes go on", TIMEOUT, async () => {
    const world = await new SnapshotTransferWorld("catch up").formed();
    const away = await world.leaveBehind();
    world.cluster.start(away);
    await world.put(60);
    await world.caughtUp();
    assert.equal(away.watch.installations, 1);
    // It went on by log: it was not fed by snapshots.
    assert.ok(away.watch.lastIndex > away.watch.log.lastIncludedIndex + 30);
    await world.checkStates();
  });

  it("go on where a broken connection left them", TIMEOUT, async () => {
    const world = await new SnapshotTransferWorld("broken connections").formed();
    const away = await world.leaveBehind();
    for (const chunk of [12, 15]) world.atChunk(chunk, () => world.disconnect(away));
    world.cluster.start(away);
    await world.put(20);
    await world.caughtUp();
    assert.equal(world.disconnects, 2, "the transfer took fewer chunks");
    assert.equal(away.watch.installations, 1);
    // Each break costs no more than what was on its way; from the start it would be 28 chunks.
    assert.ok(world.chunksSent <= world.chunkCount + 2 * 4, `${world.chunksSent} chunks`);
    await world.checkStates();
  });

  it("start anew under another leader", TIMEOUT, async () => {
    const world = await new SnapshotTransferWorld("leader change").formed();
    const away = await world.leaveBehind();
    let deposed: SimulatedNode | null = null;
    world.atChunk(4, () => {
      deposed = world.cluster.leader;
      world.cluster.crash(deposed!, "power_loss");
    });
    world.cluster.start(away);
    await world.until(() => deposed !== null && world.cluster.leader !== null);
    await world.put(20);
    world.cluster.startAll();
    await world.caughtUp();
    assert.ok(away.watch.installations >= 1);
    await world.checkStates();
  });

  it("trap 44: a crash at any moment of a transfer recovers", TIMEOUT, async () => {
    for (let run = 0; run < 5; run += 1) {
      const world = await new SnapshotTransferWorld(`crash ${run}`).formed();
      const away = await world.leaveBehind();
      // Before, in the middle of, and in the milliseconds after the last chunk.
      const chunk = run < 2 ? 4 + 6 * run : world.chunkCount;
      const delayMs = run < 2 ? 0 : (run - 2) * 2;
      let crashed = false;
      world.atChunk(chunk, () => {
        world.after(delayMs, () => {
          crashed = true;
          world.cluster.crash(away, run % 2 === 0 ? "power_loss" : "kill");
        });
      });
      world.cluster.start(away);
      await world.until(() => crashed);
      await world.put(5);
      world.cluster.start(away);
      await world.caughtUp();
      await world.checkStates();
    }
  });
});
