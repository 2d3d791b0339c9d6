/** Nothing is lost while members change, leadership moves and nodes crash, all at the same time. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runChaos } from "./kit/chaos.ts";
import { TEST_TIMEOUT_MS } from "./kit/eventually.ts";

/** `scripts/chaos.ts` does more of all of this. */
const TRANSFERS = 4;
const KILLS = 4;

describe("chaos", () => {
  it("keeps every acknowledged write", { timeout: TEST_TIMEOUT_MS }, async () => {
    const report = await runChaos({
      seed: "chaos",
      transfers: TRANSFERS,
      kills: KILLS,
      killEveryMs: 1_000,
      leastMs: 0,
      snapshotEvery: 200,
      writes: 4,
    });
    assert.equal(report.transfers, TRANSFERS);
    assert(report.kills >= KILLS, `${report.kills} crashes`);
    assert(report.snapshots.received >= 1, `${report.snapshots.received} snapshots were received`);
  });
});
