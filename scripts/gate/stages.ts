import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { compareOutermostNames, compareTraces } from "./compare_runtimes.ts";
import { findFiles } from "./find_files.ts";
import { runCommand } from "./run_command.ts";
import { runTests, type RuntimeName, runtimes } from "./run_tests.ts";
import {
  mergeResults,
  oneFailed,
  onePassed,
  oneSkipped,
  type Stage,
  type StageContext,
  type StageResult,
} from "./stage.ts";

/** The simulator runs on all runtimes, but only the fastest looks for new failures. */
const simulatorSeeds: Record<RuntimeName, number> = { bun: 60, deno: 8, node: 8 };

/** How many crashes in a row the tests of crash points try: the most on the fastest runtime. */
const crashesInARow: Record<RuntimeName, number> = { bun: 2, deno: 1, node: 1 };

/** Of how many cases of an exhaustive test one is tried; see tests/sampling.ts. */
const tryEvery: Record<RuntimeName, number> = { bun: 1, deno: 4, node: 4 };

/** How many seeds the tests of bare cores run. */
const coreSeeds: Record<RuntimeName, number> = { bun: 40, deno: 10, node: 10 };

/** The file of the simulator's own tests; see {@linkcode simulatorStage} for its settings. */
const simulatorTest = "tests/simulator_test.ts";
const tidyTest = "tests/tidy_test.ts";
const endToEndFolder = "tests/e2e/";

/** A stage that is one command and counts as one test. */
function commandStage(name: string, summary: string, command: readonly string[]): Stage {
  return {
    name,
    summary,
    async run({ root }) {
      const ended = await runCommand(command, { cwd: root, env: { NO_COLOR: "1" } });
      if (ended.code === 0) return onePassed(ended.output);
      return oneFailed(`${ended.output}\n${command.join(" ")}: ${ended.ending}`);
    },
  };
}

/** The unit and contract tests: every test file without a stage of its own. */
function unitFiles(root: string): string[] {
  return findFiles(root, "tests").filter((file) =>
    file.endsWith("_test.ts") && !file.startsWith(endToEndFolder) && file !== simulatorTest &&
    file !== tidyTest
  );
}

function unitStage(runtime: RuntimeName): Stage {
  const name = `unit_${runtime}`;
  return {
    name,
    summary: `Unit and contract tests on ${runtime}`,
    run: (context) =>
      runTests(context, {
        runtime,
        name,
        files: unitFiles(context.root),
        env: {
          CRASHES_IN_A_ROW: String(crashesInARow[runtime]),
          TRY_EVERY: String(tryEvery[runtime]),
          CORE_SEEDS: String(coreSeeds[runtime]),
        },
      }),
  };
}

/**
 * The simulator's tests read two variables: SIMULATOR_SEEDS, how many seeds to run, and
 * SIMULATOR_TRACE_FILE, where to write a line "SEED HASH" for each.
 */
function simulatorStage(runtime: RuntimeName): Stage {
  const name = `simulator_${runtime}`;
  return {
    name,
    summary: `${simulatorSeeds[runtime]} simulated clusters on ${runtime}`,
    run(context) {
      if (!existsSync(join(context.root, simulatorTest))) {
        return Promise.resolve(oneSkipped(name, `there is no ${simulatorTest}`));
      }
      const env = {
        SIMULATOR_SEEDS: String(simulatorSeeds[runtime]),
        SIMULATOR_TRACE_FILE: join(context.scratch, `${name}.traces`),
      };
      return runTests(context, { runtime, name, files: [simulatorTest], env });
    },
  };
}

/** The generated code must be what the schema says; needs Debian's `capnproto` to tell. */
const schemaStage: Stage = {
  name: "schema",
  summary: "The generated code matches schema/*.capnp",
  run(context) {
    if (spawnSync("capnp", ["--version"]).status !== 0) {
      return Promise.resolve(oneSkipped("schema", "the capnp tool is not installed"));
    }
    const command = ["bun", "scripts/generate_schema.ts", "--check"];
    return commandStage("schema", this.summary, command).run(context);
  },
};

/** The longest of the end-to-end tests, longest first: started last they would end alone. */
const slowEndToEnd = [
  ...["lease", "mixed_runtimes", "outcome_quorum", "durability_crash", "member", "failover_stop"],
  ...["cli_cluster", "backup", "chaos", "strace_failure", "cli_data", "full_disk"],
  ...["failover_partition", "rejoin", "library", "cli_demo", "outcome_deadline"],
];

/** End-to-end tests wait most of their time: for processes, elections and time-outs. */
const endToEndAtOnce = 4;

/** Runs each file in a process of its own; whoever is free takes the next one. */
async function runFilesAtOnce(
  context: StageContext,
  files: readonly string[],
): Promise<StageResult[]> {
  const waiting = [...files.entries()];
  const results: StageResult[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [i, file] = next;
      // Two gates at the same time differ as well.
      const env = { TEST_PORT_BLOCK: String(process.pid + i) };
      const name = `e2e_${i}`;
      results.push(await runTests(context, { runtime: "bun", name, files: [file], env }));
    }
  };
  await Promise.all(Array.from({ length: endToEndAtOnce }, work));
  return results;
}

const endToEndStage: Stage = {
  name: "e2e",
  summary: "End-to-end tests against dist/raft",
  after: ["build"],
  alone: true,
  async run(context) {
    if (context.results.get("build")?.failed !== 0) {
      return oneFailed("There is no binary to test: the build failed");
    }
    const files = findFiles(context.root, endToEndFolder.slice(0, -1)).filter((file) =>
      file.endsWith("_test.ts")
    );
    if (files.length === 0) {
      return oneSkipped("e2e", `there are no tests in ${endToEndFolder}`);
    }
    const first = slowEndToEnd.map((name) => `${endToEndFolder}${name}_test.ts`);
    const rest = files.filter((file) => !first.includes(file));
    return mergeResults(
      await runFilesAtOnce(context, [...first.filter((file) => files.includes(file)), ...rest]),
    );
  },
};

/** Every stage of the gate, in the order in which they are started. */
export const stages: readonly Stage[] = [
  commandStage("fmt", "Every file is formatted", ["deno", "fmt", "--check"]),
  commandStage("lint", "deno lint finds nothing", ["deno", "lint"]),
  commandStage("check", "Every file type-checks", ["deno", "check"]),
  commandStage("purity", "The consensus core reaches nothing outside", [
    ...["tsc", "-p", "src/consensus"],
  ]),
  commandStage("docs", "The examples in the documentation run", [
    ...["deno", "test", "--doc", "-A", "README.md", "mod.ts", "src"],
  ]),
  {
    name: "tidy",
    summary: "The repository keeps its own rules",
    run: (context) => runTests(context, { runtime: "bun", name: "tidy", files: [tidyTest] }),
  },
  schemaStage,
  commandStage("build", "Compile dist/raft", ["bun", "scripts/compile.ts"]),
  // The longest first: beside them the two cores have work to the end.
  ...(["node", "deno", "bun"] as const).map(unitStage),
  {
    name: "same_tests",
    summary: "The three runtimes ran the same unit tests",
    after: runtimes.map((runtime) => `unit_${runtime}`),
    run: ({ results }) => Promise.resolve(compareOutermostNames(results)),
  },
  ...runtimes.map(simulatorStage),
  {
    name: "traces",
    summary: "One seed gives one trace on the three runtimes",
    after: runtimes.map((runtime) => `simulator_${runtime}`),
    run: ({ scratch }) => Promise.resolve(compareTraces(scratch)),
  },
  endToEndStage,
];
