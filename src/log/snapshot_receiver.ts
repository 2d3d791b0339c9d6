/**
 * Receives a snapshot into a file beside the others, `….receiving` (snapshot_names.ts), and
 * verifies it on the way.
 *
 * # What a crash leaves
 *
 * Some of the file. The next start reads it from its start, keeps the parts that are whole, cuts
 * what is behind them, and goes on there. What can be read need not be durable: a killed process
 * leaves pages that only memory holds, a failed sync leaves pages that are never written again. So
 * what is kept is written once more and synced before it is counted.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { ProtocolError, StorageError } from "../errors.ts";
import { SNAPSHOT_UNSYNCED_BYTES_MAX } from "../limits.ts";
import { type File, FileError } from "../runtime/runtime.ts";
import type { Index, SnapshotId } from "../types.ts";
import { SnapshotFault, type SnapshotMeta } from "./snapshot_format.ts";
import { SnapshotScanner } from "./snapshot_scanner.ts";
import type { SnapshotReceiver, StoredSnapshot } from "./snapshot_store.ts";
import { rewriteFile, syncFile } from "./sync_file.ts";

/** How much one read of a file that is verified takes. */
export const SNAPSHOT_READ_BYTES: number = 256 * 1024;

/** Which snapshot is received. */
export interface Reception {
  readonly snapshotId: SnapshotId;
  readonly lastIncludedIndex: Index;
  readonly totalBytes: number;
}

/** What {@linkcode SnapshotFileReceiver} works with. */
export interface SnapshotFileReceiverOptions {
  readonly file: File;
  readonly reception: Reception;
  /** Gives the complete, synced and closed file its name, durably. */
  readonly publish: (meta: SnapshotMeta) => Promise<StoredSnapshot>;
  /** Removes the closed file. */
  readonly remove: () => Promise<void>;
}

/** See the comment of this module. */
export class SnapshotFileReceiver implements SnapshotReceiver {
  readonly snapshotId: SnapshotId;
  readonly lastIncludedIndex: Index;
  readonly totalBytes: number;
  readonly #options: SnapshotFileReceiverOptions;
  #scanner = new SnapshotScanner();
  #storedBytes = 0;
  #syncedBytes = 0;
  /** The sync under way, or null; it does not reject. */
  #syncing: Promise<unknown> | null = null;
  /** Ends once: finished, aborted, failed or closed. */
  #isOver = false;

  /** Starts on an empty file; see {@linkcode SnapshotFileReceiver.resume}. */
  constructor(options: SnapshotFileReceiverOptions) {
    const { snapshotId, lastIncludedIndex, totalBytes } = options.reception;
    assert(lastIncludedIndex >= 1, () => `the last included index is ${lastIncludedIndex}`);
    this.#options = options;
    this.snapshotId = snapshotId;
    this.lastIncludedIndex = lastIncludedIndex;
    this.totalBytes = totalBytes;
  }

  /** Where to go on. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** Whether it takes nothing more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Keeps what an earlier process received, as far as it is whole. */
  async resume(): Promise<void> {
    const { file } = this.#options;
    assert(this.#storedBytes === 0, () => `${this.#storedBytes} bytes are stored already`);
    const size = Math.min(await file.size(), this.totalBytes);
    let at = 0;
    try {
      while (at < size && !this.#scanner.isComplete) {
        const bytes = new Uint8Array(Math.min(SNAPSHOT_READ_BYTES, size - at));
        const count = await file.read(bytes, at);
        if (count === 0) break;
        this.#scanner.push(bytes.subarray(0, count));
        this.#checkHeader();
        at += count;
      }
      this.#scanner.dropRest();
    } catch (error) {
      if (!(error instanceof SnapshotFault) && !(error instanceof ProtocolError)) throw error;
      this.#scanner = new SnapshotScanner();
    }
    const kept = this.#scanner.verifiedBytes;
    await file.truncate(kept);
    await rewriteFile(file, { start: 0, end: kept });
    this.#storedBytes = kept;
    this.#syncedBytes = kept;
  }

  /** Takes the next bytes. */
  async append(offset: number, bytes: Uint8Array): Promise<void> {
    assert(offset === this.#storedBytes, () => `bytes at ${offset} come to ${this.#storedBytes}`);
    if (this.#isOver) throw new StorageError("Cannot go on with a reception that is over");
    try {
      if (offset + bytes.length > this.totalBytes) {
        throw new ProtocolError(`it has more than ${this.totalBytes} bytes`);
      }
      this.#scanner.push(bytes);
      this.#checkHeader();
      this.#options.file.write([bytes], offset);
      this.#storedBytes += bytes.length;
      const unsynced = this.#storedBytes - this.#syncedBytes;
      if (unsynced >= SNAPSHOT_UNSYNCED_BYTES_MAX && this.#syncing === null) await this.#sync();
    } catch (error) {
      throw await this.#failed(error);
    }
  }

  /** Makes the snapshot durable and the newest one. */
  async finish(): Promise<StoredSnapshot> {
    if (this.#isOver) throw new StorageError("Cannot finish a reception that is over");
    assert(this.#syncing === null, "the reception is finished while bytes are appended");
    try {
      const { meta } = this.#scanner;
      if (meta === null || !this.#scanner.isComplete || this.#storedBytes !== this.totalBytes) {
        throw new ProtocolError(`it ends at ${this.#storedBytes} of ${this.totalBytes} bytes`);
      }
      await this.#sync();
      await this.close();
      return await this.#options.publish(meta);
    } catch (error) {
      throw await this.#failed(error);
    }
  }

  /** Throws away what was received. */
  async abort(): Promise<void> {
    await this.close();
    await this.#options.remove();
  }

  /** Leaves what was received for the next start. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#syncing;
    await this.#options.file.close();
  }

  async #sync(): Promise<void> {
    const bytes = this.#storedBytes;
    const synced = syncFile(this.#options.file);
    this.#syncing = synced.catch(() => {});
    try {
      await synced;
    } finally {
      this.#syncing = null;
    }
    this.#syncedBytes = bytes;
  }

  /** A header that came must be the one that was announced. */
  #checkHeader(): void {
    const { meta } = this.#scanner;
    if (meta === null) return;
    const isRight = meta.snapshotId === this.snapshotId &&
      meta.lastIncludedIndex === this.lastIncludedIndex;
    if (isRight) return;
    throw new ProtocolError(
      `its header names snapshot ${meta.snapshotId} of index ${meta.lastIncludedIndex}`,
    );
  }

  /** Throws away what was received, and says why. */
  async #failed(error: unknown): Promise<unknown> {
    const what = `Cannot receive snapshot ${this.snapshotId} of index ${this.lastIncludedIndex}`;
    try {
      await this.abort();
    } catch {
      // The first error says more; the next reception tries to remove it again.
    }
    if (!(error instanceof Error)) return error;
    const message = `${what}: ${error.message}`;
    if (error instanceof FileError) return new StorageError(message, { cause: error });
    const isFault = error instanceof SnapshotFault || error instanceof ProtocolError;
    return isFault ? new ProtocolError(message, { cause: error }) : error;
  }
}
