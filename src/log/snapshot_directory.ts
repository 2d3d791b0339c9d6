/**
 * The snapshots of a node as files of `DATA/snapshots`; see the contract in snapshot_store.ts, the
 * names in snapshot_names.ts, the bytes in snapshot_format.ts.
 *
 * # What a crash leaves
 *
 * A snapshot is written or received beside, synced, renamed to its name, and the directory synced:
 * the rename is the commit point. A crash before it leaves a file that does not count: one that was
 * being written is removed at the next start, one that was being received is continued. A crash
 * after it may leave older snapshots, which the next one removes. So a file with the name of a
 * complete snapshot that is not whole is never the trace of a crash: it was damaged.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { ProtocolError, StorageError } from "../errors.ts";
import { type File, FileError, type Runtime } from "../runtime/runtime.ts";
import {
  readSnapshotEnds,
  readSnapshotState,
  snapshotError,
  storageError,
} from "./snapshot_file.ts";
import { SnapshotFault, type SnapshotMeta } from "./snapshot_format.ts";
import { parseSnapshotName, type SnapshotName, snapshotName } from "./snapshot_names.ts";
import { type Reception, SnapshotFileReceiver } from "./snapshot_receiver.ts";
import type {
  SnapshotReader,
  SnapshotReceiver,
  SnapshotStore,
  StoredSnapshot,
} from "./snapshot_store.ts";
import { writeSnapshotFile } from "./snapshot_writer.ts";
import { TimeSlice } from "./time_slice.ts";

/** See the comment of this module. */
export class SnapshotDirectory implements SnapshotStore {
  readonly #runtime: Runtime;
  readonly #path: string;
  #latest: StoredSnapshot | null = null;
  #receiver: SnapshotFileReceiver | null = null;
  /** What is written, or null. */
  #writing: Promise<unknown> | null = null;
  /** Receptions begin one after the other. */
  #receiving: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(runtime: Runtime, path: string) {
    this.#runtime = runtime;
    this.#path = path;
  }

  /**
   * Opens the snapshots in the data directory at `dataPath`, and looks at the ends of the newest
   * one; whether all of it is good, {@linkcode SnapshotDirectory.state} says.
   *
   * @throws {BadDataError} If the newest snapshot is damaged or of a newer version.
   * @throws {StorageError} If the files cannot be read or written.
   */
  static async open(runtime: Runtime, dataPath: string): Promise<SnapshotDirectory> {
    const path = `${dataPath}/snapshots`;
    try {
      return await SnapshotDirectory.#open(runtime, { dataPath, path });
    } catch (error) {
      throw storageError(`Cannot open the snapshots in "${path}"`, error);
    }
  }

  static async #open(
    runtime: Runtime,
    { dataPath, path }: { readonly dataPath: string; readonly path: string },
  ): Promise<SnapshotDirectory> {
    const { files } = runtime;
    const store = new SnapshotDirectory(runtime, path);
    // Whoever moved the data directory may have left out an empty one. Names that a killed process
    // changed need not be durable yet: they are made so before anything is built upon them.
    await files.makeDirectory(path);
    await files.syncDirectory(dataPath);
    await files.syncDirectory(path);
    const found = await store.#find();
    for (const name of found) if (name.state === "writing") await store.#remove(name);
    const newest = found.findLast(({ state }) => state === "snapshot");
    if (newest !== undefined) store.#latest = await store.#inspect(newest);
    return store;
  }

  /** The newest complete one, or null. */
  get latest(): StoredSnapshot | null {
    return this.#latest;
  }

  /** Writes a snapshot beside, and makes it the newest. */
  async write(meta: SnapshotMeta, chunks: Iterator<Uint8Array, void>): Promise<StoredSnapshot> {
    assert(!this.#isClosed, () => `"${this.#path}" is closed`);
    assert(this.#writing === null, "a snapshot is being written");
    const written = this.#write(meta, chunks);
    this.#writing = written;
    try {
      return await written;
    } catch (error) {
      chunks.return?.();
      throw storageError(`Cannot write the snapshot of index ${meta.lastIncludedIndex}`, error);
    } finally {
      this.#writing = null;
    }
  }

  /** Opens a snapshot for reading. */
  async openReader(snapshot: StoredSnapshot): Promise<SnapshotReader> {
    const file = await this.#openFile(snapshot);
    const { path } = file;
    return {
      snapshot,
      read: async (offset, bytesMax) => {
        assert(offset <= snapshot.totalBytes, () => `${offset} of ${snapshot.totalBytes} bytes`);
        const bytes = new Uint8Array(Math.min(bytesMax, snapshot.totalBytes - offset));
        try {
          const count = await file.read(bytes, offset);
          if (count === bytes.length) return bytes;
        } catch (error) {
          throw storageError(`Cannot read "${path}"`, error);
        }
        throw snapshotError(path, new SnapshotFault(offset, "the file was cut"));
      },
      // An open file is there until it is closed, whatever becomes of its name.
      close: () => file.close(),
    };
  }

  /** The state that a snapshot carries. */
  async *state(snapshot: StoredSnapshot): AsyncGenerator<Uint8Array, void> {
    const file = await this.#openFile(snapshot);
    const reading = readSnapshotState(file, snapshot.totalBytes);
    const slice = new TimeSlice(this.#runtime.clock);
    try {
      for await (const chunk of reading) {
        yield chunk;
        // What the reader made of it counts too.
        if (slice.spend(chunk.length)) await slice.end();
      }
    } finally {
      await file.close();
    }
  }

  /** Begins or continues a reception. */
  receive(reception: Reception): Promise<SnapshotReceiver> {
    const begun = this.#receiving.then(() => this.#receive(reception));
    this.#receiving = begun.catch(() => {});
    return begun;
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    assert(!this.#isClosed, () => `"${this.#path}" is closed already`);
    this.#isClosed = true;
    await this.#receiving;
    await this.#receiver?.close();
    await this.#writing?.catch(() => {});
  }

  async #write(meta: SnapshotMeta, chunks: Iterator<Uint8Array, void>): Promise<StoredSnapshot> {
    const { files, clock } = this.#runtime;
    const name: SnapshotName = { ...meta, state: "writing" };
    const file = await files.open(this.#pathOf(name), "create");
    try {
      const isStopped = () => this.#isClosed;
      const totalBytes = await writeSnapshotFile({ file, clock, meta, chunks, isStopped })
        .finally(() => file.close());
      return await this.#publish(name, { meta, totalBytes });
    } catch (error) {
      // What stays is removed at the next start; the first error says more.
      await this.#remove(name).catch(() => {});
      throw error;
    }
  }

  async #receive(reception: Reception): Promise<SnapshotReceiver> {
    assert(!this.#isClosed, () => `"${this.#path}" is closed`);
    const current = this.#receiver;
    const { snapshotId, lastIncludedIndex, totalBytes } = reception;
    const isSame = current !== null && !current.isOver && current.snapshotId === snapshotId &&
      current.lastIncludedIndex === lastIncludedIndex && current.totalBytes === totalBytes;
    if (isSame) {
      await this.#checkRoom(current);
      return current;
    }
    try {
      if (current !== null && !current.isOver) await current.abort();
      this.#receiver = null;
      const name: SnapshotName = { snapshotId, lastIncludedIndex, state: "receiving" };
      const wanted = snapshotName(name);
      for (const other of await this.#find()) {
        if (other.state === "receiving" && snapshotName(other) !== wanted) {
          await this.#remove(other);
        }
      }
      const file = await this.#runtime.files.open(this.#pathOf(name), "write");
      const receiver = new SnapshotFileReceiver({
        file,
        reception,
        publish: (meta) => this.#publish(name, { meta, totalBytes }),
        remove: () => this.#remove(name),
      });
      this.#receiver = receiver;
      await receiver.resume();
      await this.#checkRoom(receiver);
      return receiver;
    } catch (error) {
      throw storageError(`Cannot receive a snapshot into "${this.#path}"`, error);
    }
  }

  /** Refuses what would fill the disk on its way: others need the room that there is. */
  async #checkRoom({ totalBytes, storedBytes }: SnapshotFileReceiver): Promise<void> {
    const freeBytes = await this.#runtime.files.freeBytes(this.#path).catch(() => null);
    const neededBytes = totalBytes - storedBytes;
    if (freeBytes === null || freeBytes >= neededBytes) return;
    throw new StorageError(
      `Cannot receive a snapshot into "${this.#path}" as there is no room for it: it takes ` +
        `${neededBytes} bytes more, and ${freeBytes} are free`,
    );
  }

  /** Gives a complete and synced file its name, durably: the commit point. */
  async #publish(name: SnapshotName, snapshot: StoredSnapshot): Promise<StoredSnapshot> {
    const { files } = this.#runtime;
    const { lastIncludedIndex } = snapshot.meta;
    const published: SnapshotName = { ...name, state: "snapshot" };
    this.#checkNewest(lastIncludedIndex);
    await files.rename(this.#pathOf(name), this.#pathOf(published));
    await files.syncDirectory(this.#path);
    this.#checkNewest(lastIncludedIndex);
    this.#latest = snapshot;
    await this.#removeOlder(published);
    return snapshot;
  }

  #checkNewest(lastIncludedIndex: number): void {
    const newest = this.#latest?.meta.lastIncludedIndex ?? 0;
    if (lastIncludedIndex >= newest) return;
    throw new ProtocolError(`a newer snapshot is stored, of index ${newest}`);
  }

  /** Removes the complete snapshots but the newest; one that stays is no harm. */
  async #removeOlder(newest: SnapshotName): Promise<void> {
    const kept = snapshotName(newest);
    try {
      for (const name of await this.#find()) {
        if (name.state !== "snapshot" || snapshotName(name) === kept) continue;
        await this.#runtime.files.remove(this.#pathOf(name));
      }
      await this.#runtime.files.syncDirectory(this.#path);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
    }
  }

  /** The files of snapshots, ascending by index. */
  async #find(): Promise<SnapshotName[]> {
    const names = await this.#runtime.files.readDirectory(this.#path);
    return names.map(parseSnapshotName).filter((name) => name !== null);
  }

  async #remove(name: SnapshotName): Promise<void> {
    const path = this.#pathOf(name);
    if (await this.#runtime.files.size(path) !== null) await this.#runtime.files.remove(path);
  }

  #pathOf(name: SnapshotName): string {
    return `${this.#path}/${snapshotName(name)}`;
  }

  async #openFile(snapshot: StoredSnapshot): Promise<File> {
    assert(!this.#isClosed, () => `"${this.#path}" is closed`);
    const path = this.#pathOf({ ...snapshot.meta, state: "snapshot" });
    try {
      return await this.#runtime.files.open(path, "read");
    } catch (error) {
      throw storageError(`Cannot open "${path}"`, error);
    }
  }

  /** Reads the header and the trailer of a snapshot. */
  async #inspect(name: SnapshotName): Promise<StoredSnapshot> {
    const file = await this.#runtime.files.open(this.#pathOf(name), "read");
    try {
      return await readSnapshotEnds(file, name);
    } finally {
      await file.close();
    }
  }
}
