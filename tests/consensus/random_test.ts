/**
 * Random steps of whole clusters of cores, each run from one seed: loss, repetition and reordering
 * of messages, late and lost syncs, crashes at every point of a record of effects. All safety
 * properties are checked after every step; in the end the faults stop and the cluster must recover.
 *
 * CORE_SEEDS sets how many seeds run, CORE_SEED runs that one only.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CoreRunOptions, type CoreRunReport, runCores } from "../../src/testing/core_run.ts";

const seeds = Number(process.env.CORE_SEEDS ?? 40);
const onlySeed = process.env.CORE_SEED;

/** Runs every seed and adds up what they did. */
function runSeeds(
  options: Omit<CoreRunOptions, "seed" | "steps">,
): CoreRunReport {
  const names = onlySeed === undefined
    ? Array.from({ length: seeds }, (_, seed) => String(seed + 1))
    : [onlySeed];
  const reports = names.map((seed) => runCores({ ...options, seed, steps: 1500 }));
  const sum = (field: keyof CoreRunReport): number =>
    reports.reduce((total, report) => total + report[field], 0);
  return {
    terms: sum("terms"),
    committed: sum("committed"),
    crashes: sum("crashes"),
    transfers: sum("transfers"),
    readsServed: sum("readsServed"),
    installations: sum("installations"),
    configurations: sum("configurations"),
    replacements: sum("replacements"),
    recoveryTicks: Math.max(...reports.map((report) => report.recoveryTicks)),
  };
}

describe("consensus keeps every promise under random faults", { timeout: 600_000 }, () => {
  for (const nodes of [3, 5]) {
    for (const network of ["connections", "datagrams"] as const) {
      it(`${nodes} nodes over ${network}`, { timeout: 600_000 }, () => {
        const report = runSeeds({ nodes, network });
        if (process.env.CORE_REPORT) console.log(nodes, network, report);
        // A run in which nothing happens proves nothing.
        assert.ok(report.committed > report.terms, `committed ${report.committed}`);
        assert.ok(onlySeed !== undefined || report.transfers > 0, `transfers ${report.transfers}`);
        assert.ok(report.readsServed > 0, `reads served ${report.readsServed}`);
      });

      it(`${nodes} nodes over ${network} with snapshots`, { timeout: 600_000 }, () => {
        const report = runSeeds({ nodes, network, snapshots: true });
        if (process.env.CORE_REPORT) console.log(nodes, network, report);
        assert.ok(report.committed > report.terms, `committed ${report.committed}`);
        assert.ok(report.installations > 0, `installations ${report.installations}`);
      });

      it(`${nodes} nodes over ${network} whose members change`, { timeout: 600_000 }, () => {
        const report = runSeeds({ nodes, network, members: true, snapshots: nodes === 5 });
        if (process.env.CORE_REPORT) console.log(nodes, network, report);
        assert.ok(report.committed > report.terms, `committed ${report.committed}`);
        assert.ok(report.configurations > seeds, `configurations ${report.configurations}`);
      });

      it(`${nodes} nodes over ${network} whose members are replaced`, { timeout: 600_000 }, () => {
        const report = runSeeds({ nodes, network, replacements: true, snapshots: nodes === 5 });
        if (process.env.CORE_REPORT) console.log(nodes, network, report);
        assert.ok(report.committed > report.terms, `committed ${report.committed}`);
        const { replacements } = report;
        assert.ok(onlySeed !== undefined || replacements > 0, `replacements ${replacements}`);
      });
    }
  }
});
