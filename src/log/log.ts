/**
 * The replicated log as storage: the one interface that an application replaces to bring its own.
 *
 * # Contract
 *
 * A log holds entries `firstIndex … lastIndex` without a gap. It stores records (record.ts): the
 * same bytes travel between nodes and lie on disk, so no method encodes or decodes an entry.
 *
 * Append and make-durable are two steps. `append` takes records at once and never waits; `sync`
 * reports when everything appended before the call is durable. One sync is under way at a time;
 * what is appended meanwhile is covered by the next one (group commit), however many asked for it.
 * Nothing that was covered by a completed sync is ever lost or changed, but by `truncateSuffix`
 * and `truncatePrefix`.
 *
 * The caller is one node's driver loop: calls never overlap but as said here. Methods throw or
 * reject with a StorageError when the storage failed; after that the log only closes: a failed
 * sync is never tried again, for the page cache may have dropped what it could not write.
 *
 * @module
 */
import type { EntryKind, Index, LogTimeMs, Term, TermRun } from "../types.ts";

/** Whole records, one after the other, of entries `firstIndex … lastIndex`. */
export interface RecordBatch {
  /** The index of the first record. */
  readonly firstIndex: Index;
  /** The index of the last record. */
  readonly lastIndex: Index;
  /** The bytes; each record starts at a multiple of 8 from the start. Never changed afterwards. */
  readonly bytes: Uint8Array;
}

/** What is known of an entry without its payload. */
export interface EntryHeader {
  readonly index: Index;
  readonly term: Term;
  readonly timestampMs: LogTimeMs;
  readonly kind: EntryKind;
}

/** What a log found when it was opened. */
export interface LogRecovery {
  /** Every stretch of one term, ascending; empty where the log is. */
  readonly termRuns: readonly TermRun[];
  /** The log time of the last entry, or 0. */
  readonly lastTimestampMs: LogTimeMs;
  /** The payloads of the configuration entries, ascending by index. */
  readonly configurations: readonly { readonly index: Index; readonly payload: Uint8Array }[];
  /** The bytes of a torn tail that were cut, 0 where there was none. */
  readonly tornTailBytes: number;
}

/** What a log lacks to prepare for more entries: room on its disk, as a rule. */
export interface LogShortage {
  /** What failed, with the file and the reason. */
  readonly reason: string;
  /** Whether room on the disk is lacking, and not, say, a file that may be opened. */
  readonly isDisk: boolean;
  /** The bytes that it needs. */
  readonly neededBytes: number;
  /** The bytes that were free of late; null where the file system does not say. */
  readonly freeBytes: number | null;
}

/** The storage of the replicated log. */
export interface Log {
  /** What was found at opening. */
  readonly recovery: LogRecovery;

  /**
   * The index of the first entry held. An empty log that was never cut says 1; one whose prefix
   * was cut says the index that the next entry gets.
   */
  readonly firstIndex: Index;

  /** The index of the last entry appended, durable or not; `firstIndex - 1` where it is empty. */
  readonly lastIndex: Index;

  /**
   * Takes records: `batch.firstIndex` must be `lastIndex + 1`. Never waits. The entries can be read
   * at once, and are durable only after a later `sync` completes. The log keeps `batch.bytes`.
   */
  append(batch: RecordBatch): void;

  /**
   * Calls `done(null)` when every entry appended before this call is durable, or `done(error)`
   * with a StorageError, after which the log is unusable. Calls complete in their order; a call
   * with nothing new to make durable completes too (not before it returns).
   */
  sync(done: (error: Error | null) => void): void;

  /**
   * Removes the entries after `lastIndexKept`, which may be any index from `firstIndex - 1` on;
   * past the end it changes nothing. When it resolves the removal is durable: no crash brings them
   * back. `lastIndex` changes before it returns, and entries may be appended before it resolves; a
   * sync that was asked for before completes first.
   */
  truncateSuffix(lastIndexKept: Index): Promise<void>;

  /**
   * Removes the entries before `firstIndexKept` (after a snapshot covers them). An implementation
   * may keep some: `firstIndex` says what is left. If `firstIndexKept` is past `lastIndex + 1` the
   * log becomes empty and starts at `firstIndexKept`.
   */
  truncatePrefix(firstIndexKept: Index): Promise<void>;

  /**
   * Reads records from `firstIndex` on: at least one, then as many as fit into `bytesMax`, none
   * after `lastIndex`. Both indexes must be held. The bytes belong to the caller.
   */
  read(range: {
    readonly firstIndex: Index;
    readonly lastIndex: Index;
    readonly bytesMax: number;
  }): Promise<RecordBatch>;

  /** Waits for a sync under way and frees what is held. Nothing that was not synced is promised. */
  close(): Promise<void>;

  /**
   * What it takes on disk: its segments, and their bytes, preallocated ones included. A log that is
   * not kept in files leaves it out.
   */
  readonly usage?: { readonly segments: number; readonly bytes: number };

  /**
   * Why the log cannot prepare for more entries, or null. What it has room for it takes; what needs
   * more waits, syncs and removals with it, and goes on by itself. Nothing that is in files is
   * harmed. A log that cannot run out of room leaves this out, and `watchShortage` with it.
   */
  readonly shortage?: LogShortage | null;

  /**
   * Has `changed` called when `shortage` begins and when it ends. Before it is called nobody would
   * know, and what lacks room fails instead of waiting.
   */
  watchShortage?(changed: () => void): void;
}

/** What must survive a crash besides the log (Figure 2 of the paper: persistent state). */
export interface HardState {
  /** The latest term seen. */
  readonly currentTerm: Term;
  /** The candidate that got this node's vote in `currentTerm`, or 0. */
  readonly votedFor: number;
}

/** The storage of the hard state. */
export interface HardStateStore {
  /** The state as it was last saved; term 0 and vote 0 where none was. */
  readonly state: HardState;
  /** Makes `state` durable; rejects with a StorageError, after which it is unusable. */
  save(state: HardState): Promise<void>;
  /** Frees what is held. */
  close(): Promise<void>;
}
