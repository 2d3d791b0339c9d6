import {
  byteCount,
  choice,
  duration,
  integer,
  optional,
  settings,
  type SettingValues,
  text,
  toggle,
} from "../../config.ts";
import { UsageError } from "../../config/usage_error.ts";
import { VALUE_BYTES_MAX } from "../../limits.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { AcknowledgedRecorder, parseAcknowledged } from "../bench/acknowledged_file.ts";
import { benchKey, KeyPicker } from "../bench/bench_keys.ts";
import { BenchTarget } from "../bench/bench_target.ts";
import { loadDocument } from "../bench/load_document.ts";
import { generateLoad, type LoadReport, type LoadSlot } from "../bench/load_generator.ts";
import { findLostWrites } from "../bench/verify_acknowledged.ts";
import { type CommandContext, type CommandResult, declareCommand } from "../command.ts";
import { CommandFailure } from "../command_failure.ts";
import { reportError } from "../error_report.ts";
import { ExitCode } from "../exit_codes.ts";

const operations = ["put", "get", "mixed"] as const;
type Operation = (typeof operations)[number];

const IN_FLIGHT_MAX = 65_536;
const CLIENTS_MAX = 1_024;
const KEYS_MAX = 10 ** 9;
const RATE_MAX = 10 ** 6;
const COUNT_MAX = 10 ** 9;
/** How many keys are written at the same time before they are read. */
const PRELOAD_IN_FLIGHT = 256;
/** How many lost writes the message names. */
const LOST_SHOWN_MAX = 10;

const options = settings({
  clients: integer({
    placeholder: "N",
    summary: "Clients, each with connections of its own",
    min: 1,
    max: CLIENTS_MAX,
    defaultText: "8",
  }),
  inFlight: integer({
    placeholder: "N",
    summary: "Operations under way at the same time, over all clients",
    min: 1,
    max: IN_FLIGHT_MAX,
    defaultText: "64",
  }),
  valueBytes: byteCount({
    flag: "size",
    summary: "Bytes of a value",
    max: VALUE_BYTES_MAX,
    defaultText: "128",
  }),
  keys: integer({
    placeholder: "N",
    summary: "How many different keys, of 16 bytes each",
    min: 1,
    max: KEYS_MAX,
    defaultText: "10000",
  }),
  durationMs: duration({ flag: "for", summary: "How long to measure", defaultText: "10s" }),
  warmUpMs: duration({
    flag: "warm-up",
    summary: "How long the load runs before it is measured",
    defaultText: "0s",
  }),
  count: optional(integer({
    placeholder: "N",
    summary: "End the measurement when so many operations were answered, if that is earlier",
    min: 1,
    max: COUNT_MAX,
  })),
  rate: optional(integer({
    placeholder: "OPS",
    summary: "Start so many a second whatever the answers do, and count latency from the " +
      "intended start; unless given, each answer starts the next operation",
    min: 1,
    max: RATE_MAX,
  })),
  acknowledged: optional(text({
    placeholder: "FILE",
    summary: "Append a line KEY INDEX for each acknowledged write",
  })),
  verify: optional(text({
    placeholder: "FILE",
    summary: "Measure nothing: check that every write of such a file is still there",
  })),
  skipPreload: toggle({ summary: "For get: do not write the keys first" }),
});

type BenchOptions = SettingValues<(typeof options)["shape"]>;

function keyText(keyNumber: number): string {
  return new TextDecoder().decode(benchKey(keyNumber));
}

/** One run: which operation, on what, and with what. */
interface Run {
  readonly operation: Operation;
  readonly values: BenchOptions;
  readonly target: BenchTarget;
  readonly runtime: Runtime;
}

/** Writes every key once, so that reads find something. */
function preload({ values, target }: Run): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = 0;
    let left = values.keys;
    const writeNext = (number: number): void => {
      const slot: LoadSlot = {
        number,
        succeeded: () => {
          left -= 1;
          if (left === 0) resolve();
          else if (next < values.keys) writeNext(number);
        },
        failed: reject,
      };
      target.put(next++, slot);
    };
    const underWay = Math.min(values.keys, PRELOAD_IN_FLIGHT);
    for (let number = 0; number < underWay; number += 1) writeNext(number);
  });
}

/** The function that starts an operation, by its name. */
function starterOf({ operation, target, values, runtime }: Run): (slot: LoadSlot) => void {
  const picker = new KeyPicker(values.keys, runtime.random.uint32());
  switch (operation) {
    case "put":
      return (slot) => target.put(picker.next(), slot);
    case "get":
      return (slot) => target.get(picker.next(), slot);
    case "mixed": {
      let isRead = false;
      return (slot) => {
        isRead = !isRead;
        if (isRead) target.get(picker.next(), slot);
        else target.put(picker.next(), slot);
      };
    }
  }
}

function progressLine({ seconds, operations, errors, histogram }: LoadReport): string {
  const rate = Math.round(operations / seconds).toLocaleString("en");
  const millis = (histogram.percentile(99) / 1000).toFixed(1);
  const failed = errors === 0 ? "" : `, ${errors} errors`;
  return `  ${Math.round(seconds)}s  ${rate} ops/s  p99 ${millis}ms${failed}`;
}

function resultOf({ operation, values }: Run, report: LoadReport): CommandResult {
  const { operations, errors, firstError } = report;
  if (operations === 0 && firstError !== null) throw firstError;
  const document = loadDocument({ operation, ...values }, report);
  const millis = (micros: number): string => `${(micros / 1000).toFixed(2)}ms`;
  const { unstarted = 0 } = document;
  const lines = [
    `${operation}: ${document.opsPerSecond.toLocaleString("en")} ops/s ` +
    `(${operations.toLocaleString("en")} in ${document.seconds}s, ` +
    `${values.inFlight} in flight, ${values.clients} clients, ${values.valueBytes} byte values)`,
    `latency: p50 ${millis(document.p50Micros)}, p95 ${millis(document.p95Micros)}, ` +
    `p99 ${millis(document.p99Micros)}, p99.9 ${millis(document.p999Micros)}, ` +
    `max ${millis(document.maxMicros)}`,
    ...(unstarted === 0 ? [] : [
      `not started: ${unstarted.toLocaleString("en")}, for all ${values.inFlight} in flight waited`,
    ]),
  ];
  const measured = { document: { ...document }, text: lines.join("\n") };
  if (firstError === null) return measured;
  const { exit, fix } = reportError(firstError);
  return {
    ...measured,
    exit,
    notes: [
      `failed: ${errors} of ${operations + errors} operations, the first: ${firstError.message}`,
      ...fix.map((step) => `fix: ${step}`),
    ],
  };
}

async function measure(
  context: CommandContext,
  { operation, values }: { operation: Operation; values: BenchOptions },
): Promise<CommandResult> {
  const { globals, host } = context;
  const runtime = await context.runtime();
  const recorder = values.acknowledged === undefined
    ? null
    : new AcknowledgedRecorder(host.files.openAppend(values.acknowledged), runtime.clock);
  const target = new BenchTarget(runtime, {
    endpoints: globals.endpoints,
    clients: Math.min(values.clients, values.inFlight),
    timeoutMs: globals.timeoutMs,
    consistency: globals.consistency.level,
    maxAgeMs: globals.consistency.maxAgeMs,
    valueBytes: values.valueBytes,
    onAcknowledged: recorder === null
      ? null
      : (keyNumber, index) => recorder.record(keyText(keyNumber), index),
  });
  const run: Run = { operation, values, target, runtime };
  try {
    await target.connect();
    if (operation === "get" && !values.skipPreload) {
      context.detail(`writing ${values.keys} keys first`);
      await preload(run);
    }
    const report = await generateLoad({
      clock: runtime.clock,
      start: starterOf(run),
      inFlight: values.inFlight,
      warmUpMs: values.warmUpMs,
      durationMs: values.durationMs,
      ...(values.count === undefined ? {} : { operationsMax: values.count }),
      rate: values.rate ?? null,
      onMeasuring: () => context.talk("measuring"),
      ...(host.standardError.isTerminal
        ? { onSecond: (sofar: LoadReport) => context.talk(progressLine(sofar)) }
        : {}),
    });
    return resultOf(run, report);
  } finally {
    target.close();
    recorder?.close();
  }
}

async function verify(
  context: CommandContext,
  { path, inFlight }: { path: string; inFlight: number },
): Promise<CommandResult> {
  const content = new TextDecoder().decode(await context.host.files.read(path));
  const acknowledged = parseAcknowledged(path, content);
  const { keyValue } = await context.cluster();
  const { timeoutMs } = context.globals;
  const lost = await findLostWrites({ keyValue, acknowledged }, { inFlight, timeoutMs });
  if (lost.length > 0) {
    throw new CommandFailure(`${lost.length} acknowledged writes are lost`, {
      exit: ExitCode.failed,
      applied: "yes",
      why: lost.slice(0, LOST_SHOWN_MAX).map(({ key, acknowledgedIndex, revision }) =>
        `${key}: acknowledged at index ${acknowledgedIndex}, has revision ${revision}`
      ),
      fix: ["this should not happen: please report it with the logs of the nodes"],
    });
  }
  const document = { operation: "verify", keys: acknowledged.size, lost: 0 };
  return { document, text: `${acknowledged.size} acknowledged keys are all there` };
}

/** `raft bench` */
export const bench = declareCommand({
  name: "bench",
  group: "TROUBLESHOOTING",
  summary: "Measure puts or gets",
  description: "Every put is durable on a majority before it counts, every get is linearizable " +
    "unless --consistency says otherwise. mixed is half of each.\n\n" +
    "What is under way when the time is over is waited for; it counts with --rate only, where " +
    "everything counts that was meant to start in that time. --timeout is for each operation.\n\n" +
    "Where operations failed the exit code is that of the first of them, also if others did not.",
  examples: [
    { command: "raft bench put --for 5s", note: "64 in flight over 8 clients" },
    { command: "raft bench get --in-flight 1000", note: "as fast as it goes" },
    { command: "raft bench put --rate 2000 -o json", note: "honest latency at a fixed rate" },
    { command: "raft bench put --acknowledged a.txt", note: "record what was acknowledged," },
    { command: "raft bench get --verify a.txt", note: "and check it after a crash" },
  ],
  arguments: settings({
    operation: choice(operations, { summary: "What to measure" }),
  }),
  options,
  run(context, { arguments: { operation }, options: values }) {
    if (values.verify !== undefined) {
      return verify(context, { path: values.verify, inFlight: values.inFlight });
    }
    if (values.acknowledged !== undefined && operation === "get") {
      throw new UsageError("Cannot use --acknowledged with get: it records writes");
    }
    return measure(context, { operation, values });
  },
});
