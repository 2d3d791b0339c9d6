/**
 * Many seeds one after the other, and what they add up to.
 *
 * @module
 */
import { shrinkFailure } from "./shrink.ts";
import { simulate } from "./simulation.ts";
import { SimulationFailure, SimulationStopped } from "./simulation_failure.ts";
import type { SimulationHooks, SimulationOptions, SimulationReport } from "./simulation_options.ts";
import { countKinds, replayArguments } from "./simulation_text.ts";

/** What became of one seed: plain data, which a file may keep. */
export interface SeedResult {
  readonly seed: number;
  readonly isOk: boolean;
  readonly virtualMs: number;
  readonly events: number;
  readonly operations: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly traceHash: string | null;
  /** The most election timeouts that a first write took after the faults. */
  readonly electionTimeoutsToServe: number | null;
  readonly undecidedKeys: number;
  /** What was violated, and the words that repeat the smallest failing run. */
  readonly violation: string | null;
  readonly replay: readonly string[] | null;
}

/** The sum of results. */
export interface SeriesSummary {
  readonly seeds: number;
  readonly virtualHours: number;
  readonly events: number;
  readonly operations: number;
  readonly undecidedKeys: number;
  readonly electionTimeoutsToServeMax: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly violations: readonly number[];
}

/** What {@linkcode runSeed} is given. */
export interface SeedOptions {
  readonly options: SimulationOptions & { readonly seed: number };
  readonly hooks?: SimulationHooks;
  /** At most so many runs to make a failure small. */
  readonly shrinkRunsMax: number;
}

/** A seed that was run to its end. */
export interface SeedOutcome {
  readonly result: SeedResult;
  readonly report: SimulationReport | null;
  /** The smallest failure that was found, or null. */
  readonly failure: SimulationFailure | null;
}

/** Runs one seed, and makes its failure small. Null where it was stopped. */
export async function runSeed(seed: SeedOptions): Promise<SeedOutcome | null> {
  const { options, hooks = {}, shrinkRunsMax } = seed;
  try {
    const report = await simulate(options, hooks);
    return { result: resultOf(options.seed, report), report, failure: null };
  } catch (error) {
    if (error instanceof SimulationStopped) return null;
    if (!(error instanceof SimulationFailure)) throw error;
    // A trace is of the run that was asked for, not of those that make its failure small.
    const quiet = { ...hooks, tracer: undefined };
    const failure = await shrinkUnlessStopped(error, { hooks: quiet, runsMax: shrinkRunsMax });
    return { result: failureResult(options.seed, error, failure), report: null, failure };
  }
}

async function shrinkUnlessStopped(
  found: SimulationFailure,
  { hooks, runsMax }: { readonly hooks: SimulationHooks; readonly runsMax: number },
): Promise<SimulationFailure> {
  let isStopped = false;
  const run = async (smaller: SimulationOptions): Promise<void> => {
    try {
      await simulate(smaller, hooks);
    } catch (error) {
      if (!(error instanceof SimulationStopped)) throw error;
      isStopped = true;
    }
  };
  const { failure } = await shrinkFailure(found, { run, runsMax, isOver: () => isStopped });
  return failure;
}

function resultOf(seed: number, report: SimulationReport): SeedResult {
  return {
    seed,
    isOk: true,
    virtualMs: report.virtualMs,
    events: report.eventCount,
    operations: report.operationCount,
    faults: countKinds(report.faults),
    traceHash: report.traceHash,
    electionTimeoutsToServe: Math.round(report.electionTimeoutsToServe * 10) / 10,
    undecidedKeys: report.undecidedKeys,
    violation: null,
    replay: null,
  };
}

/** The figures are those of the first failure, the way to repeat it is the smallest one's. */
function failureResult(
  seed: number,
  found: SimulationFailure,
  smallest: SimulationFailure,
): SeedResult {
  return {
    seed,
    isOk: false,
    virtualMs: Math.round(found.fields.atMs),
    events: 0,
    operations: 0,
    faults: countKinds(found.fields.faults),
    traceHash: null,
    electionTimeoutsToServe: null,
    undecidedKeys: 0,
    violation: smallest.violation,
    replay: replayArguments(smallest.fields.options),
  };
}

/** Adds results up. */
export function summarize(results: Iterable<SeedResult>): SeriesSummary {
  let seeds = 0;
  let virtualMs = 0;
  let events = 0;
  let operations = 0;
  let undecidedKeys = 0;
  let electionTimeoutsToServeMax = 0;
  const faults: Record<string, number> = {};
  const violations: number[] = [];
  for (const result of results) {
    seeds += 1;
    virtualMs += result.virtualMs;
    events += result.events;
    operations += result.operations;
    undecidedKeys += result.undecidedKeys;
    const toServe = result.electionTimeoutsToServe ?? 0;
    electionTimeoutsToServeMax = Math.max(electionTimeoutsToServeMax, toServe);
    for (const [kind, count] of Object.entries(result.faults)) {
      faults[kind] = (faults[kind] ?? 0) + count;
    }
    if (!result.isOk) violations.push(result.seed);
  }
  const virtualHours = virtualMs / 3_600_000;
  return {
    seeds,
    virtualHours,
    events,
    operations,
    undecidedKeys,
    electionTimeoutsToServeMax,
    faults,
    violations,
  };
}

/** A summary in words. */
export function describeSummary(summary: SeriesSummary): string[] {
  const { seeds, virtualHours, events, operations, faults, violations } = summary;
  const kinds = Object.entries(faults).sort(([, one], [, other]) => other - one);
  const total = kinds.reduce((sum, [, count]) => sum + count, 0);
  const count = (number: number) => number.toLocaleString("en");
  return [
    `${count(seeds)} seeds, ${virtualHours.toFixed(2)} virtual hours, ${count(events)} events, ` +
    `${count(operations)} operations, ${count(total)} faults`,
    `faults: ${kinds.map(([kind, times]) => `${kind} ${times}`).join(", ") || "none"}`,
    `the first write after the faults took at most ${summary.electionTimeoutsToServeMax} ` +
    "election timeouts",
    violations.length === 0
      ? "no violations"
      : `violations: ${violations.length}, in seeds ${violations.join(", ")}`,
  ];
}
