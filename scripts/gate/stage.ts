/** The words the gate is written in: stages, what they did, and what they ran. */

/** How one test ended. */
export type Outcome = "passed" | "failed" | "skipped";

/** One test as a runner reported it. */
export interface TestCase {
  /** The file it is in, relative to the repository where the runner tells. */
  file: string;
  /** The names of its suites and its own, from the outside in. */
  path: readonly string[];
  outcome: Outcome;
  /** Why it was skipped, where the runner tells. */
  reason?: string;
}

/** A test or a whole stage that did not run, which the gate names at the end. */
export interface Skip {
  name: string;
  reason: string;
}

/** What a stage did. */
export interface StageResult {
  passed: number;
  failed: number;
  skips: readonly Skip[];
  /** Everything the stage printed, shown in full when something failed. */
  output: string;
  /** The single tests, for stages that run tests. */
  cases?: readonly TestCase[];
}

/** What the gate hands to every stage. */
export interface StageContext {
  /** The root of the repository. */
  root: string;
  /** A folder for reports that is removed at the end. */
  scratch: string;
  /** The results of the stages that have ended so far, by name. */
  results: ReadonlyMap<string, StageResult>;
}

/** One step of the gate. */
export interface Stage {
  name: string;
  /** One line for `--list`. */
  summary: string;
  /** The stages that must have ended before, whether they passed or not. */
  after?: readonly string[];
  /** Set where a second stage at the same time would disturb measured time. */
  alone?: boolean;
  run(context: StageContext): Promise<StageResult>;
}

/**
 * A stage that counts as one passed test.
 *
 * @param output What it printed.
 */
export function onePassed(output = ""): StageResult {
  return { passed: 1, failed: 0, skips: [], output };
}

/**
 * A stage that counts as one failed test.
 *
 * @param output What went wrong, in full.
 */
export function oneFailed(output: string): StageResult {
  return { passed: 0, failed: 1, skips: [], output };
}

/**
 * A stage that could not run here.
 *
 * @param name The name it is listed under.
 * @param reason Why it could not run.
 */
export function oneSkipped(name: string, reason: string): StageResult {
  return { passed: 0, failed: 0, skips: [{ name, reason }], output: "" };
}

/** What parts of a stage did, as one. */
export function mergeResults(parts: readonly StageResult[]): StageResult {
  return {
    passed: parts.reduce((sum, { passed }) => sum + passed, 0),
    failed: parts.reduce((sum, { failed }) => sum + failed, 0),
    skips: parts.flatMap(({ skips }) => skips),
    output: parts.map(({ output }) => output).join("\n"),
    cases: parts.flatMap(({ cases }) => cases ?? []),
  };
}
