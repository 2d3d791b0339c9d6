/**
 * Opens the files of a segmented log: recovers what is there, repairs what a crash left, or creates
 * the first segment.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { BadDataError } from "../errors.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Index } from "../types.ts";
import { DAMAGED_DIRECTORY_FIX } from "./damaged_directory.ts";
import type { LogRecovery } from "./log.ts";
import { type RecoveredLog, recoverLog, repairTail } from "./log_recovery.ts";
import { RecoveredEntries } from "./recovered_entries.ts";
import type { Segment } from "./segment.ts";
import { SegmentStore } from "./segment_store.ts";

/** The open files of a log. */
export interface LogFiles {
  readonly store: SegmentStore;
  readonly segments: readonly Segment[];
  readonly recovery: LogRecovery;
}

/** What {@linkcode openLogFiles} needs. */
export interface OpenLogFilesOptions {
  /** The data directory. */
  readonly path: string;
  readonly segmentBytes: number;
  /** Whether to create the log where there is none. */
  readonly create: boolean;
  /** The index that the first entry of a new log gets, 1 unless given. */
  readonly firstIndex?: Index;
}

/** Opens or creates the log; what it resolves to is durable. */
export async function openLogFiles(
  runtime: Runtime,
  options: OpenLogFilesOptions,
): Promise<LogFiles> {
  const { path, segmentBytes, create } = options;
  const logDirectory = `${path}/log`;
  const spareDirectory = `${path}/spare`;
  const { files } = runtime;
  // Whoever moved the data directory may have left out an empty one. Names that a killed process
  // changed need not be durable yet: they are made so before anything is built upon them.
  await files.makeDirectory(logDirectory);
  await files.makeDirectory(spareDirectory);
  for (const directory of [path, logDirectory, spareDirectory]) {
    await files.syncDirectory(directory);
  }
  const recovered = await recoverLog(runtime, { directory: logDirectory, mode: "write" });
  if (recovered === null && !create) throw missingLogError(logDirectory);
  const logId = recovered?.segments[0]?.header.logId ?? runtime.random.fill(new Uint8Array(16));
  const nextSequence = recovered?.nextSequence ?? 1;
  const directories = { logDirectory, spareDirectory, segmentBytes };
  const store = new SegmentStore(runtime, { ...directories, logId, nextSequence });
  await store.clearSpares();
  if (recovered !== null) return repair(store, recovered);
  const { firstIndex = 1 } = options;
  const first = { firstIndex, previousChecksum: 0, startsLog: true, recordBytes: 0 };
  const segment = await store.create(first);
  assert(segment.lastIndex === firstIndex - 1, () => `the new log ends at ${segment.lastIndex}`);
  return { store, segments: [segment], recovery: new RecoveredEntries(firstIndex).recovery(0) };
}

/** Brings the files into the state that they would have without the crash. */
async function repair(store: SegmentStore, recovered: RecoveredLog): Promise<LogFiles> {
  const { segments, recovery, obsolete } = recovered;
  assert(segments.length > 0, "the log has no segment");
  await store.remove(obsolete);
  await repairTail(recovered);
  const beforeLast = segments.at(-2);
  if (recovered.needsSeal) {
    assert(beforeLast !== undefined, "the log has one segment, which has no seal");
    await store.seal(beforeLast);
  }
  return { store, segments, recovery };
}

function missingLogError(directory: string): BadDataError {
  return new BadDataError(
    `Cannot find the log: "${directory}" holds no segment, want at least one`,
    DAMAGED_DIRECTORY_FIX,
  );
}
