/**
 * Crashes at every call to the disk, as tests/log/crash_points_test.ts, with more crashes in a row.
 *
 * Usage: bun scripts/enumerate_crashes.ts [--operation WORD] [--crashes N]
 *
 * `--operation` takes those whose name has the word; `--crashes` is how many crashes in a row are
 * tried (3): with a large number, until no state of the disk appears that was not seen before.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { exploreCrashes } from "../src/testing/crash_points.ts";
import { logOperations } from "../tests/log/log_crash_operations.ts";
import { rejoining } from "../tests/log/rejoin_crash_operation.ts";
import { repairing } from "../tests/log/repair_crash_operation.ts";
import { storeOperations } from "../tests/log/store_crash_operations.ts";

const { values } = parseArgs({
  options: {
    operation: { type: "string", default: "" },
    crashes: { type: "string", default: "3" },
  },
});
const crashesMax = Number(values.crashes);
if (!Number.isInteger(crashesMax) || crashesMax < 1) {
  throw new RangeError(`The number of crashes is "${values.crashes}": want an integer from 1 on`);
}
for (const operation of [...logOperations, ...storeOperations, rejoining, repairing]) {
  if (!operation.name.includes(values.operation)) continue;
  const startMs = process.cpuUsage().user / 1000;
  const { calls, instants, crashes, states, crashesInARow } = await exploreCrashes(operation, {
    crashesMax,
  });
  const seconds = ((process.cpuUsage().user / 1000 - startMs) / 1000).toFixed(1);
  console.log(
    `${operation.name}: ${calls} calls, ${instants} instants, ${crashes} crashes, ` +
      `${states} different disks, up to ${crashesInARow} crashes in a row (${seconds} s)`,
  );
}
