import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { countCases } from "./count_cases.ts";
import { parseJunit } from "./junit_report.ts";
import { FILE_MARK, parseNodeReport } from "./node_report.ts";
import { type CommandResult, runCommand } from "./run_command.ts";
import type { StageContext, StageResult, TestCase } from "./stage.ts";

/** The runtimes that every test file must pass on. */
export const runtimes = ["bun", "deno", "node"] as const;

/** One of the runtimes. */
export type RuntimeName = (typeof runtimes)[number];

/** Bun ends a test after 5 s unless told otherwise, the others never do: here all are patient. */
const testTimeoutMs = 120_000;

/** What to run, and on what. */
export interface TestRun {
  runtime: RuntimeName;
  /** Paths relative to the repository. */
  files: readonly string[];
  /** Names the report files; unique among the stages. */
  name: string;
  env?: Readonly<Record<string, string>>;
}

/**
 * The command of a runtime. Type checking is a stage of its own.
 *
 * @param run What to run.
 * @param report The file that the runner writes its report to.
 */
function testCommand(run: TestRun, report: string): string[] {
  switch (run.runtime) {
    case "bun":
      return [
        ...["bun", "test", `--timeout=${testTimeoutMs}`],
        ...["--reporter=junit", `--reporter-outfile=${report}`],
        ...run.files.map((file) => `./${file}`),
      ];
    case "deno":
      return [
        ...["deno", "test", "-A", "--no-check", `--junit-path=${report}`],
        ...["./scripts/gate/run_together.ts", "--", ...run.files],
      ];
    case "node":
      return [
        ...["node", "--import", "./scripts/gate/node_without_hooks.mjs", "--import", "tsx"],
        ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
        ...["--test-reporter=./scripts/gate/node_reporter.mjs"],
        ...[`--test-reporter-destination=${report}`, "./scripts/gate/run_together.ts"],
        ...run.files,
      ];
  }
}

/** Whether Deno's output has a test after the mark of a file, other than the next file's mark. */
function denoRanTestOf(file: string, output: string): boolean {
  const [, after = ""] = output.split(`${FILE_MARK}${file} ... `);
  const [own = ""] = after.split(FILE_MARK);
  // What follows the name of the mark is its own verdict.
  return /^.+ \.\.\. (ok|FAILED|ignored)/m.test(own.slice(own.indexOf("\n") + 1));
}

/**
 * The files that the report does not mention: their tests were lost with the process, or there are
 * none, or an early `process.exit(0)` ended it. The report of Deno names the file that registered a
 * test, which may be a contract suite; its output names the other file.
 *
 * @param run What was run.
 * @param cases What the runner reported.
 * @param output What the runner printed.
 */
export function unreportedFiles(
  run: Pick<TestRun, "runtime" | "files">,
  cases: readonly TestCase[],
  output: string,
): string[] {
  const reported = [...new Set(cases.map(({ file }) => file))];
  return run.files.filter((file) => {
    if (reported.some((name) => name.endsWith(file))) return false;
    return run.runtime !== "deno" || !denoRanTestOf(file, output);
  });
}

/** Everything that makes the run a failure although no single test says so. */
function findCrashes(run: TestRun, ended: CommandResult, cases: readonly TestCase[]): string[] {
  const crashes = unreportedFiles(run, cases, stripVTControlCharacters(ended.output))
    .map((file) => `No test of ${file} was reported`);
  const anyFailed = cases.some(({ outcome }) => outcome === "failed");
  if (ended.code !== 0 && !anyFailed && crashes.length === 0) {
    crashes.push(`The ${run.runtime} test runner ended with ${ended.ending}`);
  }
  return crashes;
}

/**
 * Runs test files on one runtime. A file without a reported test, and a runner that fails without
 * a failed test, count as failures.
 *
 * @param context The gate.
 * @param run What to run.
 */
export async function runTests(context: StageContext, run: TestRun): Promise<StageResult> {
  const report = join(context.scratch, `${run.name}.report`);
  const ended = await runCommand(testCommand(run, report), {
    cwd: context.root,
    env: { NO_COLOR: "1", ...run.env },
  });
  const text = existsSync(report) ? readFileSync(report, "utf8") : "";
  const all = run.runtime === "node" ? parseNodeReport(text) : parseJunit(text);
  const cases = all.filter(({ path }) => !path[0]?.startsWith(FILE_MARK));
  const crashes = findCrashes(run, ended, cases);
  const output = [stripVTControlCharacters(ended.output), ...crashes].join("\n");
  const result = countCases(cases, output);
  return { ...result, failed: result.failed + crashes.length };
}
