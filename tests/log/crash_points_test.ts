/**
 * A crash at every call to the disk of everything that changes a data directory, and at every call
 * of the recovery from it; see src/testing/crash_points.ts for what is tried and what must hold.
 * `scripts/enumerate_crashes.ts` tries more crashes in a row. On all runtimes but the fastest the
 * gate sets CRASHES_IN_A_ROW to 1 and TRY_EVERY to 4: they recover every fourth disk only.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { exploreCrashes } from "../../src/testing/crash_points.ts";
import { printCounts } from "../counted.ts";
import { logOperations } from "./log_crash_operations.ts";
import { rejoining } from "./rejoin_crash_operation.ts";
import { repairing } from "./repair_crash_operation.ts";
import { storeOperations } from "./store_crash_operations.ts";
import { TRY_EVERY } from "../sampling.ts";

const crashesMax = Number(process.env["CRASHES_IN_A_ROW"] ?? 2);

describe("crash points", () => {
  for (const operation of [...logOperations, ...storeOperations, rejoining, repairing]) {
    it(`ancestor A13, trap 44, trap 49: keep what was promised: ${operation.name}`, async () => {
      const counts = await exploreCrashes(operation, { crashesMax, every: TRY_EVERY });
      printCounts(`crash points, up to ${crashesMax} in a row: ${operation.name}`, {
        "calls to the disk": counts.calls,
        "instants of them and of recoveries": counts.instants,
        "crashes": counts.crashes,
        [`different disks, ${TRY_EVERY === 1 ? "each" : `one of ${TRY_EVERY}`} recovered`]:
          counts.states,
      });
      assert.ok(counts.calls > 20, `only ${counts.calls} calls`);
      assert.ok(counts.states > 10, `only ${counts.states} states`);
    });
  }
});
