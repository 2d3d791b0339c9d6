import { settings } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import { directoryArgument } from "../offline/data_directory.ts";
import { directoryAdvice, obstacleOf } from "../offline/directory_advice.ts";
import { readReport } from "../offline/read_report.ts";
import { logText, problemLines, tailText, verdictFields } from "../offline/report_fields.ts";

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
    const verdict = obstacleOf(report)?.verdict ?? "is damaged";
    const lines = [
      ...problemLines(report),
      `log: ${logText(report)}`,
      `tail: ${tailText(report)}`,
      `snapshots: ${complete}`,
      isGood ? `${directory} is sound` : `${directory} ${verdict}: ${count}`,
    ];
    return {
      document: verdictFields(report),
      text: lines.join("\n"),
      exit: isGood ? ExitCode.ok : ExitCode.badData,
      notes: directoryAdvice(report, directory).map((step) => `fix: ${step}`),
    };
  },
});
