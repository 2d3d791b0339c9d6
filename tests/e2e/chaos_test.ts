/** Nothing is lost while members change, leadership moves and nodes crash, all at the same time. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runChaos } from "./kit/chaos.ts";
import { TEST_TIMEOUT_MS } from "./kit/eventually.ts";

/** `scripts/chaos.ts` does more of all of this. */
const TRANSFERS = 4;
const KILLS = 4;
const INSTALLATIONS = 2;

describe("chaos", () => {
  it("keeps every acknowledged write", { timeout: TEST_TIMEOUT_MS }, async () => {
    const report = await runChaos({
      seed: "chaos",
      transfers: TRANSFERS,
      kills: KILLS,
      killEveryMs: 1_000,
      leastMs: 0,
      snapshotEvery: 100,
      installations: INSTALLATIONS,
      writes: 4,
    });
    const { kills, transfers, elections, snapshots, writes, increments } = report;
    assert(kills >= KILLS, `${kills} crashes`);
    assert.equal(transfers, TRANSFERS);
    assert(elections > TRANSFERS, `${elections} elections`);
    assert(snapshots.taken >= 3, `${snapshots.taken} snapshots were taken`);
    assert(snapshots.installed >= INSTALLATIONS, `${snapshots.installed} were installed`);
    assert(writes.applied > 0 && increments.applied > 0, JSON.stringify({ writes, increments }));
  });
});
