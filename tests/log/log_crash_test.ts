/**
 * A loss of power at every call that a log makes to its disk, before and after the call's effect:
 * what was synced is there afterwards, and what was removed is not. See log_script.ts for how.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SegmentedLog } from "../../src/log/segmented_log.ts";
import { runScript, scripts, verifyState } from "./log_script.ts";
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

describe("SegmentedLog after a loss of power", () => {
  for (const script of Object.keys(scripts) as (keyof typeof scripts)[]) {
    it(`keeps what it promised, at every call of: ${script}`, async () => {
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
});
