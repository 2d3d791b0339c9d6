/**
 * What recovery reads from the page cache is not trusted before it is durable: neither what a
 * killed process had not synced, nor what a failed sync left in pages that the kernel takes for
 * clean.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HardStateFile } from "../../src/log/hard_state_file.ts";
import { SegmentedLog } from "../../src/log/segmented_log.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { readRange, syncLog } from "../../src/testing/log_contract.ts";
import { DATA_PATH, LogMachine } from "./simulated_log_machine.ts";

const OPTIONS = { path: DATA_PATH, segmentBytes: 64 * 1024, create: true };
const STATE_PATH = `${DATA_PATH}/hard_state`;

/** How many different remains of each loss of power are tried. */
const SEEDS = 20;

type Ending = "kill before the sync" | "failed sync";

/** Appends an entry whose sync never completes, and ends the process there. */
async function leaveUnsynced(machine: LogMachine, ending: Ending): Promise<void> {
  await machine.run(async () => {
    const log = await SegmentedLog.open(machine.runtime!, OPTIONS);
    log.append(createBatch({ firstIndex: 1, count: 3, term: 1 }));
    await syncLog(log);
    log.append(createBatch({ firstIndex: 4, count: 2, term: 1 }));
    if (ending === "failed sync") {
      machine.disk.failNextSync();
      await assert.rejects(syncLog(log));
    } else {
      // The write happens at once; the sync that it starts is cut off by the kill.
      log.sync(() => {});
    }
  });
}

describe("recovery of what was never synced", () => {
  for (const ending of ["kill before the sync", "failed sync"] as const) {
    it(`makes durable what it found after a ${ending}`, async () => {
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const machine = new LogMachine(`${ending} ${seed}`);
        await machine.start();
        await leaveUnsynced(machine, ending);
        machine.restartProcess();
        let trusted = 0;
        await machine.run(async () => {
          const log = await SegmentedLog.open(machine.runtime!, OPTIONS);
          trusted = log.lastIndex;
        });
        assert.ok(trusted >= 3, `entries up to 3 were synced, found ${trusted}`);
        const runtime = machine.reboot();
        await machine.run(async () => {
          const log = await SegmentedLog.open(runtime, OPTIONS);
          assert.equal(log.lastIndex, trusted);
          await readRange(log, 1, trusted);
        });
      }
    });

    it(`makes durable the hard state that it found after a ${ending}`, async () => {
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const machine = new LogMachine(`hard state ${ending} ${seed}`);
        await machine.start();
        await machine.run(async () => {
          await HardStateFile.create(machine.runtime!, STATE_PATH);
          const file = await HardStateFile.open(machine.runtime!, STATE_PATH);
          if (ending === "failed sync") machine.disk.failNextSync();
          const saved = file.save({ currentTerm: 7, votedFor: 2 });
          if (ending === "failed sync") await assert.rejects(saved);
        });
        machine.restartProcess();
        let trusted = 0;
        await machine.run(async () => {
          const file = await HardStateFile.open(machine.runtime!, STATE_PATH);
          trusted = file.state.currentTerm;
        });
        const runtime = machine.reboot();
        await machine.run(async () => {
          const file = await HardStateFile.open(runtime, STATE_PATH);
          assert.equal(file.state.currentTerm, trusted);
        });
      }
    });
  }
});
