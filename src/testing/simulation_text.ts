/**
 * Runs of the simulator as text: the command that repeats one, and what happened in one that
 * failed.
 *
 * @module
 */
import { formatFaultNumbers } from "./fault_numbers.ts";
import type { FaultEvent } from "./simulated_faults.ts";
import type { SimulationFailure } from "./simulation_failure.ts";
import type { SimulationOptions } from "./simulation_options.ts";
import type { SimulationPlan } from "./simulation_plan.ts";

/** Earlier lines of a timeline are left out. */
const TIMELINE_LINES_MAX = 80;

/** The words behind the program's name that repeat a run exactly. */
export function replayArguments(options: SimulationOptions): string[] {
  const { seed, durationMs, nodeCount, clientCount, kinds, faults } = options;
  const words = ["--seed", String(seed), "--for", `${durationMs}ms`];
  if (nodeCount !== undefined) words.push("--nodes", String(nodeCount));
  if (clientCount !== undefined) words.push("--clients", String(clientCount));
  if (kinds !== undefined) words.push("--kinds", kinds.join(","));
  if (faults !== undefined) words.push("--faults", formatFaultNumbers(faults));
  return words;
}

/** What a seed decided, in a few lines. */
export function describePlan(plan: SimulationPlan): string[] {
  const { workload, faults } = plan;
  const plural = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;
  return [
    `${plural(plan.nodeCount, "node")}, heartbeat ${plan.heartbeatMs} ms, election timeout ` +
    `${plan.electionTimeoutMs} ms, segments of ${plan.segmentBytes} bytes, messages of at most ` +
    `${plan.appendBytesMax} bytes, ${plan.tailCacheBytesMax} bytes in memory` +
    `${plan.leaseReads ? ", lease reads on" : ""}`,
    `${plural(workload.clientCount, "client")}: ${workload.features.join(", ")}`,
    `faults (${plan.intensity}): ${faults.kinds.join(", ") || "none"}`,
  ];
}

/** How often each kind of fault happened, the most frequent first. */
export function countKinds(faults: readonly FaultEvent[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of faults) counts[kind] = (counts[kind] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([, one], [, other]) => other - one));
}

/** What happened in a run that failed, for people. */
export function describeFailure(failure: SimulationFailure): string[] {
  const { plan, timeline, operations, atMs } = failure.fields;
  const skipped = Math.max(0, timeline.length - TIMELINE_LINES_MAX);
  const line = (timeMs: number, text: string) => `${timeMs.toFixed(1).padStart(12)} ms  ${text}`;
  return [
    ...describePlan(plan),
    "",
    "What happened:",
    ...(skipped === 0 ? [] : [`               … ${skipped} earlier lines`]),
    ...timeline.slice(skipped).map((entry) => line(entry.atMs, entry.text)),
    line(atMs, failure.violation),
    "",
    "The last operations on the key concerned, or on any:",
    ...operations.map((text) => `  ${text}`),
  ];
}
