/**
 * The log in memory, for tests and for nodes that keep nothing.
 *
 * Durability is simulated: a sync completes at the end of the turn, or when `completeSyncs` is
 * called. `crash` gives the log that a restart would find: what was durable, and nothing else.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { StorageError } from "../errors.ts";
import type { Clock } from "../runtime/runtime.ts";
import { EntryKind } from "../types.ts";
import type { Index, TermRun } from "../types.ts";
import type { Log, LogRecovery, RecordBatch } from "./log.ts";
import { recordEnd, recordHeader, recordPayload } from "./record.ts";
import { SyncWaiters } from "./sync_waiters.ts";

/** The options of {@linkcode MemoryLog}. */
export interface MemoryLogOptions {
  /** What says when a turn ends. */
  readonly clock: Clock;
  /** Whether syncs wait for `completeSyncs`. */
  readonly holdsSyncs?: boolean;
}

/** Somebody who waits for a removal to be durable. */
interface Removal {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Entries that survive a crash. */
interface DurableEntries {
  firstIndex: Index;
  readonly records: Uint8Array[];
}

/** A log in memory; see the contract in log.ts. */
export class MemoryLog implements Log {
  readonly recovery: LogRecovery;
  readonly #options: MemoryLogOptions;
  readonly #waiters = new SyncWaiters();
  #firstIndex: Index;
  /** One element an entry, from the first index on. */
  readonly #records: Uint8Array[];
  /** What a crash leaves; up to `unsyncedFrom` it equals the records above. */
  readonly #durable: DurableEntries;
  #unsyncedFrom: Index;
  /** Removals wait for the syncs that were asked for before them. */
  readonly #removals: Removal[] = [];
  #removalsAsked = 0;
  #removalsDone = 0;
  #isSyncing = false;
  #failure: StorageError | null = null;
  #nextFailure: StorageError | null = null;
  #isClosed = false;

  /** Creates an empty log. */
  constructor(options: MemoryLogOptions, durable?: DurableEntries) {
    this.#options = options;
    this.#durable = durable ?? { firstIndex: 1, records: [] };
    this.#firstIndex = this.#durable.firstIndex;
    this.#records = [...this.#durable.records];
    this.#unsyncedFrom = this.lastIndex + 1;
    this.recovery = recover(this.#durable);
    assert(this.#firstIndex >= 1, () => `the first index is ${this.#firstIndex}`);
  }

  /** The index of the first entry held. */
  get firstIndex(): Index {
    return this.#firstIndex;
  }

  /** The index of the last entry appended. */
  get lastIndex(): Index {
    return this.#firstIndex + this.#records.length - 1;
  }

  /** Takes records without waiting. */
  append(batch: RecordBatch): void {
    this.#checkUsable();
    const wanted = this.lastIndex + 1;
    assert(
      batch.firstIndex === wanted,
      () => `the batch starts at ${batch.firstIndex}, want ${wanted}`,
    );
    for (let offset = 0; offset < batch.bytes.length;) {
      const end = recordEnd(batch.bytes, offset);
      this.#records.push(batch.bytes.subarray(offset, end));
      offset = end;
    }
    assert(batch.lastIndex === this.lastIndex, () => `${batch.lastIndex} is not ${this.lastIndex}`);
  }

  /** Calls `done` when everything appended so far is durable. */
  sync(done: (error: Error | null) => void): void {
    assert(!this.#isClosed, "the log is closed");
    const failure = this.#failure;
    if (failure !== null) {
      this.#options.clock.defer(() => done(failure));
      return;
    }
    this.#waiters.add({ target: this.lastIndex, operationsBefore: this.#removalsAsked, done });
    this.#schedule();
  }

  /** Removes the entries after `lastIndexKept`. */
  truncateSuffix(lastIndexKept: Index): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    assert(lastIndexKept >= this.#firstIndex - 1, () => `${lastIndexKept} of ${this.#firstIndex}`);
    if (lastIndexKept >= this.lastIndex) return Promise.resolve();
    this.#records.length = lastIndexKept - this.#firstIndex + 1;
    this.#unsyncedFrom = Math.min(this.#unsyncedFrom, lastIndexKept + 1);
    this.#waiters.clip(lastIndexKept);
    return this.#remove();
  }

  /** Removes the entries before `firstIndexKept`. */
  truncatePrefix(firstIndexKept: Index): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    assert(!this.#isClosed, "the log is closed");
    if (firstIndexKept <= this.#firstIndex) return Promise.resolve();
    this.#records.splice(0, firstIndexKept - this.#firstIndex);
    this.#firstIndex = firstIndexKept;
    assert(this.lastIndex >= firstIndexKept - 1, () => `the last index is ${this.lastIndex}`);
    return this.#remove();
  }

  /** Reads records of a range. */
  async read(
    range: { readonly firstIndex: Index; readonly lastIndex: Index; readonly bytesMax: number },
  ): Promise<RecordBatch> {
    this.#checkUsable();
    const { firstIndex, bytesMax } = range;
    assert(firstIndex >= this.#firstIndex, () => `${firstIndex} is before ${this.#firstIndex}`);
    assert(
      range.lastIndex <= this.lastIndex,
      () => `${range.lastIndex} is after ${this.lastIndex}`,
    );
    assert(firstIndex <= range.lastIndex, () => `${firstIndex} to ${range.lastIndex}`);
    const taken: Uint8Array[] = [];
    let bytes = 0;
    for (let index = firstIndex; index <= range.lastIndex; index += 1) {
      const record = this.#records[index - this.#firstIndex]!;
      if (taken.length > 0 && bytes + record.length > bytesMax) break;
      taken.push(record);
      bytes += record.length;
    }
    const joined = new Uint8Array(bytes);
    let offset = 0;
    for (const record of taken) {
      joined.set(record, offset);
      offset += record.length;
    }
    return { firstIndex, lastIndex: firstIndex + taken.length - 1, bytes: joined };
  }

  /** Answers everybody who waits. */
  async close(): Promise<void> {
    assert(!this.#isClosed, "the log is closed already");
    this.#isClosed = true;
    if (this.#isSyncing && this.#failure === null) this.completeSyncs();
    assert(this.#waiters.isEmpty || this.#failure !== null, "somebody waits still");
  }

  /** Completes the sync under way; of use where they are held. */
  completeSyncs(): void {
    if (!this.#isSyncing || this.#failure !== null) return;
    this.#isSyncing = false;
    if (this.#nextFailure !== null) return this.#fail(this.#nextFailure);
    this.#makeDurable();
    const lastIndex = this.lastIndex;
    // What callers ask for while they are answered is for the next sync.
    const { asked } = this.#waiters;
    const removals = this.#removalsAsked;
    while (this.#removalsDone < removals) {
      this.#waiters.complete(lastIndex, this.#removalsDone);
      this.#removalsDone += 1;
      this.#removals.shift()!.resolve();
    }
    if (this.#waiters.completed < asked) this.#waiters.complete(lastIndex, removals);
    assert(this.#removalsDone === removals, () => `${this.#removalsDone} removals are done`);
  }

  /** Makes the sync under way fail, or the next one, and with it the log. */
  failNextSync(error: StorageError): void {
    assert(this.#failure === null, "the log failed before");
    assert(this.#nextFailure === null, "the next sync fails already");
    this.#nextFailure = error;
  }

  /** The log as a restart after a crash at this moment would find it. */
  crash(): MemoryLog {
    assert(this.#durable.firstIndex >= 1, () => `the first index is ${this.#durable.firstIndex}`);
    this.#isClosed = true;
    const { firstIndex, records } = this.#durable;
    return new MemoryLog(this.#options, { firstIndex, records: [...records] });
  }

  #checkUsable(): void {
    if (this.#failure !== null) throw this.#failure;
    assert(!this.#isClosed, "the log is closed");
  }

  /** Brings what a crash leaves up to date, at the cost of what changed. */
  #makeDurable(): void {
    const { records } = this.#durable;
    const from = Math.max(this.#unsyncedFrom, this.#firstIndex);
    records.splice(0, this.#firstIndex - this.#durable.firstIndex);
    records.length = Math.min(records.length, from - this.#firstIndex);
    for (const record of this.#records.slice(from - this.#firstIndex)) records.push(record);
    this.#durable.firstIndex = this.#firstIndex;
    this.#unsyncedFrom = this.lastIndex + 1;
    assert(records.length === this.#records.length, () => `${records.length} records are durable`);
  }

  #fail(error: StorageError): void {
    assert(this.#failure === null, "the log failed before");
    this.#failure = error;
    for (const { reject } of this.#removals.splice(0)) reject(error);
    this.#waiters.fail(error);
    assert(this.#waiters.isEmpty, "somebody waits still");
  }

  #remove(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#removalsAsked += 1;
      this.#removals.push({ resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isSyncing) return;
    this.#isSyncing = true;
    if (this.#options.holdsSyncs !== true) this.#options.clock.defer(() => this.completeSyncs());
  }
}

/** What opening finds. */
function recover({ firstIndex, records }: DurableEntries): LogRecovery {
  const termRuns: TermRun[] = [];
  const configurations: { index: Index; payload: Uint8Array }[] = [];
  let lastTimestampMs = 0;
  for (const [at, record] of records.entries()) {
    const { index, term, kind, timestampMs } = recordHeader(record, 0);
    assert(
      index === firstIndex + at,
      () => `the record has index ${index}, want ${firstIndex + at}`,
    );
    assert(term >= (termRuns.at(-1)?.term ?? 1), () => `term ${term} at index ${index} falls`);
    if (term !== termRuns.at(-1)?.term) termRuns.push({ term, firstIndex: index });
    if (kind === EntryKind.configuration) {
      configurations.push({ index, payload: recordPayload(record, 0).slice() });
    }
    lastTimestampMs = timestampMs;
  }
  return { termRuns, lastTimestampMs, configurations, tornTailBytes: 0 };
}
