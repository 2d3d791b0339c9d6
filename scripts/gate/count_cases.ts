import type { Skip, StageResult, TestCase } from "./stage.ts";

/** Joins the names of suites and test; no name in this repository holds it by accident. */
const separator = " > ";

/** Every path that has another below it, and those of them with a failure below. */
function findParents(cases: readonly TestCase[]): { all: Set<string>; failed: Set<string> } {
  const all = new Set<string>();
  const failed = new Set<string>();
  for (const { path, outcome } of cases) {
    for (let depth = 1; depth < path.length; depth++) {
      const parent = path.slice(0, depth).join(separator);
      all.add(parent);
      if (outcome === "failed") failed.add(parent);
    }
  }
  return { all, failed };
}

/**
 * Drops suites, which Deno and Node report like tests and Bun does not, so that the same file
 * counts the same everywhere. A suite that failed on its own, in a hook, stays: nothing else
 * tells of it.
 *
 * @param cases What a runner reported.
 */
export function leafCases(cases: readonly TestCase[]): TestCase[] {
  const parents = findParents(cases);
  return cases.filter(({ path, outcome }) => {
    const name = path.join(separator);
    if (!parents.all.has(name)) return true;
    return outcome === "failed" && !parents.failed.has(name);
  });
}

/**
 * Sums up what a runner reported.
 *
 * @param reported All cases, suites included.
 * @param output What the runner printed.
 */
export function countCases(reported: readonly TestCase[], output: string): StageResult {
  const cases = leafCases(reported);
  const skips: Skip[] = cases
    .filter((testCase) => testCase.outcome === "skipped")
    .map(({ path, reason }) => ({ name: path.join(separator), reason: reason ?? "" }));
  return {
    passed: cases.filter((testCase) => testCase.outcome === "passed").length,
    failed: cases.filter((testCase) => testCase.outcome === "failed").length,
    skips,
    output,
    cases,
  };
}

/**
 * The names of the outermost suites and tests, which every runtime reports alike (Bun does not
 * report subtests of a test).
 *
 * @param cases What a runner reported.
 */
export function outermostNames(cases: readonly TestCase[]): Set<string> {
  return new Set(cases.map(({ path }) => path[0] ?? ""));
}
