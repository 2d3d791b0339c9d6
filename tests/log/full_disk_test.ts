/** A log on a disk that is full. The crashes are in crash_points_test.ts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StorageError } from "../../src/errors.ts";
import { SegmentedLog } from "../../src/log/segmented_log.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { readRange, syncLog } from "../../src/testing/log_contract.ts";
import { DATA_PATH, LogMachine } from "./simulated_log_machine.ts";

const OPTIONS = { path: DATA_PATH, segmentBytes: 64 * 1024, create: true };

describe("SegmentedLog on a full disk", () => {
  it("trap 49: stops on a full disk, and has everything when there is room", async () => {
    const machine = new LogMachine(1, { capacityBytes: 150_000 });
    await machine.start();
    let durable = 0;
    await machine.run(async () => {
      const log = await SegmentedLog.open(machine.runtime!, OPTIONS);
      const fill = async () => {
        for (let index = 1; index < 100; index += 1) {
          log.append(createBatch({ firstIndex: index, count: 1, term: 1, payloadBytes: 5_000 }));
          await syncLog(log);
          durable = index;
        }
      };
      await assert.rejects(fill(), StorageError);
      await assert.rejects(syncLog(log), StorageError);
      await log.close();
    });
    assert.ok(durable >= 20 && durable < 40, `${durable} entries are durable`);
    machine.disk.faults.capacityBytes = Infinity;
    const runtime = machine.reboot();
    await machine.run(async () => {
      const log = await SegmentedLog.open(runtime, OPTIONS);
      assert.equal(log.lastIndex, durable);
      await readRange(log, 1, durable);
      await log.close();
    });
  });
});
