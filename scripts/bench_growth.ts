/**
 * Measures how cost grows, and draws it: throughput and latency of the compiled binary against the
 * number in flight, the size of values, the size of the cluster, the number of keys, the length of
 * the log, and the distance between nodes.
 *
 * Usage: npm run bench:growth -- [--only NAME,…] [--seconds N] [--rounds N] [--dir FOLDER]
 *   [--out FOLDER] [--draw]
 *
 *   --only     which lines to measure anew; the others stay as they are
 *   --seconds  how long each point is measured; 4 unless given
 *   --rounds   how often; 3 unless given, and each point is the median
 *   --dir      where the data goes; tmp/growth unless given
 *   --out      where growth.json and the plots are; docs/plots unless given
 *   --draw     measures nothing, draws what growth.json has
 *
 * docs/GROWTH.md shows the plots and says why the lines bend.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { raftSystem } from "./bench/against/raft_system.ts";
import type { Cluster, ClusterOptions } from "./bench/cluster.ts";
import { endOnSignal } from "./bench/end_on_signal.ts";
import { mediansOf } from "./bench/figures.ts";
import { plotsOf } from "./bench/growth_plots.ts";
import { describeMachine } from "./bench/machine.ts";
import { type Growth, growths, type Point } from "./bench/growths.ts";

const { values } = parseArgs({
  options: {
    "only": { type: "string", default: growths.map(({ name }) => name).join(",") },
    "seconds": { type: "string", default: "4" },
    "rounds": { type: "string", default: "3" },
    "dir": { type: "string", default: join("tmp", "growth") },
    "out": { type: "string", default: join("docs", "plots") },
    "draw": { type: "boolean", default: false },
  },
});

const dataPath = join(values.out, "growth.json");

/** What was measured, by the name of what grows. */
type Measured = Record<string, { readonly machine: unknown; readonly points: readonly Point[] }>;

function read(): Measured {
  return existsSync(dataPath) ? JSON.parse(readFileSync(dataPath, "utf8")) : {};
}

/** Runs a fresh cluster for one point. */
async function onCluster<T>(
  options: Partial<ClusterOptions>,
  body: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = await raftSystem("raft").create({
    folder: join(values.dir, "raft"),
    heartbeatMs: 100,
    electionTimeoutMs: 1_000,
    compaction: true,
    ...options,
  });
  try {
    await cluster.start();
    return await body(cluster);
  } finally {
    await cluster.dispose();
  }
}

/** Measures every size in turn, round after round. */
async function measure(growth: Growth): Promise<Point[]> {
  const durationMs = 1_000 * Number(values.seconds);
  const rounds: Point[][] = growth.at.map(() => []);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [position, x] of growth.at.entries()) {
      const point = await growth.measure(x, { durationMs, onCluster });
      console.error(`${growth.name} ${x}: ${JSON.stringify(point)}`);
      rounds[position]!.push({ x, ...point });
    }
  }
  return rounds.map(mediansOf);
}

function draw(measured: Measured): void {
  const points = Object.entries(measured).map(([name, growth]) => [name, growth.points] as const);
  for (const [name, svg] of plotsOf(Object.fromEntries(points))) {
    writeFileSync(join(values.out, `${name}.svg`), svg);
  }
}

endOnSignal();
mkdirSync(values.out, { recursive: true });
const measured = read();
if (!values.draw) {
  for (const name of values.only.split(",")) {
    const growth = growths.find((candidate) => candidate.name === name);
    if (growth === undefined) throw new RangeError(`--only: there is no "${name}"`);
    measured[name] = { machine: describeMachine(), points: await measure(growth) };
    writeFileSync(dataPath, `${JSON.stringify(measured, null, 2)}\n`);
  }
}
draw(measured);
process.exit(0);
