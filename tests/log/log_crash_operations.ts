/** The operations of a log, for crashes at every call that they make to the disk. */
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { CrashOperation } from "../../src/testing/crash_points.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { syncLog } from "../../src/testing/log_contract.ts";
import {
  checkFound,
  emptyTimelines,
  openLog,
  readLog,
  runScript,
  type Script,
  scripts,
} from "./log_script.ts";
import { DATA_PATH } from "./simulated_log_machine.ts";

/** One operation for each script. */
export const logOperations: readonly CrashOperation[] = Object.entries(scripts)
  .map(([name, script]) => logOperation(name, script));

function logOperation(name: string, script: Script): CrashOperation {
  return {
    name,
    prepare: makeDataDirectory,
    run: async (runtime, promise) => {
      const timelines = emptyTimelines();
      promise(() => JSON.stringify(timelines));
      await runScript(runtime, script, timelines);
    },
    recover: async (runtime) => {
      const log = await openLog(runtime);
      return async () => JSON.stringify(await readLog(log));
    },
    check: (found, promise) => checkFound(JSON.parse(found), JSON.parse(promise)),
    goOn: async (runtime) => {
      const log = await openLog(runtime);
      log.append(createBatch({ firstIndex: log.lastIndex + 1, count: 1, term: 99 }));
      await syncLog(log);
      return JSON.stringify(await readLog(log));
    },
  };
}

/** Makes the directory that the log does not make itself. */
export async function makeDataDirectory({ files }: Runtime): Promise<void> {
  await files.makeDirectory(DATA_PATH);
  await files.syncDirectory("/");
}
