import type { SnapshotDownload, SnapshotSource } from "../../client/snapshot_download.ts";
import { settings, text, toggle } from "../../config.ts";
import { formatSize } from "../../config/units.ts";
import { UsageError } from "../../config/usage_error.ts";
import { Sha256 } from "../../runtime/sha256.ts";
import { interruptible } from "../backup/interruptible.ts";
import { SavedFile } from "../backup/saved_file.ts";
import { verifySnapshot } from "../backup/verified_state.ts";
import { type CommandContext, declareCommand } from "../command.ts";
import { startProgress } from "../progress_bar.ts";

/** Where the bytes go. */
interface Target {
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  discard(): Promise<void>;
}

function standardOutput({ host }: CommandContext): Target {
  return {
    write: (bytes) => host.standardOutput.write(bytes),
    finish: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  };
}

/** Takes the whole file, each byte verified as it comes; returns its SHA-256. */
async function save(
  context: CommandContext,
  { download, target }: { readonly download: SnapshotDownload; readonly target: Target },
): Promise<string> {
  const { address, totalBytes } = download.source;
  const progress = await startProgress(context, `saving the snapshot of ${address}`);
  const sum = new Sha256();
  let done = 0;
  try {
    for await (const { bytes } of verifySnapshot(download.chunks(), address)) {
      sum.update(bytes);
      await target.write(bytes);
      done += bytes.length;
      progress.update(done, totalBytes);
    }
  } finally {
    progress.end();
  }
  await target.finish();
  return sum.digest();
}

/** Finds a node and saves its snapshot; a signal leaves nothing behind, whenever it comes. */
async function take(
  context: CommandContext,
  target: Target,
): Promise<{ readonly source: SnapshotSource; readonly checksum: string }> {
  let download: SnapshotDownload | null = null;
  let interrupt!: (error: Error) => void;
  const interrupted = new Promise<never>((_, reject) => interrupt = reject);
  interrupted.catch(() => {});
  const work = async () => {
    try {
      download = await Promise.race([open(context), interrupted]);
      const { source } = download;
      return { source, checksum: await save(context, { download, target }) };
    } finally {
      download?.close();
      await target.discard();
    }
  };
  const stop = (): void => {
    interrupt(new Error("Interrupted"));
    download?.close();
  };
  return await interruptible(context.host, { work, stop });
}

async function open(context: CommandContext): Promise<SnapshotDownload> {
  const cluster = await context.cluster();
  const { level: consistency } = context.globals.consistency;
  return await cluster.openSnapshot({ consistency, timeoutMs: context.remainingMs() });
}

/** `raft snapshot save FILE|-` */
export const snapshotSave = declareCommand({
  name: "snapshot save",
  group: "BACKUP AND REPAIR",
  summary: "Save a backup of the cluster to a file",
  description:
    "The leader takes a snapshot and sends it while it goes on serving. The file holds " +
    "every write that was acknowledged before the command began, at one index: keys, revisions, " +
    "leases, sessions and remembered answers. With --consistency stale any node will do, with " +
    "what it has applied.\n\nEvery byte is verified on the way. The file is written beside and " +
    "renamed at the end: it is there as a whole or not at all. An existing one is not replaced " +
    "without --overwrite. A FILE of - means standard output.\n\n--timeout is the time to find a " +
    "node; how long one that answers takes to write and send its state is not limited.",
  examples: [
    { command: "raft snapshot save backup.snapshot", note: "of the leader" },
    { command: "raft snapshot save - | zstd > backup.zst", note: "into a pipe" },
    {
      command: "raft snapshot save b.snapshot --consistency stale",
      note: "of a follower, to spare the leader",
    },
  ],
  isForShell: false,
  arguments: settings({
    file: text({ placeholder: "FILE", summary: "The file to write; - is standard output" }),
  }),
  options: settings({
    overwrite: toggle({ summary: "Replace the file if it exists" }),
  }),
  async run(context, { arguments: { file }, options: { overwrite } }) {
    const isStream = file === "-";
    if (isStream && context.globals.field !== undefined) {
      throw new UsageError("Cannot print a field: standard output gets the snapshot itself", {
        fix: ["leave out --field, or name a FILE"],
      });
    }
    const runtime = await context.runtime();
    const target = isStream
      ? standardOutput(context)
      : await SavedFile.create(runtime, { path: file, overwrite });
    const { source, checksum } = await take(context, target);
    const { nodeId, index, term, totalBytes: bytes, clusterId } = source;
    const document = { file, index, term, bytes, clusterId, checksum, nodeId };
    const line = `saved ${formatSize(bytes)} up to index ${index}, term ${term}, of node ` +
      `${nodeId}, cluster ${clusterId}`;
    if (!isStream) return { document, text: `${line}\nsha256 ${checksum}` };
    context.talk(line);
    context.talk(`sha256 ${checksum}`);
    return { document, isPrinted: true };
  },
});
