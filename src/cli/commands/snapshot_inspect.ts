import { settings, text } from "../../config.ts";
import { formatDuration, formatSize } from "../../config/units.ts";
import { readBackupEnds } from "../../log/backup_file.ts";
import { declareCommand } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import { configurationText } from "../offline/decode_command.ts";
import {
  readContents,
  requireFile,
  type SnapshotContents,
  snapshotFields,
} from "../offline/snapshot_contents.ts";

function contentsText(contents: SnapshotContents | null): string {
  if (contents === null) return "cannot be read: see raft snapshot verify";
  const { sessions, answers, keyValue } = contents;
  const state = keyValue === null
    ? "the state of another state machine"
    : `${keyValue.keys} keys, ${keyValue.leases} leases`;
  return `${state}, ${sessions} sessions, ${answers} remembered answers`;
}

/** `raft snapshot inspect FILE` */
export const snapshotInspect = declareCommand({
  name: "snapshot inspect",
  group: "BACKUP AND REPAIR",
  summary: "Show what a snapshot file covers, offline",
  description: "Index and term of the last entry that it covers, the cluster, its members then, " +
    "and how much it holds. Header, trailer and what says how much it holds are checked (exit " +
    "9); whether all of it is good, raft snapshot verify says. The file may be a backup, or one " +
    "in snapshots/ of a data directory.",
  examples: [
    { command: "raft snapshot inspect backup.snapshot", note: "for people" },
    { command: "raft snapshot inspect backup.snapshot --field index", note: "for scripts" },
  ],
  arguments: settings({
    file: text({ placeholder: "FILE", summary: "The snapshot file" }),
  }),
  options: settings({}),
  async run(context, { arguments: { file } }) {
    const runtime = await context.runtime();
    await requireFile(runtime, file);
    const snapshot = await readBackupEnds(runtime, file);
    const contents = await readContents(runtime, file, snapshot.totalBytes);
    const { meta, totalBytes } = snapshot;
    const members = configurationText(meta.configuration);
    const rows = [
      ["covers", `up to index ${meta.lastIncludedIndex} of term ${meta.lastIncludedTerm}`],
      ["log time", formatDuration(meta.logTimeMs)],
      ["size", formatSize(totalBytes)],
      ["holds", contentsText(contents)],
      ["cluster", meta.clusterId],
      ["snapshot", meta.snapshotId],
      ["members", `${members} (of index ${meta.configurationIndex})`],
    ];
    return {
      document: {
        ...snapshotFields(file, snapshot),
        ...(contents === null ? {} : {
          sessions: contents.sessions,
          answers: contents.answers,
          ...(contents.keyValue === null ? {} : { ...contents.keyValue }),
        }),
      },
      text: rows.map(([label, value]) => `${label!.padEnd(9)} ${value}`).join("\n"),
      ...(contents === null
        ? {
          exit: ExitCode.badData,
          notes: [`fix: see what is damaged: raft snapshot verify ${file}`],
        }
        : {}),
    };
  },
});
