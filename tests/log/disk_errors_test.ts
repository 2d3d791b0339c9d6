/**
 * Errors of the disk at every call that a log makes to it. Where a new file lacks room the log
 * waits and goes on by itself; every other failure ends it. In either case what was synced is there
 * afterwards, and nothing is acknowledged that is not.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StorageError } from "../../src/errors.ts";
import { ROOM_RETRY_MS, ROOM_RETRY_MS_MAX } from "../../src/limits.ts";
import type { Log } from "../../src/log/log.ts";
import { SegmentedLog } from "../../src/log/segmented_log.ts";
import { FileError } from "../../src/runtime/runtime.ts";
import type { DiskCall } from "../../src/testing/disk_faults.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { syncLog } from "../../src/testing/log_contract.ts";
import {
  checkFound,
  emptyTimelines,
  readLog,
  ScriptedLog,
  scripts,
  type Timeline,
} from "./log_script.ts";
import { DATA_PATH, LogMachine } from "./simulated_log_machine.ts";
import { TRY_EVERY } from "../sampling.ts";

const SEGMENT_BYTES = 64 * 1024;
const OPTIONS = { path: DATA_PATH, segmentBytes: SEGMENT_BYTES, create: true };

/** What became of a script. */
interface Ending {
  readonly timelines: readonly Timeline[];
  /** Why the log failed, or null where the script came to its end. */
  readonly error: unknown;
  /** How many times a shortage began or ended. */
  readonly changes: number;
}

/** Opens a log, with `opened` called then, and runs a script on it as far as it goes. */
async function run(
  machine: LogMachine,
  script: keyof typeof scripts,
  opened: (log: Log) => void,
): Promise<Ending> {
  const timelines = emptyTimelines();
  let error: unknown = null;
  let changes = 0;
  await machine.run(async () => {
    const log = await SegmentedLog.open(machine.runtime!, OPTIONS);
    log.watchShortage(() => void (changes += 1));
    opened(log);
    try {
      // What waits for ever looks again for ever.
      await Promise.race([scripts[script](new ScriptedLog(log, timelines)), hour(machine)]);
    } catch (failure) {
      error = failure;
    }
    await log.close();
  });
  return { timelines, error, changes };
}

/** Rejects after an hour of virtual time. */
async function hour(machine: LogMachine): Promise<never> {
  await pass(machine, 3_600_000);
  throw new Error("The log waits for ever");
}

/** Fails unless the disk holds what it must after the process or the machine has ended. */
async function verify(machine: LogMachine, { timelines }: Ending, end: "kill" | "power_loss") {
  machine.disk.faults.onCall = null;
  machine.disk.faults.capacityBytes = Infinity;
  const runtime = end === "kill" ? machine.restartProcess() : machine.reboot();
  await machine.run(async () => {
    const log = await SegmentedLog.open(runtime, OPTIONS);
    checkFound(await readLog(log), timelines);
    log.append(createBatch({ firstIndex: log.lastIndex + 1, count: 1, term: 99 }));
    await syncLog(log);
    await log.close();
  });
}

/** Whether a failure of this call leaves the log as it was, as far as the log can know. */
function isBeforeRename({ kind, path }: DiskCall): boolean {
  if (kind === "rename") return true;
  return path.endsWith(".spare") && ["open", "write", "sync"].includes(kind);
}

/** A log of two entries, whose segment has no place for a third, with a spare and no more room. */
async function fillDisk(machine: LogMachine): Promise<SegmentedLog> {
  const log = await SegmentedLog.open(machine.runtime!, OPTIONS);
  log.append(createBatch({ firstIndex: 1, count: 2, term: 1, payloadBytes: 25_000 }));
  await syncLog(log);
  await pass(machine, 1_000);
  machine.disk.faults.capacityBytes = machine.disk.usedBytes;
  return log;
}

/** Runs a test on a machine, for an hour of virtual time at most. */
async function onMachine(seed: string, body: (machine: LogMachine) => Promise<void>) {
  const machine = new LogMachine(seed);
  await machine.start();
  await machine.run(() => Promise.race([body(machine), hour(machine)]));
}

/** From now on no more than so many files are open; to sync a directory takes one. */
function limitOpenFiles(
  machine: LogMachine,
  { openMax, openNow }: { readonly openMax: number; readonly openNow: number },
): void {
  let open = openNow;
  machine.disk.faults.onCall = ({ kind, path }) => {
    const needsOne = kind === "open" || kind === "syncDirectory";
    if (needsOne && open >= openMax) {
      return new FileError("EMFILE", path, `Cannot open "${path}": too many open files`);
    }
    if (kind === "open") open += 1;
    if (kind === "close") open -= 1;
    return "ok";
  };
}

/** Lets so much virtual time pass. */
function pass(machine: LogMachine, durationMs: number): Promise<void> {
  const { clock } = machine.runtime!;
  return new Promise((resolve) => clock.setTimer(resolve, durationMs));
}

describe("a log whose disk fails", () => {
  for (const code of ["ENOSPC", "EMFILE"]) {
    it(`trap 51: waits where ${code} hits a new file, else keeps what was synced`, async () => {
      const counts = { waited: 0, failed: 0 };
      for (const script of Object.keys(scripts) as (keyof typeof scripts)[]) {
        for (let call = 1;; call += TRY_EVERY) {
          const machine = new LogMachine(`${script} ${call} ${code}`);
          await machine.start();
          let hit: DiskCall | null = null;
          const ending = await run(machine, script, () => {
            const first = machine.disk.callCount;
            machine.disk.faults.onCall = (one) => {
              // A file that cannot be closed or removed is only that.
              if (one.number < first + call || hit !== null) return "ok";
              if (!["open", "write", "sync", "rename", "syncDirectory"].includes(one.kind)) {
                return "ok";
              }
              hit = one;
              return new FileError(code, one.path, `Cannot use "${one.path}": ${code}`);
            };
          });
          if (hit === null) break;
          const { kind, path } = hit as DiskCall;
          const what = `${script}, call ${call}: ${kind} of ${path}`;
          if (isBeforeRename(hit)) assert.equal(ending.error, null, what);
          if (ending.error !== null) assert.ok(ending.error instanceof StorageError, what);
          if (ending.error === null) counts.waited += 1;
          else counts.failed += 1;
          await verify(
            machine,
            ending,
            Math.floor(call / TRY_EVERY) % 2 === 0 ? "kill" : "power_loss",
          );
        }
      }
      assert.ok(
        counts.waited > 100 / TRY_EVERY && counts.failed > 50 / TRY_EVERY,
        JSON.stringify(counts),
      );
    });
  }

  it("trap 51: ends at any other failed or partial write, and keeps what was synced", async () => {
    let failed = 0;
    for (const script of Object.keys(scripts) as (keyof typeof scripts)[]) {
      for (let call = 1;; call += TRY_EVERY) {
        const machine = new LogMachine(`${script} ${call} partial`);
        await machine.start();
        let isHit = false;
        const ending = await run(machine, script, () => {
          const { faults } = machine.disk;
          const first = machine.disk.callCount;
          faults.onCall = ({ number, kind }) => {
            // With some of its bytes written.
            faults.writeErrorChance = number >= first + call && kind === "write" && !isHit ? 1 : 0;
            isHit ||= faults.writeErrorChance > 0;
            return "ok";
          };
        });
        if (!isHit) break;
        if (ending.error !== null) failed += 1;
        machine.disk.faults.writeErrorChance = 0;
        await verify(
          machine,
          ending,
          Math.floor(call / TRY_EVERY) % 2 === 0 ? "kill" : "power_loss",
        );
      }
    }
    assert.ok(failed > 50 / TRY_EVERY, `${failed} failed`);
  });

  it("trap 51: goes on by itself, whatever room there was, once there is more", async () => {
    let waited = 0;
    for (const script of Object.keys(scripts) as (keyof typeof scripts)[]) {
      for (let leftBytes = 0; leftBytes < 6 * SEGMENT_BYTES; leftBytes += 15_000 * TRY_EVERY) {
        const machine = new LogMachine(`${script} ${leftBytes}`);
        await machine.start();
        const ending = await run(machine, script, () => {
          const { faults, usedBytes } = machine.disk;
          faults.capacityBytes = usedBytes + leftBytes;
          machine.runtime!.clock.setTimer(() => {
            faults.capacityBytes = Infinity;
          }, 10 * ROOM_RETRY_MS);
        });
        assert.equal(ending.error, null, `${script} with ${leftBytes} bytes left`);
        if (ending.changes > 0) waited += 1;
        await verify(machine, ending, "power_loss");
      }
    }
    assert.ok(waited > 50 / TRY_EVERY, `${waited} waited`);
  });
});

describe("a log whose process may open few files", () => {
  it("waits before a roll that would need one more, and goes on once it may", async () => {
    // Segments, the spare, and what a roll opens for a moment: one number is the first to fail.
    for (let openMax = 4; openMax <= 12; openMax += 1) {
      await onMachine(`open ${openMax}`, async (machine) => {
        const log = await SegmentedLog.open(machine.runtime!, OPTIONS);
        const changes: (boolean | null)[] = [];
        log.watchShortage(() => void changes.push(log.shortage?.isDisk ?? null));
        await pass(machine, 1_000);
        limitOpenFiles(machine, { openMax, openNow: 2 });
        const append = (index: number) =>
          log.append(createBatch({ firstIndex: index, count: 1, term: 1, payloadBytes: 40_000 }));
        let durable = 0;
        for (let index = 1; index <= 20; index += 1) {
          append(index);
          log.sync((error) => {
            assert.equal(error, null);
            durable = index;
          });
          await pass(machine, 1_000);
        }
        assert.deepEqual([changes, durable < 20], [[false], true]);
        machine.disk.faults.onCall = null;
        await pass(machine, ROOM_RETRY_MS_MAX + 1_000);
        assert.deepEqual([changes, durable], [[false, null], 20]);
        await log.close();
      });
    }
  });
});

describe("a log whose disk cannot be read", () => {
  it("says which file, hands out nothing, and goes on once it can", async () => {
    await onMachine("read", async (machine) => {
      const log = await fillDisk(machine);
      const range = { firstIndex: 1, lastIndex: 2, bytesMax: 1_000_000 };
      machine.disk.faults.readErrorChance = 1;
      await assert.rejects(log.read(range), (error) => {
        assert.ok(error instanceof StorageError);
        assert.match(error.message, /Cannot read ".*\.segment": input or output error/);
        return true;
      });
      machine.disk.faults.readErrorChance = 0;
      assert.equal((await log.read(range)).lastIndex, 2);
      await log.close();
      machine.disk.faults.readErrorChance = 1;
      await assert.rejects(SegmentedLog.open(machine.runtime!, OPTIONS), /input or output error/);
    });
  });
});

describe("a log without room", () => {
  it("takes what fits, acknowledges no more, and says what it lacks", async () => {
    await onMachine("says", async (machine) => {
      const log = await fillDisk(machine);
      const changes: unknown[] = [];
      log.watchShortage(() => void changes.push(log.shortage?.neededBytes ?? null));
      // The spare was prepared while there was room.
      machine.disk.faults.capacityBytes = machine.disk.usedBytes + 1_000;
      log.append(createBatch({ firstIndex: 3, count: 1, term: 1, payloadBytes: 30_000 }));
      await syncLog(log);
      await pass(machine, 100);
      assert.deepEqual(changes, [SEGMENT_BYTES]);
      assert.match(log.shortage!.reason, /Cannot write ".*\/spare\/\d+\.spare": the disk is full/);
      assert.deepEqual([log.shortage!.isDisk, log.shortage!.freeBytes], [true, 1_000]);
      log.append(createBatch({ firstIndex: 4, count: 1, term: 1, payloadBytes: 20_000 }));
      await syncLog(log);
      const synced: (Error | null)[] = [];
      log.append(createBatch({ firstIndex: 5, count: 1, term: 1, payloadBytes: 20_000 }));
      log.sync((error) => void synced.push(error));
      await pass(machine, 60_000);
      assert.deepEqual(synced, [], "what has no place is not acknowledged");
      const read = await log.read({ firstIndex: 1, lastIndex: 5, bytesMax: 1_000_000 });
      assert.equal(read.lastIndex, 5, "reads go on");
      machine.disk.faults.capacityBytes = Infinity;
      await pass(machine, ROOM_RETRY_MS + 500);
      assert.deepEqual([synced, log.shortage, changes], [[null], null, [SEGMENT_BYTES, null]]);
      await log.close();
    });
  });

  it("writes nothing while the file system says that it is full", async () => {
    await onMachine("calm", async (machine) => {
      const log = await fillDisk(machine);
      log.watchShortage(() => {});
      machine.disk.faults.capacityBytes = machine.disk.usedBytes + 40_000;
      log.append(createBatch({ firstIndex: 3, count: 2, term: 1, payloadBytes: 25_000 }));
      await syncLog(log);
      await pass(machine, 500);
      assert.notEqual(log.shortage, null);
      let writes = 0;
      machine.disk.faults.onCall = ({ kind }) => {
        if (kind === "write") writes += 1;
        return "ok";
      };
      await pass(machine, 100 * ROOM_RETRY_MS);
      assert.equal(writes, 0);
      await log.close();
    });
  });

  it("tries less often where it is not told how much is free", async () => {
    await onMachine("quota", async (machine) => {
      const log = await fillDisk(machine);
      log.watchShortage(() => {});
      machine.disk.faults.capacityBytes = Infinity;
      let tries = 0;
      // Behind the header of the segment that takes the spare.
      machine.disk.faults.onCall = ({ kind, path }) => {
        if (kind !== "sync" || !path.endsWith(".spare")) return "ok";
        tries += 1;
        return tries === 1 ? "ok" : new FileError("EDQUOT", path, "The quota is used up");
      };
      log.append(createBatch({ firstIndex: 3, count: 2, term: 1, payloadBytes: 25_000 }));
      await syncLog(log);
      await pass(machine, 100 * ROOM_RETRY_MS_MAX);
      assert.ok(tries > 95 && tries < 115, `tried ${tries} times`);
      machine.disk.faults.onCall = null;
      await pass(machine, ROOM_RETRY_MS_MAX + 1_000);
      assert.equal(log.shortage, null);
      await log.close();
    });
  });

  it("removes a prefix although something waits for room, which gives it some", async () => {
    await onMachine("prefix", async (machine) => {
      const log = await fillDisk(machine);
      log.watchShortage(() => {});
      machine.disk.faults.capacityBytes = machine.disk.usedBytes;
      log.append(createBatch({ firstIndex: 3, count: 2, term: 1, payloadBytes: 25_000 }));
      await syncLog(log);
      log.append(createBatch({ firstIndex: 5, count: 1, term: 1, payloadBytes: 25_000 }));
      const synced = syncLog(log);
      await pass(machine, 5_000);
      assert.notEqual(log.shortage, null);
      await log.truncatePrefix(3);
      assert.equal(log.firstIndex, 3);
      await synced;
      await log.close();
    });
  });

  it("ends what waits when it is closed, and fails at once where nobody watches", async () => {
    await onMachine("closed", async (machine) => {
      const log = await fillDisk(machine);
      log.watchShortage(() => {});
      machine.disk.faults.capacityBytes = 0;
      log.append(createBatch({ firstIndex: 3, count: 2, term: 1, payloadBytes: 25_000 }));
      await syncLog(log);
      const cut = assert.rejects(log.truncateSuffix(1), /the log is closed/);
      await pass(machine, 5_000);
      await log.close();
      await cut;
      const unwatched = await SegmentedLog.open(machine.runtime!, OPTIONS);
      assert.equal(unwatched.lastIndex, 4, "what was to be cut is there still");
      await assert.rejects(unwatched.truncateSuffix(1), /the disk is full/);
      await unwatched.close();
    });
  });
});
