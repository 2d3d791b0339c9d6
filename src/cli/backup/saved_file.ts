/**
 * A file that is there as a whole or not at all: written beside, synced, and renamed at the end.
 *
 * @module
 */
import { RefusedError } from "../../errors.ts";
import { syncFile } from "../../log/sync_file.ts";
import { SNAPSHOT_UNSYNCED_BYTES_MAX } from "../../limits.ts";
import { type File, FileError, type Runtime } from "../../runtime/runtime.ts";

/** Where the file is to be, and whether another may be there. */
export interface SavedFileOptions {
  readonly path: string;
  readonly overwrite: boolean;
}

/** A file in the making. */
export class SavedFile {
  readonly #runtime: Runtime;
  readonly #options: SavedFileOptions;
  readonly #temporary: string;
  readonly #file: File;
  #bytes = 0;
  #syncedBytes = 0;
  #isClosed = false;

  private constructor(
    runtime: Runtime,
    options: SavedFileOptions,
    beside: { readonly temporary: string; readonly file: File },
  ) {
    this.#runtime = runtime;
    this.#options = options;
    this.#temporary = beside.temporary;
    this.#file = beside.file;
  }

  /**
   * Begins a file.
   *
   * @throws {RefusedError} If there is one, and it may not be overwritten.
   * @throws {FileError} If it cannot be written there.
   */
  static async create(runtime: Runtime, options: SavedFileOptions): Promise<SavedFile> {
    const { path } = options;
    await checkFree(runtime, options);
    const random = runtime.random.uint32().toString(16).padStart(8, "0");
    const temporary = `${path}.${random}.partial`;
    const file = await runtime.files.open(temporary, "create");
    return new SavedFile(runtime, options, { temporary, file });
  }

  /** Appends bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#file.write([bytes], this.#bytes);
    this.#bytes += bytes.length;
    if (this.#bytes - this.#syncedBytes < SNAPSHOT_UNSYNCED_BYTES_MAX) return;
    await syncFile(this.#file);
    this.#syncedBytes = this.#bytes;
  }

  /** Gives the file its name; when it resolves it is durable. */
  async finish(): Promise<void> {
    const { files } = this.#runtime;
    const { path } = this.#options;
    await syncFile(this.#file);
    await this.#close();
    await checkFree(this.#runtime, this.#options);
    await files.rename(this.#temporary, path);
    await files.syncDirectory(directoryOf(path));
  }

  /** Leaves nothing behind, where it was not finished. */
  async discard(): Promise<void> {
    await this.#close();
    const { files } = this.#runtime;
    if (await files.size(this.#temporary) !== null) await files.remove(this.#temporary);
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#file.close();
  }
}

async function checkFree(runtime: Runtime, { path, overwrite }: SavedFileOptions): Promise<void> {
  if (overwrite || await sizeOf(runtime, path) === null) return;
  throw new RefusedError(`"${path}" exists: nothing was written`, [], {
    fix: ["name another file, or replace this one: --overwrite"],
  });
}

async function sizeOf(runtime: Runtime, path: string): Promise<number | null> {
  try {
    return await runtime.files.size(path);
  } catch (error) {
    if (error instanceof FileError && error.code === "ENOTDIR") return null;
    throw error;
  }
}

function directoryOf(path: string): string {
  const at = path.lastIndexOf("/");
  if (at < 0) return ".";
  return at === 0 ? "/" : path.slice(0, at);
}
