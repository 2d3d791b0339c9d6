/**
 * Snapshots as storage: what a node keeps of its state machine so that its log may forget.
 *
 * # Contract
 *
 * A snapshot covers the log from its start to one entry, and is never changed. Only complete ones
 * are ever seen: what was not written or received to its end does not count, whatever happened. The
 * newest one is kept; those before it are removed once it is durable.
 *
 * One snapshot is written and one is received at a time. The caller is one node.
 *
 * A method rejects with a StorageError where the disk failed or is full. Unlike that of a log, this
 * failure ends nothing but the call: the file is removed, and the next try makes another one.
 *
 * @module
 */
import type { Index, SnapshotId } from "../types.ts";
import type { SnapshotMeta } from "./snapshot_format.ts";

/** A complete, durable snapshot. */
export interface StoredSnapshot {
  readonly meta: SnapshotMeta;
  /** The bytes of the whole file, as it is sent to a follower. */
  readonly totalBytes: number;
}

/** Reads the bytes of a snapshot file, for a follower that needs it. */
export interface SnapshotReader {
  /** The snapshot that is read. */
  readonly snapshot: StoredSnapshot;
  /**
   * The bytes from `offset` on, at most `bytesMax`, fewer only at the end. They belong to the
   * caller. Reads may overlap.
   */
  read(offset: number, bytesMax: number): Promise<Uint8Array>;
  /** Lets the file go; no read may follow. */
  close(): Promise<void>;
}

/** Takes the bytes of a snapshot file that another node sends. */
export interface SnapshotReceiver {
  readonly snapshotId: SnapshotId;
  readonly lastIncludedIndex: Index;
  readonly totalBytes: number;
  /** How many bytes from the start are there: where to go on. */
  readonly storedBytes: number;
  /**
   * Takes bytes that start at `offset`, which must be {@linkcode SnapshotReceiver.storedBytes}.
   * They are verified and written before it returns; it resolves when more may come. After a
   * rejection the receiver is of no use, and what was received is thrown away.
   *
   * @throws {ProtocolError} If the bytes are not those of this snapshot.
   * @throws {StorageError} If they cannot be written: the disk is full, say.
   */
  append(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * Ends the reception, of which every byte is there. When it resolves the snapshot is durable and
   * the newest one. It was verified to the last byte: header, each chunk, trailer.
   *
   * @throws {ProtocolError} If something is missing, or a newer snapshot is stored meanwhile.
   * @throws {StorageError} If it cannot be made durable.
   */
  finish(): Promise<StoredSnapshot>;
  /** Throws away what was received. */
  abort(): Promise<void>;
}

/** The snapshots of one node. */
export interface SnapshotStore {
  /** The newest complete one, or null. */
  readonly latest: StoredSnapshot | null;

  /**
   * Writes a snapshot, drawing `chunks` in slices of a few milliseconds between which other events
   * get their turn. When it resolves the snapshot is durable; older ones are removed. `chunks` is
   * drawn to its end or told to return. What `chunks` throws it rejects with.
   */
  write(meta: SnapshotMeta, chunks: Iterator<Uint8Array, void>): Promise<StoredSnapshot>;

  /** Opens a snapshot for reading, which stays possible when a newer one has replaced it. */
  openReader(snapshot: StoredSnapshot): Promise<SnapshotReader>;

  /**
   * The state that a snapshot carries, each chunk verified before it is handed out. Whoever uses it
   * must draw it to the end: only then is it known to be whole. Throws a BadDataError that names
   * file and offset where the file is damaged.
   */
  state(snapshot: StoredSnapshot): AsyncIterable<Uint8Array>;

  /**
   * Takes a snapshot that another node sends, or goes on with it where a connection broke or this
   * process was started again. What was received of any other one is thrown away.
   *
   * @throws {StorageError} If it cannot be stored, as there is no room for the rest of it, say.
   */
  receive(reception: {
    readonly snapshotId: SnapshotId;
    readonly lastIncludedIndex: Index;
    readonly totalBytes: number;
  }): Promise<SnapshotReceiver>;

  /** Ends what is under way and frees what is held; what was received stays for the next start. */
  close(): Promise<void>;
}
