import { optional, settings, text } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { type Check, fine } from "../doctor/check.ts";
import { checkCluster } from "../doctor/cluster_checks.ts";
import { checkDirectory } from "../doctor/directory_checks.ts";
import { checkOpenFiles, checkSpace, checkSync, ClockCheck } from "../doctor/machine_checks.ts";
import { ExitCode } from "../exit_codes.ts";
import type { JsonObject } from "../json.ts";
import type { Style } from "../style.ts";

const STATUS_WIDTH = 9;
const NAME_WIDTH = 15;

/** The graver a problem is, the earlier its exit code stands here. */
const GRAVITY: readonly ExitCode[] = [
  ExitCode.badData,
  ExitCode.denied,
  ExitCode.noQuorum,
  ExitCode.unreachable,
  ExitCode.notFound,
  ExitCode.condition,
];

function checkLines({ name, status, message, fix }: Check, style: Style): string[] {
  const paint = status === "ok" ? style.green : status === "warning" ? style.yellow : style.red;
  const indent = " ".repeat(STATUS_WIDTH + NAME_WIDTH);
  return [
    `${paint(status.padEnd(STATUS_WIDTH))}${name.padEnd(NAME_WIDTH)}${message}`,
    ...fix.map((step) => `${indent}fix: ${step}`),
  ];
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function checkFields({ name, status, message, fix }: Check): JsonObject {
  return { name, status, message, fix };
}

/** `raft doctor` */
export const doctor = declareCommand({
  name: "doctor",
  group: "TROUBLESHOOTING",
  summary: "Look for what is wrong: machine, data directory, cluster",
  description: "Each check says ok, warning or problem, and the way out. With --data it looks at " +
    "the directory of a node, which may be running, and at its disk: a small file is written " +
    "there, synced and removed. Nothing else is changed.\n\n" +
    "Warnings end with exit code 0, problems with the code of the gravest: 9 damaged data, 8 " +
    "another cluster, 6 no quorum, 5 no endpoint answers, 4 anything else.",
  examples: [
    { command: "raft doctor -e 10.0.0.1:7238", note: "this machine and the cluster" },
    { command: "raft doctor --data /var/lib/raft", note: "and what a node stored here" },
  ],
  arguments: settings({}),
  options: settings({
    data: optional(text({ placeholder: "DIR", summary: "The data directory of a node" })),
  }),
  async run(context, { options: { data } }) {
    const { host, program, style } = context;
    const runtime = await context.runtime();
    const clock = new ClockCheck(runtime);
    const checks: Check[] = [
      fine("program", `raft ${program.version} on ${runtime.name} ${runtime.version}`),
      await checkOpenFiles(host),
    ];
    let clusterId: string | null = null;
    if (data !== undefined) {
      const directory = await checkDirectory(context, runtime, data);
      clusterId = directory.clusterId;
      checks.push(...directory.checks);
      if (directory.isThere) {
        checks.push(await checkSpace(host, data), await checkSync(runtime, data));
      }
    }
    checks.push(...await checkCluster(context, clusterId), clock.end());
    const problems = checks.filter(({ status }) => status === "problem");
    const warnings = checks.filter(({ status }) => status === "warning").length;
    const exits = new Set(problems.map(({ exit }) => exit));
    const lines = [
      ...checks.flatMap((check) => checkLines(check, style)),
      `${counted(problems.length, "problem")}, ${counted(warnings, "warning")}`,
    ];
    return {
      document: {
        ok: problems.length === 0,
        problems: problems.length,
        warnings,
        checks: checks.map(checkFields),
      },
      text: lines.join("\n"),
      exit: GRAVITY.find((code) => exits.has(code)) ?? ExitCode.ok,
    };
  },
});
