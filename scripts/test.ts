/**
 * The gate: everything that must hold before a change is accepted.
 *
 * Usage: npm test [-- --list | --only STAGE[,STAGE…]]
 *
 * The last line is always "N passed, N failed"; the exit code is 0 only if nothing failed.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { killRunningCommands } from "./gate/run_command.ts";
import { runStages } from "./gate/scheduler.ts";
import type { Stage } from "./gate/stage.ts";
import { stages } from "./gate/stages.ts";
import { describeStage, describeTotals } from "./gate/summary.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The named stages and those they need, in the order of the gate. */
function selectStages(names: readonly string[]): Stage[] {
  const wanted = new Set<string>();
  const pending = [...names];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const stage = stages.find((candidate) => candidate.name === name);
    if (!stage) throw new RangeError(`Unknown stage "${name}": see --list`);
    wanted.add(name);
    pending.push(...(stage.after ?? []));
  }
  return stages.filter(({ name }) => wanted.has(name));
}

function listStages(): void {
  for (const { name, summary } of stages) console.log(`${name.padEnd(16)} ${summary}`);
}

/** Runs the stages and prints as they end. */
async function runGate(selected: readonly Stage[]): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "raft-gate-"));
  const cleanUp = (): void => rmSync(scratch, { recursive: true, force: true });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      killRunningCommands();
      cleanUp();
      process.exit(1);
    });
  }
  const results = await runStages(selected, { root, scratch }, (stage, result, seconds) => {
    console.log(describeStage(stage, result, seconds));
  });
  cleanUp();
  console.log(describeTotals(results));
  const failed = [...results.values()].some((result) => result.failed > 0);
  process.exitCode = failed ? 1 : 0;
}

const { values } = parseArgs({
  options: {
    list: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
  },
});
if (values.list) {
  listStages();
} else {
  const names = values.only.flatMap((list) => list.split(","));
  await runGate(names.length === 0 ? stages : selectStages(names));
}
