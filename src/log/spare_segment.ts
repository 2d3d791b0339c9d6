/**
 * Prepares segment files before they are needed.
 *
 * A sync is cheapest on a file whose blocks are written already, so a segment is filled with zeros
 * beforehand, in slices between which the loop goes on, and synced. It lies in the spare directory
 * under a number until it gets its header and its name. Nothing in that directory is ever read:
 * whatever is found there at opening is removed.
 *
 * Where there is no room for a spare its file is removed again: the log has the rest of its last
 * segment, and time to say so (room_watch.ts). So it is where the process may open no file beyond
 * the spare.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { File, Runtime } from "../runtime/runtime.ts";
import { isShortage, NoRoomError } from "./no_room_error.ts";
import { syncFile, ZERO_SLICE_BYTES } from "./sync_file.ts";

/** A file full of zeros, durable but for its name. */
export interface SpareSegment {
  readonly file: File;
  readonly path: string;
  readonly bytes: number;
}

/** How many files more than the spare must be allowed. */
const OPEN_FILES_SPARE = 2;

/** Thrown inside when the log closes while a spare is being filled. */
class AbandonedError extends Error {}

/** What {@linkcode SpareSegments} works with. */
export interface SpareSegmentsOptions {
  readonly directory: string;
  /** The size of a spare. */
  readonly bytes: number;
  /** Called when a spare was prepared, with why there is no room for it, or with null. */
  readonly prepared: (error: NoRoomError | null) => void;
}

/** The maker of spare segments. */
export class SpareSegments {
  readonly #runtime: Runtime;
  readonly #directory: string;
  readonly #bytes: number;
  readonly #told: (error: NoRoomError | null) => void;
  #number = 0;
  /** What is being prepared, or is; resolves to null where that failed. */
  #prepared: Promise<SpareSegment | null> | null = null;
  #isReady = false;
  #isUrgent = false;
  #isClosed = false;

  /** Prepares segments of `bytes` in `directory`. */
  constructor(runtime: Runtime, { directory, bytes, prepared }: SpareSegmentsOptions) {
    assert(bytes > 0, () => `a segment has ${bytes} bytes`);
    assert(bytes % 512 === 0, () => `a segment has ${bytes} bytes, want whole sectors`);
    this.#runtime = runtime;
    this.#directory = directory;
    this.#bytes = bytes;
    this.#told = prepared;
  }

  /** Whether a spare is prepared. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Removes what an earlier process left in the directory. */
  async clear(): Promise<void> {
    assert(this.#prepared === null, "a spare is being prepared");
    const { files } = this.#runtime;
    const names = await files.readDirectory(this.#directory);
    for (const name of names) await files.remove(`${this.#directory}/${name}`);
    assert(this.#number === 0, () => `${this.#number} spares were made before`);
  }

  /** Starts to prepare the next segment, unless one is prepared. A failure shows at `take`. */
  prepare(): void {
    assert(!this.#isClosed, "the log is closed");
    if (this.#prepared !== null) return;
    this.#isUrgent = false;
    const prepared = this.#make(this.#bytes).then((spare) => {
      if (this.#prepared !== prepared) return spare;
      this.#isReady = true;
      this.#told(null);
      return spare;
    }, (error) => {
      if (this.#prepared === prepared) this.#prepared = null;
      // Any other failure shows where the segment is taken.
      if (!this.#isClosed) this.#told(error instanceof NoRoomError ? error : null);
      return null;
    });
    this.#prepared = prepared;
  }

  /**
   * A segment of at least `bytes`: the prepared one where it is large enough, else a new one.
   *
   * @throws {NoRoomError} If there is no room for it.
   */
  async take(bytes: number): Promise<SpareSegment> {
    assert(!this.#isClosed, "the log is closed");
    this.#isUrgent = true;
    if (bytes > this.#bytes) return this.#make(bytes);
    const prepared = this.#prepared;
    this.#prepared = null;
    this.#isReady = false;
    const spare = await prepared ?? await this.#make(this.#bytes);
    assert(spare.bytes >= bytes, () => `the spare has ${spare.bytes} bytes, want ${bytes}`);
    return spare;
  }

  /** Gives up what is prepared. */
  async close(): Promise<void> {
    assert(!this.#isClosed, "the spares are closed already");
    this.#isClosed = true;
    const spare = await this.#prepared;
    await spare?.file.close();
  }

  async #make(bytes: number): Promise<SpareSegment> {
    this.#number += 1;
    const path = `${this.#directory}/${this.#number}.spare`;
    try {
      const file = await this.#runtime.files.open(path, "create");
      try {
        await this.#checkOpenFiles(path);
        await this.#fill(file, bytes);
      } catch (error) {
        await this.discard({ file, path });
        throw error;
      }
      return { file, path, bytes };
    } catch (error) {
      throw isShortage(error) ? new NoRoomError(bytes, error) : error;
    }
  }

  /** Closes and removes a file of the directory, to give its room back. */
  async discard({ file, path }: Pick<SpareSegment, "file" | "path">): Promise<void> {
    await file.close();
    // That the room could not be given back matters less than why it is.
    if (!this.#isClosed) await this.#runtime.files.remove(path).catch(() => {});
  }

  /**
   * Fails where no further files may be opened. A roll syncs directories behind its rename, where a
   * failure would end the node, and a snapshot, which makes room, is a file as well.
   */
  async #checkOpenFiles(path: string): Promise<void> {
    const files: File[] = [];
    try {
      while (files.length < OPEN_FILES_SPARE) {
        files.push(await this.#runtime.files.open(path, "read"));
      }
    } finally {
      for (const file of files) await file.close();
    }
  }

  async #fill(file: File, bytes: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(ZERO_SLICE_BYTES, bytes));
    for (let at = 0; at < bytes; at += zeros.length) {
      if (this.#isClosed) throw new AbandonedError("The log was closed");
      file.write([zeros.subarray(0, bytes - at)], at);
      await syncFile(file);
      if (!this.#isUrgent) await this.#pause();
    }
    assert(await file.size() === bytes, () => `the spare has not ${bytes} bytes`);
  }

  /** Lets the events go first that wait now. */
  #pause(): Promise<void> {
    return new Promise((resolve) => this.#runtime.clock.defer(resolve));
  }
}
