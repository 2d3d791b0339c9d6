/**
 * A loss of power at every call that a log makes to its disk, before and after the call's effect:
 * what was synced is there afterwards, and what was removed is not. See log_script.ts for how.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SegmentedLog } from "../../src/log/segmented_log.ts";
import { StorageError } from "../../src/errors.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { readRange, syncLog } from "../../src/testing/log_contract.ts";
import { describeLog, runScript, scripts, verifyState } from "./log_script.ts";
import { DATA_PATH, LogMachine } from "./simulated_log_machine.ts";

const OPTIONS = { path: DATA_PATH, segmentBytes: 64 * 1024, create: true };

/** How many different remains of each crash are tried: the disk keeps a random part. */
const SEEDS = 3;

/** A crash in the middle of a script, and perhaps one in the recovery after it. */
interface CrashPoint {
  readonly script: keyof typeof scripts;
  readonly call: number;
  readonly verdict: "crash-before" | "crash-after";
  readonly seed: number;
}

/**
 * Runs the script up to the crash, and recovery, which crashes once more at some call, and verifies
 * what the last recovery finds.
 *
 * @returns Whether the script came to its end before the crash.
 */
async function tryCrash(point: CrashPoint): Promise<boolean> {
  const { script, call, verdict, seed } = point;
  const machine = new LogMachine(`${script} ${call} ${verdict} ${seed}`);
  await machine.start();
  const first = machine.disk.callCount;
  machine.disk.faults.onCall = ({ number }) => number === first + call ? verdict : "ok";
  const expected = await runScript(machine, scripts[script]);
  const isComplete = machine.runtime !== null;
  const second = machine.disk.callCount + 1 + ((call * 7 + seed * 13) % 40);
  machine.disk.faults.onCall = ({ number }) => number === second ? verdict : "ok";
  for (let boot = 0; boot < 3; boot += 1) {
    const runtime = machine.reboot();
    const isDone = await machine.run(async () => {
      const log = await SegmentedLog.open(runtime, OPTIONS);
      await verifyState(log, expected);
      await log.close();
    });
    if (!isDone) continue;
    machine.disk.faults.onCall = null;
  }
  return isComplete;
}

/**
 * Kills the process in the middle of the script, lets the next one append an entry to what it
 * finds, and then cuts the power: nothing may be built on what only memory held.
 *
 * @returns Whether the script came to its end before the kill.
 */
async function tryKill({ script, call, seed }: Omit<CrashPoint, "verdict">): Promise<boolean> {
  const machine = new LogMachine(`kill ${script} ${call} ${seed}`);
  await machine.start();
  machine.killAtCall(machine.disk.callCount + call);
  const expected = await runScript(machine, scripts[script]);
  const isComplete = machine.runtime !== null;
  machine.disk.faults.onCall = null;
  const killed = machine.restartProcess();
  let trusted = "";
  await machine.run(async () => {
    const log = await SegmentedLog.open(killed, OPTIONS);
    await verifyState(log, expected);
    log.append(createBatch({ firstIndex: log.lastIndex + 1, count: 1, term: 99 }));
    await syncLog(log);
    trusted = await describeLog(log);
  });
  const runtime = machine.reboot();
  await machine.run(async () => {
    const log = await SegmentedLog.open(runtime, OPTIONS);
    assert.equal(await describeLog(log), trusted);
    await log.close();
  });
  return isComplete;
}

describe("SegmentedLog after a kill and a loss of power", () => {
  for (const script of Object.keys(scripts) as (keyof typeof scripts)[]) {
    it(`builds on nothing that is not durable, at every call of: ${script}`, async () => {
      let calls = 0;
      for (let isComplete = false; !isComplete; calls += 1) {
        for (let seed = 0; seed < SEEDS; seed += 1) {
          isComplete = await tryKill({ script, call: calls + 1, seed });
        }
      }
      assert.ok(calls > 20, `only ${calls} calls`);
    });
  }
});

describe("SegmentedLog after a loss of power", () => {
  for (const script of Object.keys(scripts) as (keyof typeof scripts)[]) {
    it(`ancestor A13, trap 49: keeps what it promised, at every call of: ${script}`, async () => {
      let calls = 0;
      for (let isComplete = false; !isComplete; calls += 1) {
        for (const verdict of ["crash-before", "crash-after"] as const) {
          for (let seed = 0; seed < SEEDS; seed += 1) {
            isComplete = await tryCrash({ script, call: calls + 1, verdict, seed });
          }
        }
      }
      assert.ok(calls > 20, `only ${calls} calls`);
    });
  }

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
