import type { SnapshotSource } from "../../client/snapshot_download.ts";
import { optional, settings, text } from "../../config.ts";
import { readBackup, verifyBackup } from "../../log/backup_file.ts";
import { type ExportedItem, exportKeyValues } from "../../state_machine/export_key_values.ts";
import { interruptible } from "../backup/interruptible.ts";
import { keyDocument } from "../backup/key_line.ts";
import { verifySnapshot } from "../backup/verified_state.ts";
import { toBytes } from "../bytes_text.ts";
import { type CommandContext, declareCommand } from "../command.ts";
import type { JsonObject } from "../json.ts";
import { requireFile } from "../offline/snapshot_contents.ts";
import { type Progress, startProgress } from "../progress_bar.ts";

/** What was exported. */
interface Exported {
  /** How many keys were printed; null where nobody read to the end. */
  readonly keys: number | null;
  readonly index: number;
  /** Where from, for people. */
  readonly origin: string;
}

function hasPrefix(key: Uint8Array, prefix: Uint8Array): boolean {
  return key.length >= prefix.length && prefix.every((byte, at) => key[at] === byte);
}

/** Prints the keys with the prefix, and counts them; null once nobody reads any more. */
async function print(
  context: CommandContext,
  { batches, prefix }: {
    readonly batches: AsyncIterable<readonly ExportedItem[]>;
    readonly prefix: Uint8Array;
  },
): Promise<number | null> {
  const sink = context.items();
  let keys = 0;
  for await (const items of batches) {
    for (const item of items) {
      if (!hasPrefix(item.key, prefix)) continue;
      const document = (): JsonObject => keyDocument(item);
      sink.add({ document, line: () => JSON.stringify(document()) });
      keys += 1;
      if (sink.isFull) await sink.flush();
    }
    if (sink.isAbandoned) return null;
  }
  await sink.flush();
  return keys;
}

/** The state of a node that sends its snapshot. */
async function* stateOf(
  bytes: AsyncIterable<Uint8Array>,
  { address, totalBytes }: SnapshotSource,
  progress: Progress,
): AsyncGenerator<Uint8Array, void> {
  let done = 0;
  for await (const piece of verifySnapshot(bytes, address)) {
    done += piece.bytes.length;
    progress.update(done, totalBytes);
    yield* piece.state;
  }
}

async function exportCluster(context: CommandContext, prefix: Uint8Array): Promise<Exported> {
  const cluster = await context.cluster();
  const { level: consistency } = context.globals.consistency;
  const download = await cluster.openSnapshot({ consistency, timeoutMs: context.remainingMs() });
  const { source } = download;
  const progress = await startProgress(context, `exporting from ${source.address}`);
  try {
    const batches = exportKeyValues(stateOf(download.chunks(), source, progress));
    const keys = await interruptible(context.host, {
      work: () => print(context, { batches, prefix }),
      stop: () => download.close(),
    });
    return { keys, index: source.index, origin: `node ${source.nodeId}` };
  } finally {
    progress.end();
    download.close();
  }
}

async function exportFile(
  context: CommandContext,
  { file, prefix }: { readonly file: string; readonly prefix: Uint8Array },
): Promise<Exported> {
  const runtime = await context.runtime();
  await requireFile(runtime, file);
  // What is printed cannot be taken back: the whole file is verified first.
  const { meta } = await verifyBackup(runtime, file);
  const batches = exportKeyValues(readBackup(runtime, file));
  const keys = await print(context, { batches, prefix });
  return { keys, index: meta.lastIncludedIndex, origin: file };
}

/** `raft export` */
export const exportKeys = declareCommand({
  name: "export",
  group: "DATA",
  summary: "Print every key as a line of JSON",
  description: "One line a key, ascending: key, value, revision, createRevision, version; lease " +
    "and ttlMs (what is left of its time) where it has them. What is not UTF-8 is base64, with " +
    'keyEncoding or encoding "base64".\n\nAll keys are as they were at one index, however many ' +
    "writes go on: the lines are read from a snapshot that the leader takes and sends, and hold " +
    "every write that was acknowledged before. With --consistency stale any node will do. " +
    "--snapshot reads a file of raft snapshot save instead of a cluster.\n\n--timeout is the " +
    "time to find a node.",
  examples: [
    { command: "raft export > all.jsonl", note: "everything" },
    { command: "raft export --prefix users/ --field key", note: "the keys alone" },
    {
      command: "raft export --snapshot backup.snapshot",
      note: "of a file that was saved, offline",
    },
  ],
  isForShell: false,
  arguments: settings({}),
  options: settings({
    prefix: optional(text({ placeholder: "P", summary: "Only keys that begin with this" })),
    snapshot: optional(text({ placeholder: "FILE", summary: "Read this snapshot file" })),
  }),
  async run(context, { options: { prefix = "", snapshot: file } }) {
    const bytes = toBytes(prefix);
    const exported = file === undefined
      ? await exportCluster(context, bytes)
      : await exportFile(context, { file, prefix: bytes });
    const { keys, index, origin } = exported;
    if (keys !== null) context.talk(`exported ${keys} keys as of index ${index}, from ${origin}`);
    return { document: { keys, index }, isPrinted: true };
  },
});
