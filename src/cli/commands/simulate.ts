import { duration, integer, optional, settings, type SettingValues, text } from "../../config.ts";
import { UsageError } from "../../config/usage_error.ts";
import type { Tracer } from "../../consensus/tracing.ts";
import { type LogFields, silentLogger } from "../../observability/logger.ts";
import { TraceWriter } from "../../observability/trace_writer.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { parseFaultNumbers } from "../../testing/fault_numbers.ts";
import { type FaultKind, faultKinds } from "../../testing/faults/fault_table.ts";
import {
  describeSummary,
  runSeed,
  type SeedOutcome,
  type SeedResult,
  summarize,
} from "../../testing/simulation_series.ts";
import { describeFailure, describePlan } from "../../testing/simulation_text.ts";
import type { SimulationOptions } from "../../testing/simulation_options.ts";
import { type CommandContext, type CommandResult, declareCommand } from "../command.ts";
import { CommandFailure } from "../command_failure.ts";
import { ExitCode } from "../exit_codes.ts";
import type { JsonObject } from "../json.ts";
import { onStopSignals, signalExitCode } from "../terminal.ts";

const SEED_MAX = 2 ** 32 - 1;
const SEEDS_MAX = 1_000_000;
const NODES_MAX = 9;
const CLIENTS_MAX = 64;
/** At most so many runs are spent on making a failure small. */
const SHRINK_RUNS_MAX = 200;

const options = settings({
  seed: optional(integer({
    placeholder: "N",
    summary: "The first seed; a random one unless given",
    max: SEED_MAX,
  })),
  seeds: integer({
    placeholder: "COUNT",
    summary: "How many seeds, one after the other",
    min: 1,
    max: SEEDS_MAX,
    defaultText: "1",
  }),
  durationMs: duration({
    flag: "for",
    summary: "How long each runs with faults, in virtual time",
    defaultText: "30s",
  }),
  nodes: optional(integer({
    placeholder: "N",
    summary: `How many nodes, at most ${NODES_MAX}; 1 to 7 by the seed unless given`,
    min: 1,
    max: NODES_MAX,
  })),
  clients: optional(integer({
    placeholder: "N",
    summary: "How many clients; by the seed unless given",
    min: 1,
    max: CLIENTS_MAX,
  })),
  kinds: optional(text({
    placeholder: "KIND,…",
    summary: "Which kinds of faults may happen; by the seed unless given",
  })),
  faults: optional(text({
    placeholder: "LIST",
    summary: "Only these faults of the seed, by number, such as 3,8-12; all unless given",
  })),
  trace: optional(text({
    placeholder: "FILE",
    summary: "Write every transition of one seed for a model checker; see docs/TRACE.md",
  })),
});

type SimulateOptions = SettingValues<(typeof options)["shape"]>;

function faultNumbers(list: string): number[] {
  const numbers = parseFaultNumbers(list);
  if (numbers !== null) return numbers;
  throw new UsageError(`Cannot use "${list}" as numbers of faults`, {
    fix: ["want numbers and ranges such as 3,8-12, or none"],
  });
}

function kindNames(list: string): FaultKind[] {
  return list.split(",").map((name) => {
    const kind = faultKinds.find((known) => known === name.trim());
    if (kind !== undefined) return kind;
    throw new UsageError(`Unknown kind of fault "${name}"`, {
      fix: [`want some of: ${faultKinds.join(", ")}`],
    });
  });
}

function runOptions(values: SimulateOptions, seed: number): SimulationOptions & { seed: number } {
  const { durationMs, nodes, clients, kinds, faults } = values;
  return {
    seed,
    durationMs,
    ...(nodes === undefined ? {} : { nodeCount: nodes }),
    ...(clients === undefined ? {} : { clientCount: clients }),
    ...(kinds === undefined ? {} : { kinds: kindNames(kinds) }),
    ...(faults === undefined ? {} : { faults: faultNumbers(faults) }),
  };
}

function replayCommand(result: SeedResult): string | null {
  return result.replay === null ? null : `raft simulate ${result.replay.join(" ")}`;
}

function seedLine({ result }: SeedOutcome): string {
  const seconds = (result.virtualMs / 1000).toFixed(1);
  const count = Object.values(result.faults).reduce((sum, times) => sum + times, 0);
  const what = result.isOk ? "ok" : "FAILED";
  return `  seed ${result.seed}: ${what}, ${seconds}s virtual, ${count} faults, ` +
    `${result.operations} operations`;
}

/** What people read of a seed that failed. */
function failureLines({ result, failure }: SeedOutcome): string[] {
  if (failure === null) return [];
  return [
    `seed ${result.seed} failed: ${failure.violation}`,
    `replay: ${replayCommand(result)}`,
    ...describeFailure(failure),
    "",
  ];
}

function resultOf(outcomes: readonly SeedOutcome[], isStopped: boolean): CommandResult {
  const summary = summarize(outcomes.map(({ result }) => result));
  const failed = outcomes.filter(({ failure }) => failure !== null);
  const document: JsonObject = {
    ok: failed.length === 0,
    stopped: isStopped,
    seeds: summary.seeds,
    virtualHours: Math.round(summary.virtualHours * 10_000) / 10_000,
    events: summary.events,
    operations: summary.operations,
    undecidedKeys: summary.undecidedKeys,
    faults: { ...summary.faults },
    results: outcomes.map(({ result }) => ({ seed: result.seed, traceHash: result.traceHash })),
    violations: failed.map(({ result, failure }) => ({
      seed: result.seed,
      violation: result.violation,
      replay: replayCommand(result),
      timeline: failure!.fields.timeline.map(({ atMs, text }) => ({ atMs, text })),
      operations: [...failure!.fields.operations],
    })),
  };
  const single = outcomes.length === 1 ? outcomes[0]!.report : null;
  const lines = [
    ...outcomes.flatMap(failureLines),
    ...(single === null ? [] : [...describePlan(single.plan), `trace ${single.traceHash}`]),
    ...describeSummary(summary),
    ...(isStopped ? ["stopped before the end"] : []),
  ];
  const exit = failed.length === 0 ? ExitCode.ok : ExitCode.failed;
  return { document, text: lines.join("\n"), exit };
}

/** A trace that says so where it could not be written. */
interface Trace {
  readonly tracer: Tracer;
  close(): Promise<void>;
}

async function openTrace(runtime: Runtime, values: SimulateOptions): Promise<Trace | null> {
  if (values.trace === undefined) return null;
  if (values.seeds !== 1) {
    throw new UsageError(`Cannot trace ${values.seeds} seeds into one file`, {
      fix: ["trace one seed: leave --seeds out"],
    });
  }
  let reason: string | null = null;
  const error = (_message: string, fields: LogFields = {}): void => {
    reason = String(fields["reason"]);
  };
  const writer = await TraceWriter.create(runtime, values.trace, { ...silentLogger, error });
  return {
    tracer: writer.tracer,
    close: async () => {
      await writer.close();
      if (reason === null) return;
      throw new CommandFailure(`Cannot write the trace "${values.trace}": ${reason}`, {
        exit: ExitCode.failed,
        fix: ["make room or name another file, and run the seed again"],
      });
    },
  };
}

async function run(context: CommandContext, values: SimulateOptions): Promise<CommandResult> {
  const { host } = context;
  const runtime = await context.runtime();
  const { clock, random } = runtime;
  const trace = await openTrace(runtime, values);
  const first = values.seed ?? random.uint32();
  let isStopped = false;
  const release = onStopSignals(host, {
    onStop: () => {
      isStopped = true;
    },
    onStopNow: (signal) => host.exitNow(signalExitCode(signal)),
  });
  const breathe = (): Promise<boolean> =>
    new Promise((resolve) => clock.setTimer(() => resolve(isStopped), 0));
  const { detectMicrotaskDrain } = await import("../../runtime/detect.ts");
  const drain = await detectMicrotaskDrain();
  const outcomes: SeedOutcome[] = [];
  try {
    for (let seed = first; seed < first + values.seeds && !await breathe(); seed += 1) {
      const outcome = await runSeed({
        options: runOptions(values, seed),
        hooks: { breathe, drain, tracer: trace?.tracer },
        shrinkRunsMax: values.faults === undefined ? SHRINK_RUNS_MAX : 0,
      });
      if (outcome === null) break;
      outcomes.push(outcome);
      if (host.standardError.isTerminal) context.talk(seedLine(outcome));
    }
  } finally {
    release();
    await trace?.close();
  }
  return resultOf(outcomes, isStopped);
}

/** `raft simulate` */
export const simulate = declareCommand({
  name: "simulate",
  group: "TROUBLESHOOTING",
  summary: "Run whole clusters on virtual time and look for broken promises",
  description: "Each seed is a cluster of nodes as they run in production, with clients, on a " +
    "simulated network and simulated disks, while crashes, partitions, full and failing disks " +
    "and much else happen to it. Every answer is checked: nothing acknowledged may be lost, and " +
    "what clients saw must be linearizable.\n\n" +
    "The same seed and options give the same run on every machine. A failure is made small, and " +
    "its command repeats it exactly. Exit 1 if any promise was broken. Ctrl-C ends it early.",
  examples: [
    { command: "raft simulate", note: "one random seed, 30 s of virtual time" },
    { command: "raft simulate --seed 1 --seeds 100", note: "a hundred seeds" },
    { command: "raft simulate --seed 7 --for 5m --nodes 5", note: "five nodes for long" },
    { command: "raft simulate --seed 7 --trace run.ndjson", note: "for a model checker" },
    { command: "raft simulate --seeds 20 -o json", note: "for scripts" },
  ],
  isForShell: false,
  arguments: settings({}),
  options,
  run: (context, { options: values }) => run(context, values),
});
