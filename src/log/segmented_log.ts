/**
 * The log as files that are only ever appended to.
 *
 * # Files
 *
 * ```
 * DATA/log/00000000000000000001.segment    closed: sealed, never changed again
 * DATA/log/00000000000000081244.segment    open: takes the next unit
 * DATA/spare/3.spare                       zeros, to become the next segment
 * ```
 *
 * A segment (segment_header.ts) is a header and a row of units (unit.ts), each of which is what one
 * sync made durable: a header, records (record.ts) and a trailer. Behind the last unit there are
 * zeros up to the size that the file got when it was made. A unit never spans segments.
 *
 * Every unit has a sequence number that no other unit or segment header of this log ever had, and
 * the checksum of the one before it; so has every segment header. A unit counts only as part of
 * this chain. What a crash may leave behind the chain, and how that is told from damage, is written
 * in tail_verdict.ts for units and in log_recovery.ts for segments.
 *
 * # Operations, and what a crash in the middle leaves
 *
 * - **append, sync**: one unit is under way at a time. It is written in one go and synced; whatever
 *   is appended meanwhile is the next one. Crash: the unit is there, or torn, or not there; nobody
 *   was told that it is durable.
 * - **roll**, when the next record does not fit: a spare gets its header and is synced; it is
 *   renamed into the directory, which is synced; the old segment is sealed and synced; then the
 *   first unit may be written. Crash: before the rename there is one more spare, after it an empty
 *   last segment, with or without a seal before it. Without units it holds nothing that counts.
 * - **truncateSuffix**: the segment in which the cut lies is copied up to there into a spare, which
 *   replaces it by a rename and a sync of the directory; then the segments behind it are removed.
 *   Crash: before the rename nothing happened; after it the old units are gone for good, and the
 *   new header's sequence number, larger than those behind it, makes these obsolete. (Zeroing in
 *   place would need a rewritten header for a unit that is cut in its middle; a copy is one step.)
 * - **truncatePrefix** removes whole segments from the first on, each durably before the next, so
 *   that no gap can appear. Past the end it makes a segment that "starts the log", which makes all
 *   others obsolete in one step, and removes them.
 *
 * # Without room
 *
 * Room is needed for a new segment only: what is written lies in a file that is filled already. So
 * each step that needs some (a roll, a truncation's copy, a start elsewhere) begins with a whole
 * new file among the spares. Where there is no room for it, that file is removed, nothing has
 * happened to the log, and the step waits (room_watch.ts), with every sync and operation behind it,
 * but for `truncatePrefix`, which makes room. The spare is made early: that it cannot be made is
 * known, and told by `shortage`, while the last segment still has room.
 *
 * A write or sync that fails elsewhere, for whatever reason, is of unknown effect.
 *
 * # In memory
 *
 * Records that are not written yet, and points into the files: one for every 64 KiB, and where the
 * last reads ended. A read looks into both. After a failed write or sync nothing is known of the
 * files, and the log only closes.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { BadDataError, StorageError } from "../errors.ts";
import {
  SEGMENT_BYTES_DEFAULT,
  SEGMENT_BYTES_MAX,
  SEGMENT_BYTES_MIN,
  UNIT_BYTES_MAX,
} from "../limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Index } from "../types.ts";
import type { Log, LogRecovery, LogShortage, RecordBatch } from "./log.ts";
import { NoRoomError } from "./no_room_error.ts";
import { type Operation, OperationQueue } from "./log_operations.ts";
import { openLogFiles } from "./open_log_files.ts";
import { PendingRecords } from "./pending_records.ts";
import { readFromSegment, ReadWindow, RecordCollector } from "./record_reader.ts";
import { RoomWatch } from "./room_watch.ts";
import type { Segment } from "./segment.ts";
import type { SegmentStore } from "./segment_store.ts";
import { SyncWaiters } from "./sync_waiters.ts";
import { recordBytesFor } from "./unit.ts";

/** The options of {@linkcode SegmentedLog.open}. */
export interface SegmentedLogOptions {
  /** The data directory; the log lies in its `log` and `spare`. */
  readonly path: string;
  /** The size of new segment files, a multiple of 512. */
  readonly segmentBytes?: number;
  /** Whether to create the log where there is none, rather than to refuse. */
  readonly create: boolean;
}

/** A log in segment files; see the contract in log.ts. */
export class SegmentedLog implements Log {
  readonly recovery: LogRecovery;
  readonly #runtime: Runtime;
  readonly #store: SegmentStore;
  /** Ascending; the last one takes the next unit. */
  readonly #segments: Segment[];
  readonly #pending = new PendingRecords();
  readonly #waiters = new SyncWaiters();
  readonly #operations = new OperationQueue();
  readonly #window = new ReadWindow();
  /** Where the log starts as soon as an operation that is under way is done; else null. */
  #startsAt: Index | null = null;
  #lastIndex: Index;
  /** The last index that is in a file, durable or not. */
  #writtenIndex: Index;
  /** The last index that is durable. Invariant: durable ≤ written ≤ last. */
  #durableIndex: Index;
  /** Whether somebody is being answered, who may ask for more before the next one is. */
  #isAnswering = false;
  /** Whether a unit or an operation is under way: nothing else touches the files meanwhile. */
  #isBusy = false;
  readonly #room: RoomWatch;
  /** What is to be done next lacks room. */
  #isWaitingForRoom = false;
  #shortageChanged: (() => void) | null = null;
  #failure: StorageError | null = null;
  #isClosed = false;
  /** Called when nothing is under way any more. */
  #onIdle: (() => void) | null = null;

  private constructor(
    runtime: Runtime,
    files: {
      store: SegmentStore;
      segments: readonly Segment[];
      recovery: LogRecovery;
      path: string;
    },
  ) {
    this.#runtime = runtime;
    this.#store = files.store;
    this.#store.onPrepared = (error) => this.#prepared(error);
    this.#room = new RoomWatch(runtime, {
      directory: files.path,
      retry: () => this.#prepareSpare(),
      changed: () => this.#shortageChanged?.(),
    });
    this.#segments = [...files.segments];
    this.recovery = files.recovery;
    this.#lastIndex = this.#active.lastIndex;
    this.#writtenIndex = this.#lastIndex;
    this.#durableIndex = this.#lastIndex;
    assert(
      this.firstIndex <= this.#lastIndex + 1,
      () => `${this.firstIndex} to ${this.#lastIndex}`,
    );
  }

  /**
   * Opens the log, or creates it.
   *
   * @throws {BadDataError} If what is there cannot be trusted, or nothing is and it should.
   * @throws {StorageError} If the files cannot be read or written.
   */
  static async open(runtime: Runtime, options: SegmentedLogOptions): Promise<SegmentedLog> {
    const { path, segmentBytes = SEGMENT_BYTES_DEFAULT, create } = options;
    assert(segmentBytes >= SEGMENT_BYTES_MIN, () => `the segment size is ${segmentBytes}`);
    assert(segmentBytes <= SEGMENT_BYTES_MAX, () => `the segment size is ${segmentBytes}`);
    assert(segmentBytes % 512 === 0, () => `the segment size is ${segmentBytes}`);
    try {
      const files = await openLogFiles(runtime, { path, segmentBytes, create });
      const log = new SegmentedLog(runtime, { ...files, path });
      log.#store.prepareSpare();
      return log;
    } catch (error) {
      if (error instanceof BadDataError) throw error;
      throw storageError(`Cannot open the log in "${path}"`, error);
    }
  }

  /** The index of the first entry held. */
  get firstIndex(): Index {
    return this.#startsAt ?? this.#segments[0]!.firstIndex;
  }

  /** The index of the last entry appended. */
  get lastIndex(): Index {
    return this.#lastIndex;
  }

  /** What it takes on disk. */
  get usage(): { readonly segments: number; readonly bytes: number } {
    const bytes = this.#segments.reduce((sum, { header }) => sum + header.segmentBytes, 0);
    return { segments: this.#segments.length, bytes };
  }

  /** Why the next segment cannot be prepared, or null. */
  get shortage(): LogShortage | null {
    return this.#room.shortage;
  }

  /** From now on what lacks room waits. */
  watchShortage(changed: () => void): void {
    assert(this.#shortageChanged === null, "the room is watched already");
    this.#shortageChanged = changed;
  }

  /** Takes records without waiting. */
  append(batch: RecordBatch): void {
    this.#checkUsable();
    const wanted = this.#lastIndex + 1;
    assert(
      batch.firstIndex === wanted,
      () => `the batch starts at ${batch.firstIndex}, want ${wanted}`,
    );
    assert(batch.lastIndex >= batch.firstIndex, () => `the batch ends at ${batch.lastIndex}`);
    this.#pending.push(batch);
    this.#lastIndex = batch.lastIndex;
    // A caller that never syncs must not fill the memory.
    if (this.#pending.bytes >= UNIT_BYTES_MAX) this.#pump();
  }

  /** Calls `done` when everything appended so far is durable. */
  sync(done: (error: Error | null) => void): void {
    assert(!this.#isClosed, "the log is closed");
    const failure = this.#failure;
    if (failure !== null) {
      this.#runtime.clock.defer(() => done(failure));
      return;
    }
    const target = this.#lastIndex;
    this.#waiters.add({ target, operationsBefore: this.#operations.asked, done });
    if (this.#isBusy) return;
    if (this.#durableIndex < target) this.#pump();
    else this.#runtime.clock.defer(() => this.#pump());
  }

  /** Removes the entries after `lastIndexKept`. */
  truncateSuffix(lastIndexKept: Index): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    assert(!this.#isClosed, "the log is closed");
    assert(
      lastIndexKept >= this.firstIndex - 1,
      () => `cut at ${lastIndexKept} of ${this.firstIndex}`,
    );
    if (lastIndexKept >= this.#lastIndex) return Promise.resolve();
    // What waits to be written is gone at once, and the files hold nothing to be cut: before its
    // turn comes they may hold what took the place.
    const isInFiles = lastIndexKept < this.#writtenIndex;
    this.#pending.truncateSuffix(lastIndexKept);
    this.#waiters.clip(lastIndexKept);
    this.#lastIndex = lastIndexKept;
    this.#writtenIndex = Math.min(this.#writtenIndex, lastIndexKept);
    this.#durableIndex = Math.min(this.#durableIndex, lastIndexKept);
    const run = () => isInFiles ? this.#cutSuffix(lastIndexKept) : Promise.resolve();
    return this.#enqueue(run, { makesRoom: false });
  }

  /** Removes segments that hold only entries before `firstIndexKept`. */
  truncatePrefix(firstIndexKept: Index): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    assert(!this.#isClosed, "the log is closed");
    assert(firstIndexKept >= 1, () => `the first index to keep is ${firstIndexKept}`);
    if (firstIndexKept <= this.#lastIndex + 1) {
      return this.#enqueue(() => this.#cutPrefix(firstIndexKept), { makesRoom: true });
    }
    const lastIndex = firstIndexKept - 1;
    this.#pending.truncateSuffix(0);
    this.#startsAt = firstIndexKept;
    this.#lastIndex = lastIndex;
    this.#writtenIndex = lastIndex;
    this.#durableIndex = lastIndex;
    return this.#enqueue(() => this.#restart(firstIndexKept), { makesRoom: false });
  }

  /** Reads records of a range. */
  async read(
    range: { readonly firstIndex: Index; readonly lastIndex: Index; readonly bytesMax: number },
  ): Promise<RecordBatch> {
    this.#checkUsable();
    const { firstIndex, lastIndex } = range;
    assert(firstIndex >= this.firstIndex, () => `${firstIndex} is before ${this.firstIndex}`);
    assert(lastIndex <= this.#lastIndex, () => `${lastIndex} is after ${this.#lastIndex}`);
    const collector = new RecordCollector(range, this.#window);
    // Everything that may change while files are read is looked at now.
    const written = Math.min(lastIndex, this.#writtenIndex);
    const pending = written < lastIndex
      ? this.#pending.slices(Math.max(firstIndex, written + 1), lastIndex)
      : [];
    const segments = this.#segments
      .filter((segment) => segment.firstIndex <= written && segment.lastIndex >= firstIndex)
      .map((segment) => ({ segment, lastIndex: Math.min(written, segment.lastIndex) }));
    for (const { segment } of segments) segment.retain();
    try {
      for (const { segment, lastIndex } of segments) {
        if (!collector.isDone) await readFromSegment(segment, { collector, lastIndex });
      }
    } catch (error) {
      throw storageError("Cannot read the log", error);
    } finally {
      for (const { segment } of segments) segment.release();
    }
    for (const { bytes } of pending) collector.add(bytes);
    return collector.take();
  }

  /** Waits for what is under way and closes all files. */
  async close(): Promise<void> {
    assert(!this.#isClosed, "the log is closed already");
    this.#isClosed = true;
    if (this.#isBusy) await new Promise<void>((resolve) => this.#onIdle = resolve);
    assert(!this.#isBusy, "something is under way");
    this.#room.close();
    const closed = this.#failure ?? new StorageError("Cannot go on as the log is closed");
    this.#operations.fail(closed);
    this.#waiters.fail(closed);
    await this.#store.close();
    for (const segment of this.#segments) await segment.retire();
  }

  /** The segment that takes the next unit. */
  get #active(): Segment {
    return this.#segments.at(-1)!;
  }

  #checkUsable(): void {
    if (this.#failure !== null) throw this.#failure;
    assert(!this.#isClosed, "the log is closed");
  }

  /** Starts what is to be done next, if nothing is under way, and answers who is served. */
  #pump(): void {
    if (this.#isBusy || this.#isAnswering || this.#failure !== null) return;
    this.#isAnswering = true;
    this.#waiters.complete(this.#durableIndex, this.#operations.done);
    this.#isAnswering = false;
    assert(!this.#isBusy, "something was begun while callers were answered");
    if (this.#isClosed) return;
    const hasRoom = !this.#isWaitingForRoom;
    const next = this.#operations.take({ answered: this.#waiters.completed, hasRoom });
    if (next !== null) {
      this.#run(next);
    } else if (hasRoom && (!this.#waiters.isEmpty || this.#pending.bytes >= UNIT_BYTES_MAX)) {
      if (this.#pending.bytes > 0) this.#writeUnit();
    } else if (hasRoom && this.#store.isPrepared) this.#room.found();
  }

  #enqueue(run: () => Promise<void>, { makesRoom }: Pick<Operation, "makesRoom">): Promise<void> {
    return new Promise((resolve, reject) => {
      const waitersBefore = makesRoom ? 0 : this.#waiters.asked;
      this.#operations.add({ waitersBefore, makesRoom, run, resolve, reject });
      this.#pump();
    });
  }

  #run(operation: Operation): void {
    const { run, resolve, reject } = operation;
    assert(!this.#isBusy, "something is under way");
    this.#isBusy = true;
    run().then(() => {
      this.#operations.completed(operation);
      resolve();
      this.#settle(null);
    }, (error) => {
      if (this.#mayWait(error)) this.#operations.putBack(operation);
      this.#settle(error);
      if (this.#failure !== null) reject(this.#failure);
    });
  }

  /** Whether a failure is no more than a want of room that somebody knows how to bear. */
  #mayWait(error: unknown): error is NoRoomError {
    return error instanceof NoRoomError && this.#shortageChanged !== null;
  }

  /** The next segment lacks room, or does not: what waits for it goes on. */
  #prepared(error: NoRoomError | null): void {
    if (error !== null) return this.#room.lacks(error);
    if (!this.#isWaitingForRoom) return this.#room.found();
    this.#isWaitingForRoom = false;
    this.#pump();
  }

  /** Prepares the next segment, unless it is. */
  #prepareSpare(): void {
    if (this.#isClosed || this.#failure !== null) return;
    if (this.#store.isPrepared) this.#prepared(null);
    else this.#store.prepareSpare();
  }

  /** Writes the next unit, or rolls where nothing more fits. */
  #writeUnit(): void {
    assert(!this.#isBusy, "something is under way");
    assert(
      this.#durableIndex === this.#writtenIndex,
      () => `${this.#durableIndex} is durable only`,
    );
    const segment = this.#active;
    const fits = recordBytesFor(segment.bytesLeft);
    const bytesMax = Math.max(UNIT_BYTES_MAX, this.#pending.firstRecordBytes);
    const batches = this.#pending.take(Math.max(0, Math.min(fits, bytesMax)));
    this.#isBusy = true;
    if (batches.length === 0) {
      this.#roll().then(() => this.#settle(null), (error) => this.#settle(error));
      return;
    }
    try {
      this.#store.writeUnit(segment, batches);
      this.#writtenIndex = segment.lastIndex;
      segment.file.sync((error) => {
        // A truncation may have lowered it meanwhile.
        if (error === null) this.#durableIndex = this.#writtenIndex;
        this.#settle(error);
      });
    } catch (error) {
      this.#settle(error);
    }
  }

  /** Ends what was under way. */
  #settle(error: unknown): void {
    assert(this.#isBusy, "nothing was under way");
    this.#isBusy = false;
    if (this.#mayWait(error)) {
      this.#isWaitingForRoom = true;
      this.#room.lacks(error);
    } else if (error !== null) this.#fail(error);
    this.#pump();
    if (!this.#isBusy && this.#onIdle !== null) this.#onIdle();
  }

  /** Nothing is known of the files any more: answers everybody, and refuses everything. */
  #fail(error: unknown): void {
    assert(this.#failure === null, "the log failed before");
    const failure = storageError("Cannot write the log", error);
    this.#failure = failure;
    this.#operations.fail(failure);
    // A sync that fails at once is not answered before it returns.
    this.#runtime.clock.defer(() => this.#waiters.fail(failure));
  }

  /** Makes the next segment and seals the one before it. */
  async #roll(): Promise<void> {
    const old = this.#active;
    const recordBytes = this.#pending.firstRecordBytes;
    const firstIndex = old.lastIndex + 1;
    const isEmpty = old.lastIndex < old.firstIndex;
    assert(recordBytes > 0, "nothing is to be written");
    assert(recordBytesFor(old.bytesLeft) < recordBytes, () => `${recordBytes} bytes fit still`);
    // An empty segment, too small for this one record, is replaced under its own name.
    const previousChecksum = isEmpty ? old.header.previousChecksum : old.lastChecksum;
    const startsLog = isEmpty && old.header.startsLog;
    const segment = await this.#store.create({
      ...{ firstIndex, previousChecksum, startsLog, recordBytes },
    });
    if (isEmpty) this.#segments.pop();
    else await this.#store.seal(old);
    this.#segments.push(segment);
    if (isEmpty) await old.retire();
    this.#prepareSpare();
  }

  async #cutSuffix(lastIndexKept: Index): Promise<void> {
    const at = this.#segments.findIndex(({ lastIndex }) => lastIndex > lastIndexKept);
    if (at < 0) return;
    const old = this.#segments[at]!;
    // A log that is to start elsewhere counts what comes before its start as written.
    assert(
      this.#writtenIndex <= lastIndexKept || this.#startsAt !== null,
      () => `a cut at ${lastIndexKept} would take what was written up to ${this.#writtenIndex}`,
    );
    assert(old.firstIndex <= lastIndexKept + 1, () => `"${old.name}" is behind ${lastIndexKept}`);
    const kept = await this.#store.rewrite(old, lastIndexKept);
    const [, ...behind] = this.#segments.splice(at, this.#segments.length - at, kept);
    assert(this.#active === kept, () => `"${this.#active.name}" is the last segment`);
    await this.#store.remove(behind.map(({ name }) => name));
    for (const segment of [old, ...behind]) await segment.retire();
    this.#prepareSpare();
  }

  async #cutPrefix(firstIndexKept: Index): Promise<void> {
    while (this.#segments.length > 1) {
      const first = this.#segments[0]!;
      if (this.#segments[1]!.firstIndex > firstIndexKept) return;
      assert(first.lastIndex < firstIndexKept, () => `"${first.name}" holds ${firstIndexKept}`);
      this.#segments.shift();
      await this.#store.remove([first.name]);
      await first.retire();
    }
    assert(this.#segments.length > 0, "no segment is left");
  }

  async #restart(firstIndex: Index): Promise<void> {
    assert(this.#active.lastIndex < firstIndex, () => `${firstIndex} is held`);
    const options = { firstIndex, previousChecksum: 0, startsLog: true, recordBytes: 0 };
    const segment = await this.#store.create(options);
    const old = this.#segments.splice(0, this.#segments.length, segment);
    if (this.#startsAt === firstIndex) this.#startsAt = null;
    await this.#store.remove(old.map(({ name }) => name));
    for (const before of old) await before.retire();
    this.#prepareSpare();
  }
}

/** A StorageError around `error`, or `error` where it is one. */
function storageError(what: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new StorageError(`${what}: ${reason}`, { cause: error });
}
