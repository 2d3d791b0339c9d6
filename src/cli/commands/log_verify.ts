import { settings } from "../../config.ts";
import type { DirectoryReport } from "../../log/offline/verify_directory.ts";
import { declareCommand } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import { directoryArgument } from "../offline/data_directory.ts";
import { readReport } from "../offline/read_report.ts";
import { logText, problemLines, tailText, verdictFields } from "../offline/report_fields.ts";

/** What to do about what was found, a step a line. */
function advice({ problems, log, holder }: DirectoryReport, directory: string): string[] {
  if (problems.length === 0) return [];
  if (problems.every(({ kind }) => kind === "newer_format")) {
    return ["no damage: use the newer program that wrote it"];
  }
  return [
    ...(holder === null ? [] : ["stop the node first: it still answers from what it has read"]),
    "keep the directory as it is: an older copy, or an empty one, has forgotten votes and writes",
    "the cluster lives? have this node mended by the others: " +
    `raft recover rejoin --data ${directory}`,
    "or put a new one in its place, there: raft member replace OLD NEW HOST:PORT",
    "no majority is left? compare the directories first: raft recover plan DIR…",
    ...(log.tail.state === "damaged" && problems.every(({ index = 0 }) => index > log.lastIndex)
      ? [`the last resort: raft log repair ${directory} --truncate-tail`]
      : []),
  ];
}

/** `raft log verify DIR` */
export const logVerify = declareCommand({
  name: "log verify",
  group: "BACKUP AND REPAIR",
  summary: "Read everything in a data directory and say what is damaged, offline",
  description: "Every segment, unit and record, every snapshot, term and vote, and the identity " +
    "are read, and what is wrong is listed with file, offset and index; exit code 9 if anything " +
    "is. Nothing is changed.\n\n" +
    "A node may be running on the directory: what it is just writing is no damage. A torn tail " +
    "is none either: it is what a crash leaves of a write that nobody was told of.",
  examples: [
    { command: "raft log verify /var/lib/raft", note: "is this directory sound?" },
    { command: "raft log verify /var/lib/raft -o json", note: "problems as documents" },
  ],
  arguments: directoryArgument,
  options: settings({}),
  async run(context, { arguments: { directory } }) {
    const report = await readReport(context, directory, { isThorough: true });
    const { problems, snapshots } = report;
    const isGood = problems.length === 0;
    const complete = snapshots.filter(({ name }) => name.state === "snapshot").length;
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    const lines = [
      ...problemLines(report),
      `log: ${logText(report)}`,
      `tail: ${tailText(report)}`,
      `snapshots: ${complete}`,
      isGood ? `${directory} is sound` : `${directory} is damaged: ${count}`,
    ];
    return {
      document: verdictFields(report),
      text: lines.join("\n"),
      exit: isGood ? ExitCode.ok : ExitCode.badData,
      notes: advice(report, directory).map((step) => `fix: ${step}`),
    };
  },
});
