import { settings, text } from "../../config.ts";
import { formatSize } from "../../config/units.ts";
import { BadDataError } from "../../errors.ts";
import { verifyBackup } from "../../log/backup_file.ts";
import { NewerFormatError } from "../../log/newer_format_error.ts";
import { SnapshotFault } from "../../log/snapshot_format.ts";
import { type CommandResult, declareCommand } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import { requireFile, snapshotFields } from "../offline/snapshot_contents.ts";
import { startProgress } from "../progress_bar.ts";

/** The fault that an error, or one behind it, found in a file. */
function faultOf(error: Error): SnapshotFault | null {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof SnapshotFault) return cause;
  }
  return null;
}

/** The result for a file that is bad. */
function badFile(file: string, error: BadDataError): CommandResult {
  const kind = error instanceof NewerFormatError ? "newer_format" : "bad_snapshot";
  const offset = faultOf(error)?.offset ?? 0;
  const problem = { segment: file, offset, kind, message: error.message };
  return {
    document: { ok: false, file, problems: [problem] },
    text: `damage: ${error.message}`,
    exit: ExitCode.badData,
    notes: error.fix.map((step) => `fix: ${step}`),
  };
}

/** `raft snapshot verify FILE` */
export const snapshotVerify = declareCommand({
  name: "snapshot verify",
  group: "BACKUP AND REPAIR",
  summary: "Read every byte of a snapshot file and say whether it is whole, offline",
  description: "Exit code 9 where it is damaged or cut, with the offset. The file may be a " +
    "backup, or one in snapshots/ of a data directory.",
  examples: [{ command: "raft snapshot verify backup.snapshot", note: "before you rely on it" }],
  arguments: settings({
    file: text({ placeholder: "FILE", summary: "The snapshot file" }),
  }),
  options: settings({}),
  async run(context, { arguments: { file } }) {
    const runtime = await context.runtime();
    await requireFile(runtime, file);
    const progress = await startProgress(context, "reading the snapshot");
    try {
      const snapshot = await verifyBackup(
        runtime,
        file,
        ({ bytes, totalBytes }) => progress.update(bytes, totalBytes),
      );
      const { meta, totalBytes } = snapshot;
      return {
        document: { ok: true, ...snapshotFields(file, snapshot), problems: [] },
        text: `${file} is whole: ${formatSize(totalBytes)}, up to index ` +
          `${meta.lastIncludedIndex} of term ${meta.lastIncludedTerm}`,
      };
    } catch (error) {
      if (error instanceof BadDataError) return badFile(file, error);
      throw error;
    } finally {
      progress.end();
    }
  },
});
