/**
 * A damaged tail that an operator cuts off a log, for crashes at every call to the disk. Whoever
 * finds that this was cut short runs it again.
 */
import assert from "node:assert/strict";
import { BadDataError } from "../../src/errors.ts";
import { openDataDirectory } from "../../src/log/data_directory.ts";
import { cutTail } from "../../src/log/offline/cut_tail.ts";
import type { SegmentedLog } from "../../src/log/segmented_log.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { CrashOperation } from "../../src/testing/crash_points.ts";
import { batchByte, createBatch } from "../../src/testing/log_batches.ts";
import { syncLog } from "../../src/testing/log_contract.ts";
import { SOUND_ENTRIES, writeDamagedLog } from "./damaged_log.ts";
import { openLog } from "./log_script.ts";
import { DATA_PATH } from "./simulated_log_machine.ts";

const DIRECTORY = { path: DATA_PATH, nodeId: 4, segmentBytes: 64 * 1024 };
const TERM = 5;
/** What the entry that is cut consists of, but for the bits that were flipped. */
const LOST_BYTE = batchByte(SOUND_ENTRIES + 1, TERM);
const LOST_BYTES = 100 - 1;

const cut = (runtime: Runtime) => cutTail(runtime, DATA_PATH, { decide: () => true });

/** Opens the log as a node does, or cuts it as the operator had meant to, and opens it then. */
async function openRepaired(runtime: Runtime): Promise<SegmentedLog> {
  try {
    return await openLog(runtime);
  } catch (error) {
    assert.ok(error instanceof BadDataError, String(error));
    await cut(runtime);
    return await openLog(runtime);
  }
}

/** Whether a file holds all that was cut. */
async function isKept({ files }: Runtime): Promise<boolean> {
  for (const name of await files.readDirectory(`${DATA_PATH}/cut`)) {
    const file = await files.open(`${DATA_PATH}/cut/${name}`, "read");
    const bytes = new Uint8Array(await file.size());
    await file.read(bytes, 0);
    await file.close();
    if (bytes.filter((byte) => byte === LOST_BYTE).length >= LOST_BYTES) return true;
  }
  return false;
}

/** The good entries and no others, with a whole copy of what was cut; whatever cut that short. */
export const repairing: CrashOperation = {
  name: "cut a damaged tail off the log",
  prepare: async (runtime) => {
    const directory = await openDataDirectory(runtime, DIRECTORY);
    await writeDamagedLog(runtime, { directory, term: TERM });
    await directory.close();
  },
  run: async (runtime, promise) => {
    promise(() => String(SOUND_ENTRIES));
    assert.notEqual(await cut(runtime), null);
  },
  recover: async (runtime) => {
    const log = await openRepaired(runtime);
    const { lastIndex } = log;
    await log.close();
    return async () => `${lastIndex} ${await isKept(runtime) ? "kept" : "gone"}`;
  },
  check: (found, promise) => assert.equal(found, `${promise} kept`),
  goOn: async (runtime) => {
    const log = await openRepaired(runtime);
    const firstIndex = log.lastIndex + 1;
    log.append(createBatch({ firstIndex, count: 1, term: TERM + 1 }));
    await syncLog(log);
    await log.close();
    return `${firstIndex} kept`;
  },
};
