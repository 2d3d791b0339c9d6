/**
 * The snapshot that one client saves elsewhere: open for as long as its connection, read in pieces
 * as the client asks for them. So neither side holds more than the pieces that are under way, and a
 * client that is slow slows nobody else.
 *
 * @module
 */
import { InvalidRequestError, NotFoundError, OverloadedError } from "../errors.ts";
import { BACKUP_READS_MAX, SNAPSHOT_SEND_BYTES_MAX } from "../limits.ts";
import type { SnapshotReader } from "../log/snapshot_store.ts";
import type {
  OpenSnapshotRequest,
  ReadSnapshotRequest,
  SnapshotDataAnswer,
  SnapshotOpenedAnswer,
} from "../wire/client_messages.ts";
import type { ClientBackend } from "./client_backend.ts";

/** The backup of one connection. */
export class BackupSession {
  readonly #backend: Pick<ClientBackend, "openSnapshot" | "status">;
  #reader: SnapshotReader | null = null;
  /** Reads that were not answered, of any reader. */
  #readsCount = 0;
  /** Readers are closed once nothing is read from them any more. */
  #reads = new Map<SnapshotReader, number>();
  #isOpening = false;
  #isClosed = false;

  /** Creates it; nothing is open. */
  constructor(backend: Pick<ClientBackend, "openSnapshot" | "status">) {
    this.#backend = backend;
  }

  /**
   * Opens a snapshot; what was open before is closed.
   *
   * @throws {RaftError} If there is none to be had.
   */
  async open({ requestId, consistency }: OpenSnapshotRequest): Promise<SnapshotOpenedAnswer> {
    if (this.#isOpening) throw new OverloadedError("A snapshot is being opened on this connection");
    this.#isOpening = true;
    try {
      const reader = await this.#backend.openSnapshot(consistency);
      this.#replace(reader);
      const { meta, totalBytes } = reader.snapshot;
      return {
        type: "snapshotOpened",
        requestId,
        nodeId: this.#backend.status().nodeId,
        snapshotId: meta.snapshotId,
        clusterId: meta.clusterId,
        index: meta.lastIncludedIndex,
        term: meta.lastIncludedTerm,
        totalBytes,
      };
    } finally {
      this.#isOpening = false;
    }
  }

  /**
   * Reads some bytes.
   *
   * @throws {NotFoundError} If no snapshot is open.
   * @throws {OverloadedError} If too many reads are under way.
   */
  async read({ requestId, offset }: ReadSnapshotRequest): Promise<SnapshotDataAnswer> {
    const reader = this.#reader;
    if (reader === null) throw new NotFoundError("No snapshot is open on this connection");
    const { totalBytes } = reader.snapshot;
    if (offset > totalBytes) {
      const message = `Cannot read the snapshot at ${offset} as it has ${totalBytes} bytes`;
      throw new InvalidRequestError(message);
    }
    if (this.#readsCount >= BACKUP_READS_MAX) {
      throw new OverloadedError(`${this.#readsCount} pieces of the snapshot are being read`);
    }
    this.#count(reader, 1);
    try {
      const data = await reader.read(offset, SNAPSHOT_SEND_BYTES_MAX);
      return { type: "snapshotData", requestId, offset, data };
    } finally {
      this.#count(reader, -1);
    }
  }

  /** The connection ended. */
  close(): void {
    this.#isClosed = true;
    this.#replace(null);
  }

  #replace(reader: SnapshotReader | null): void {
    const before = this.#reader;
    this.#reader = this.#isClosed ? null : reader;
    if (before !== null) this.#closeIdle(before);
    if (reader !== null && this.#isClosed) this.#closeIdle(reader);
  }

  #count(reader: SnapshotReader, change: 1 | -1): void {
    this.#readsCount += change;
    this.#reads.set(reader, (this.#reads.get(reader) ?? 0) + change);
    if (reader !== this.#reader) this.#closeIdle(reader);
  }

  #closeIdle(reader: SnapshotReader): void {
    if ((this.#reads.get(reader) ?? 0) > 0) return;
    this.#reads.delete(reader);
    reader.close().catch(() => {
      // Nothing was to be written: there is nothing to lose.
    });
  }
}
