/**
 * Long runs of the simulator: as `raft simulate`, and besides on several processes and with a file
 * that adds up what was run, by whichever commit.
 *
 * Usage: bun scripts/simulate.ts [--seed FIRST] [--seeds COUNT] [--for DURATION] [--nodes N]
 *          [--clients N] [--kinds KIND,…] [--faults LIST] [--jobs N] [--resume FILE]
 *          [--trace FILE]
 *
 * With `--resume` each seed appends a line of JSON to FILE, and without `--seed` the first is the
 * one behind the largest in FILE. The summary is that of the whole file. Ctrl-C ends the run; the
 * seeds that were done are in the file. `--trace` writes the transitions of one seed, as
 * docs/TRACE.md describes them.
 */
import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { detectMicrotaskDrain, detectRuntime } from "../src/runtime/detect.ts";
import { parseDuration } from "../src/config/units.ts";
import { silentLogger } from "../src/observability/logger.ts";
import { TraceWriter } from "../src/observability/trace_writer.ts";
import { parseFaultNumbers } from "../src/testing/fault_numbers.ts";
import { faultKinds } from "../src/testing/faults/fault_table.ts";
import type { SimulationOptions } from "../src/testing/simulation_options.ts";
import {
  describeSummary,
  runSeed,
  type SeedResult,
  summarize,
} from "../src/testing/simulation_series.ts";
import { describeFailure, describePlan } from "../src/testing/simulation_text.ts";

/** What a line of the file holds: a result, and what made it. */
interface SeedRecord extends SeedResult {
  readonly version: string;
  readonly commit: string;
  readonly durationMs: number;
  /** Milliseconds of processor time. */
  readonly cpuMs: number;
}

const SHRINK_RUNS_MAX = 200;
const own = fileURLToPath(import.meta.url);

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1" },
    for: { type: "string", default: "60s" },
    nodes: { type: "string" },
    clients: { type: "string" },
    kinds: { type: "string" },
    faults: { type: "string" },
    jobs: { type: "string", default: "1" },
    resume: { type: "string" },
    trace: { type: "string" },
    /** Of a process that another one has started: every how many seeds, and print records. */
    stride: { type: "string" },
  },
});

const drain = await detectMicrotaskDrain();
const count = Number(values.seeds);
const jobs = Number(values.jobs);
const records = readRecords();
const first = values.seed === undefined
  ? records.reduce((last, { seed }) => Math.max(last, seed), 0) + 1
  : Number(values.seed);
const trace = await openTrace();
const program = { version: packageVersion(), commit: commitOf() };

if (values.stride !== undefined) await runAsChild(Number(values.stride));
else await runAsParent();

/** The file for the transitions of the one seed; null where none is named. */
async function openTrace(): Promise<TraceWriter | null> {
  if (values.trace === undefined) return null;
  if (count !== 1) throw new TypeError(`Cannot trace ${count} seeds into one file`);
  return await TraceWriter.create(await detectRuntime(), values.trace, {
    ...silentLogger,
    error: (message, fields) => console.error(message, fields),
  });
}

/** The seeds of one process, each printed as a record. */
async function runAsChild(stride: number): Promise<void> {
  for (let seed = first; seed < first + count; seed += stride) {
    const { record, text } = await runOne(seed);
    process.stdout.write(`${JSON.stringify({ record, text })}\n`);
  }
}

async function runAsParent(): Promise<void> {
  const startedAtMs = performance.now();
  const seeds = jobs > 1 ? runJobs() : runHere();
  for await (const { record, text } of seeds) {
    records.push(record);
    if (values.resume !== undefined) {
      appendFileSync(values.resume, `${JSON.stringify(record)}\n`);
    }
    if (!record.isOk || count === 1) console.log(text);
    else if (process.stderr.isTTY === true) console.error(`  seed ${record.seed} ok`);
  }
  await trace?.close();
  printSummary((performance.now() - startedAtMs) / 1000);
  process.exitCode = records.every(({ isOk }) => isOk) ? 0 : 1;
}

async function* runHere(): AsyncGenerator<{ record: SeedRecord; text: string }> {
  for (let seed = first; seed < first + count; seed += 1) yield await runOne(seed);
}

/** Several processes, each with its share of the seeds. */
async function* runJobs(): AsyncGenerator<{ record: SeedRecord; text: string }> {
  const waiting: { record: SeedRecord; text: string }[] = [];
  let wake: () => void = () => {};
  let running = Math.min(jobs, count);
  for (let job = 0; job < Math.min(jobs, count); job += 1) {
    const share = ["--seed", String(first + job), "--seeds", String(count - job)];
    const words = [own, ...sharedWords(), ...share, "--stride", String(jobs)];
    const stdio = ["ignore", "pipe", "inherit"] as const;
    const child = spawn(process.execPath, [...process.execArgv, ...words], { stdio: [...stdio] });
    const lines = createInterface({ input: child.stdout! });
    lines.on("line", (line) => {
      waiting.push(JSON.parse(line));
      wake();
    });
    lines.on("close", () => {
      running -= 1;
      wake();
    });
  }
  while (running > 0 || waiting.length > 0) {
    const next = waiting.shift();
    if (next !== undefined) yield next;
    else await new Promise<void>((resolve) => wake = resolve);
  }
}

function sharedWords(): string[] {
  const names = ["for", "nodes", "clients", "kinds", "faults"] as const;
  return names.flatMap((name) => values[name] === undefined ? [] : [`--${name}`, values[name]]);
}

function runOptions(seed: number): SimulationOptions & { readonly seed: number } {
  const { nodes, clients, kinds, faults } = values;
  const numbers = faults === undefined ? undefined : parseFaultNumbers(faults);
  if (numbers === null) throw new TypeError(`Cannot use "${faults}" as numbers of faults`);
  return {
    seed,
    durationMs: parseDuration(values.for),
    ...(nodes === undefined ? {} : { nodeCount: Number(nodes) }),
    ...(clients === undefined ? {} : { clientCount: Number(clients) }),
    ...(kinds === undefined ? {} : { kinds: faultKinds.filter((kind) => hasWord(kinds, kind)) }),
    ...(numbers === undefined ? {} : { faults: numbers }),
  };
}

function hasWord(list: string, word: string): boolean {
  return list.split(",").includes(word);
}

async function runOne(seed: number): Promise<{ record: SeedRecord; text: string }> {
  const options = runOptions(seed);
  const before = process.cpuUsage();
  const outcome = await runSeed({
    options,
    hooks: { drain, tracer: trace?.tracer },
    shrinkRunsMax: values.faults === undefined ? SHRINK_RUNS_MAX : 0,
  });
  if (outcome === null) throw new Error("a run ended that nobody stopped");
  const { user, system } = process.cpuUsage(before);
  const cpuMs = Math.round((user + system) / 1000);
  const { result, report, failure } = outcome;
  const lines = report !== null
    ? [...describePlan(report.plan), `trace ${report.traceHash}`]
    : failure === null
    ? []
    : [
      `seed ${seed} failed: ${failure.violation}`,
      `replay: bun scripts/simulate.ts ${result.replay?.join(" ")}`,
      ...describeFailure(failure),
    ];
  const record = { ...result, ...program, durationMs: options.durationMs, cpuMs };
  return { record, text: lines.join("\n") };
}

function printSummary(seconds: number): void {
  const summary = summarize(records);
  console.log(describeSummary(summary).join("\n"));
  const cpuHours = records.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / 3_600_000;
  const perCpu = cpuHours === 0 ? 0 : summary.virtualHours / cpuHours;
  const events = cpuHours === 0 ? 0 : summary.events / (cpuHours * 3600);
  console.log(
    `${Math.round(events)} events a second and ${perCpu.toFixed(1)} virtual hours an hour of ` +
      `processor time; this run took ${seconds.toFixed(1)} s`,
  );
}

function readRecords(): SeedRecord[] {
  const { resume } = values;
  if (resume === undefined || !existsSync(resume)) return [];
  const lines = readFileSync(resume, "utf8").split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => JSON.parse(line) as SeedRecord);
}

function packageVersion(): string {
  const path = fileURLToPath(new URL("../package.json", import.meta.url));
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

function commitOf(): string {
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const git = (...words: string[]) => spawnSync("git", words, { cwd, encoding: "utf8" }).stdout;
  const changed = git("status", "--porcelain", "--untracked-files=no").trim() !== "";
  return `${git("rev-parse", "--short=12", "HEAD").trim()}${changed ? "+changes" : ""}`;
}
