import type { Skip, Stage, StageResult } from "./stage.ts";

/** Skips of the same test, one for each stage that skipped it. */
interface MergedSkip {
  name: string;
  reason: string;
  stages: string[];
}

/** A skip that every runtime shares is one line; Bun and Deno do not tell the reason, Node does. */
function mergeSkips(results: ReadonlyMap<string, StageResult>): MergedSkip[] {
  const merged = new Map<string, MergedSkip>();
  for (const [stage, { skips }] of results) {
    for (const skip of skips) {
      const before = merged.get(skip.name) ?? { name: skip.name, reason: "", stages: [] };
      before.reason ||= skip.reason;
      before.stages.push(stage);
      merged.set(skip.name, before);
    }
  }
  return [...merged.values()];
}

function describeSkip({ name, reason, stages }: MergedSkip): string {
  const where = stages.length === 1 && stages[0] === name ? "" : ` [${stages.join(", ")}]`;
  return `skipped ${name}${where}: ${reason === "" ? "no reason given" : reason}`;
}

/**
 * The line of a stage that ended, and everything it printed if something failed.
 *
 * @param stage The stage.
 * @param result What it did.
 * @param seconds How long it took.
 */
export function describeStage(stage: Stage, result: StageResult, seconds: number): string {
  const skips: readonly Skip[] = result.skips;
  const counts = [
    ...(result.passed > 0 ? [`${result.passed} passed`] : []),
    ...(result.failed > 0 ? [`${result.failed} failed`] : []),
    ...(skips.length > 0 ? [`${skips.length} skipped`] : []),
  ];
  const verdict = result.failed > 0 ? "FAIL" : result.passed > 0 ? "ok  " : "skip";
  const time = `${seconds.toFixed(1)} s`.padStart(8);
  const line = `${verdict} ${stage.name.padEnd(16)} ${time}  ${counts.join(", ") || "nothing ran"}`;
  if (result.failed === 0) return line;
  const output = result.output.trimEnd();
  return `${line}\n--- output of ${stage.name}\n${output}\n--- end of ${stage.name}`;
}

/** What exhaustive tests have counted, each once where the runtimes agree. */
function describeCounts(results: ReadonlyMap<string, StageResult>): string[] {
  const lines = new Set<string>();
  for (const { output } of results.values()) {
    for (const [, line] of output.matchAll(/^(?:# )?(counted: .*)$/gm)) lines.add(line!);
  }
  return [...lines];
}

/**
 * The last lines of the gate: what exhaustive tests counted, what was skipped and why, and the
 * totals.
 *
 * @param results All results by stage name.
 */
export function describeTotals(results: ReadonlyMap<string, StageResult>): string {
  let passed = 0;
  let failed = 0;
  for (const result of results.values()) {
    passed += result.passed;
    failed += result.failed;
  }
  const skips = mergeSkips(results).map(describeSkip);
  return [...describeCounts(results), ...skips, `${passed} passed, ${failed} failed`].join("\n");
}
