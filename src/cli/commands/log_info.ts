import { settings } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import { directoryArgument } from "../offline/data_directory.ts";
import { readReport } from "../offline/read_report.ts";
import { infoFields, infoLines, problemLines, segmentTable } from "../offline/report_fields.ts";

/** `raft log info DIR` */
export const logInfo = declareCommand({
  name: "log info",
  group: "BACKUP AND REPAIR",
  summary: "Show whose data directory this is and what its log holds, offline",
  description: "Node and cluster, term and vote, first and last index, segments, snapshots, the " +
    "latest configuration, and who uses the directory right now. The log is read from end to " +
    "end; exit code 9 if that shows damage. With --verbose every segment is listed.",
  examples: [
    { command: "raft log info /var/lib/raft", note: "for people" },
    { command: "raft log info /var/lib/raft --field lastIndex", note: "for scripts" },
  ],
  arguments: directoryArgument,
  options: settings({}),
  async run(context, { arguments: { directory } }) {
    const report = await readReport(context, directory, { isThorough: false });
    const isGood = report.problems.length === 0;
    const lines = [
      ...infoLines(report),
      ...(context.globals.verbose ? ["", segmentTable(report)] : []),
      ...problemLines(report),
    ];
    return {
      document: infoFields(report),
      text: lines.join("\n"),
      exit: isGood ? ExitCode.ok : ExitCode.badData,
      ...(isGood ? {} : { notes: [`fix: see what to do about it: raft log verify ${directory}`] }),
    };
  },
});
