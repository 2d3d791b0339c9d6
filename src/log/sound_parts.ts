/**
 * What of a damaged data directory is provably good, taken over into a new one: the newest snapshot
 * of which every byte is verified, and the entries behind it up to the first damage.
 *
 * # Why that is safe
 *
 * The new directory is another instance: it has no vote, and counts for nothing before the others
 * have bound the id to it. What it takes over must be true, then, and nothing more:
 *
 * - A snapshot holds what was committed, and names its cluster. One of another cluster is left, so
 *   what a cluster had before it was given up (`recover apply`) never comes back in the next one.
 * - The units of a log are checksummed and chained, so what is before the first damage is the
 *   beginning of a log that this node once had. An entry's index and term say what is before it in
 *   any log of the cluster (Log Matching), at any time: entries that the cluster has replaced since
 *   differ in their term, and the leader finds and removes them as it does with any follower. Those
 *   behind the damage are left: nothing proves what was between.
 * - Nothing in a log's files names its cluster, and those of another one may lie there by mistake.
 *   So the last configuration in what would be kept, or without one that of the snapshot, must name
 *   this directory's instance for the node (log_owner.ts); else nothing of the log is kept.
 * - The log must go on from the snapshot: it holds the snapshot's last entry, in the same term, or
 *   was begun behind it. Without a snapshot it must begin with the first entry of all.
 * - What was acknowledged and is damaged is missing: that is what the loss of the vote is for.
 * - The term never falls, and a vote that can still be read is kept with it.
 *
 * Where the state of the node was found to differ from that of the others nothing is proven, and
 * nothing is taken over.
 *
 * Everything is copied: what is put aside stays a whole data directory, and a crash in between
 * leaves what to begin anew from.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { BadDataError } from "../errors.ts";
import { UNIT_BYTES_MAX } from "../limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Index, Term } from "../types.ts";
import type { Identity } from "../wire/storage_codec.ts";
import { readBackup, verifyBackup } from "./backup_file.ts";
import { readHardState } from "./hard_state_file.ts";
import type { HardState } from "./log.ts";
import { findSnapshots, openIfThere } from "./offline/directory_contents.ts";
import { type LogEvent, walkLog } from "./offline/log_walk.ts";
import { LogView } from "./offline/log_view.ts";
import { LogOwner } from "./log_owner.ts";
import { openLogFiles } from "./open_log_files.ts";
import { recordEnd, recordHeader } from "./record.ts";
import { SegmentedLog } from "./segmented_log.ts";
import type { SnapshotMeta } from "./snapshot_format.ts";
import { snapshotName } from "./snapshot_names.ts";
import { copySnapshotFile } from "./snapshot_writer.ts";
import { syncLog } from "./sync_log.ts";
import { UNIT_HEADER_BYTES } from "./unit.ts";
import type { GoodUnit } from "./unit_cursor.ts";

/** Where something is damaged. */
export interface DamagedPlace {
  /** The name of the segment, or the path of the file in the data directory. */
  readonly file: string;
  readonly offset: number;
}

/** What was taken over. */
export interface SoundParts {
  /** The last entry that the snapshot covers; 0 where there is none. */
  readonly snapshotIndex: Index;
  /** The last entry of all, in the snapshot or in the log; 0 where there is none. */
  readonly lastIndex: Index;
  /** What ends the log before its end, or null where nothing does. */
  readonly damage: DamagedPlace | null;
  /** Why more was not taken over, where something else than damage is the reason; else empty. */
  readonly reason: string;
}

/** From where to where. */
export interface TakeOverOptions {
  /** The directory that is replaced, whose files nobody changes. */
  readonly from: string;
  /** The new one: its `log`, `spare` and `snapshots` are empty. */
  readonly path: string;
  readonly segmentBytes: number;
  /** Told after each unit. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** The last entry that is kept in the log, or before it. */
interface Position {
  readonly index: Index;
  readonly term: Term;
}

/** About how many bytes are copied, at most. */
export async function soundBytesMax(runtime: Runtime, path: string): Promise<number> {
  const { files } = runtime;
  let bytes = 0;
  for (const directory of ["log", "snapshots"]) {
    for (const name of await files.readDirectory(`${path}/${directory}`)) {
      bytes += await files.size(`${path}/${directory}/${name}`) ?? 0;
    }
  }
  return bytes;
}

/**
 * Makes snapshot and log of the new directory of what is good in the old one, which had this
 * identity; they are durable when this resolves.
 *
 * @returns What was taken over, and the term of its last entry.
 */
export async function takeOverSoundParts(
  runtime: Runtime,
  identity: Identity,
  options: TakeOverOptions,
): Promise<{ readonly parts: SoundParts; readonly term: Term }> {
  const meta = await newestSnapshot(runtime, identity, options.from);
  if (meta !== null) await copySnapshot(runtime, meta, options);
  const start: Position = {
    index: meta?.lastIncludedIndex ?? 0,
    term: meta?.lastIncludedTerm ?? 0,
  };
  await makeEmptyLog(runtime, options, start.index + 1);
  const owner = new LogOwner(identity, meta);
  const { last, damage, reason } = await copyLog(runtime, { start, owner }, options);
  assert(last.index >= start.index, () => `the log ends at ${last.index}, before ${start.index}`);
  const parts = { snapshotIndex: start.index, lastIndex: last.index, damage, reason };
  return { parts, term: last.term };
}

/** The hard state of the directory that is replaced, or null where no copy is good. */
export async function soundHardState(runtime: Runtime, path: string): Promise<HardState | null> {
  const file = await openIfThere(runtime, `${path}/hard_state`);
  if (file === null) return null;
  try {
    return (await readHardState(file)).newest?.state ?? null;
  } finally {
    await file.close();
  }
}

/** The newest snapshot of this cluster of which every byte is good, or null. */
async function newestSnapshot(
  runtime: Runtime,
  { clusterId }: Identity,
  path: string,
): Promise<SnapshotMeta | null> {
  const found = await findSnapshots(runtime, path);
  for (const { snapshot, fileName } of found.toReversed()) {
    if (snapshot === null || snapshot.meta.clusterId !== clusterId) continue;
    try {
      return (await verifyBackup(runtime, `${path}/snapshots/${fileName}`)).meta;
    } catch (error) {
      if (!(error instanceof BadDataError)) throw error;
    }
  }
  return null;
}

async function copySnapshot(
  runtime: Runtime,
  meta: SnapshotMeta,
  { from, path }: TakeOverOptions,
): Promise<void> {
  const { files } = runtime;
  const name = snapshotName({ ...meta, state: "snapshot" });
  const writing = `${path}/snapshots/${snapshotName({ ...meta, state: "writing" })}`;
  const file = await files.open(writing, "create");
  try {
    await copySnapshotFile(file, {
      meta,
      chunks: readBackup(runtime, `${from}/snapshots/${name}`),
    });
  } finally {
    await file.close();
  }
  await files.rename(writing, `${path}/snapshots/${name}`);
  await files.syncDirectory(`${path}/snapshots`);
}

/** Makes an empty log, whose first entry will be `firstIndex`. */
export async function makeEmptyLog(
  runtime: Runtime,
  { path, segmentBytes }: Pick<TakeOverOptions, "path" | "segmentBytes">,
  firstIndex: Index,
): Promise<void> {
  const log = await openLogFiles(runtime, { path, segmentBytes, create: true, firstIndex });
  assert(log.segments.length === 1, () => `the new log has ${log.segments.length} segments`);
  for (const segment of log.segments) await segment.retire();
  await log.store.close();
}

/** Copies the good entries behind `start` into the new log. */
async function copyLog(
  runtime: Runtime,
  { start, owner }: { readonly start: Position; readonly owner: LogOwner },
  { from, path, segmentBytes, onProgress = () => {} }: TakeOverOptions,
): Promise<Pick<SoundParts, "damage" | "reason"> & { readonly last: Position }> {
  const view = await LogView.open(runtime, from);
  const totalBytes = view.segments.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
  const log = await SegmentedLog.open(runtime, { path, segmentBytes, create: false });
  const isJoined = startsBehind(view, start.index);
  const copy = new LogCopy(log, { start, owner, isJoined });
  let doneBytes = 0;
  try {
    const fromIndex = Math.min(start.index, owner.fromIndex);
    for await (const event of walkLog(view, fromIndex, true)) {
      if (event.type === "unit") {
        onProgress(doneBytes += event.unit.bytes.length, totalBytes);
      }
      if (!await copy.take(event)) break;
    }
    const last = await copy.end();
    const { damage, reason } = copy;
    return { last, damage, reason };
  } finally {
    await log.close();
    await view.close();
  }
}

/** Whether the log was begun right behind an entry, so that it need not hold it. */
function startsBehind({ segments, bad }: LogView, index: Index): boolean {
  const first = segments[0];
  return first?.firstIndex === index + 1 && bad.every(({ firstIndex }) => firstIndex > index);
}

/** A log that takes over another one. */
class LogCopy {
  /** What ended it. */
  damage: DamagedPlace | null = null;
  reason = "";
  readonly #log: SegmentedLog;
  readonly #start: Position;
  readonly #owner: LogOwner;
  /** Whether what comes next is proven to go on from the start. */
  #isJoined: boolean;
  /** The first damage before it was: it is the reason where that never comes. */
  #damageBefore: DamagedPlace | null = null;
  #unsyncedBytes = 0;

  constructor(
    log: SegmentedLog,
    { start, owner, isJoined }: {
      readonly start: Position;
      readonly owner: LogOwner;
      readonly isJoined: boolean;
    },
  ) {
    this.#log = log;
    this.#start = start;
    this.#owner = owner;
    this.#isJoined = isJoined;
  }

  /** Takes what the walk through the old log meets; false where the copy ends. */
  async take(event: LogEvent): Promise<boolean> {
    if (event.type === "problem") {
      const { segment: file, offset } = event.problem;
      if (!this.#isJoined) this.#damageBefore ??= { file, offset };
      else this.damage = { file, offset };
      return this.damage === null;
    }
    if (event.type === "compacted") return false;
    if (event.type === "end") {
      if (event.tail.state === "damaged" || event.tail.state === "missing") {
        this.damage ??= { file: event.tail.segment, offset: event.tail.offset };
      }
      return false;
    }
    return event.type !== "unit" || await this.#takeUnit(event.unit);
  }

  /** Makes everything durable, and says where it ends. */
  async end(): Promise<Position> {
    const { lastIndex } = this.#log;
    if (!this.#isJoined) {
      this.damage ??= this.#damageBefore;
      if (this.reason === "" && this.damage === null) {
        const { index } = this.#start;
        this.reason = index === 0
          ? "its log does not begin with the first entry"
          : `its log does not go on from the snapshot of index ${index}`;
      }
    }
    if (lastIndex === this.#start.index) return this.#start;
    const objection = this.#owner.objection();
    if (objection !== null) {
      this.reason = objection;
      await this.#log.truncateSuffix(this.#start.index);
      return this.#start;
    }
    await syncLog(this.#log);
    const { bytes } = await this.#log.read({ firstIndex: lastIndex, lastIndex, bytesMax: 1 });
    return { index: lastIndex, term: recordHeader(bytes, 0).term };
  }

  async #takeUnit({ header, bytes }: GoodUnit): Promise<boolean> {
    const end = UNIT_HEADER_BYTES + header.recordBytes;
    const lastIndex = header.firstIndex + header.recordCount - 1;
    let from = UNIT_HEADER_BYTES;
    if (header.firstIndex <= this.#start.index) {
      from = this.#skip(bytes, end);
      if (this.reason !== "") return false;
      if (lastIndex <= this.#start.index) return true;
    }
    if (!this.#isJoined) return false;
    const firstIndex = this.#log.lastIndex + 1;
    assert(lastIndex >= firstIndex, () => `unit up to ${lastIndex} behind ${firstIndex - 1}`);
    // The walk uses its memory again for the next unit.
    const records = bytes.slice(from, end);
    assert(
      recordHeader(records, 0).index === firstIndex,
      () => `index ${recordHeader(records, 0).index} comes where ${firstIndex} is next`,
    );
    for (let offset = 0; offset < records.length; offset = recordEnd(records, offset)) {
      this.#owner.take(records, offset, recordHeader(records, offset));
    }
    this.#log.append({ firstIndex, lastIndex, bytes: records });
    this.#unsyncedBytes += records.length;
    if (this.#unsyncedBytes < UNIT_BYTES_MAX) return true;
    this.#unsyncedBytes = 0;
    await syncLog(this.#log);
    return true;
  }

  /** Passes over what the snapshot covers; returns where the records behind it start. */
  #skip(bytes: Uint8Array, end: number): number {
    const { index, term } = this.#start;
    let offset = UNIT_HEADER_BYTES;
    for (; offset < end; offset = recordEnd(bytes, offset)) {
      const record = recordHeader(bytes, offset);
      if (record.index > index) return offset;
      this.#owner.take(bytes, offset, record);
      if (record.index < index) continue;
      if (record.term === term) this.#isJoined = true;
      else this.reason = `its log holds index ${index} in term ${record.term}, not ${term}`;
    }
    return end;
  }
}
