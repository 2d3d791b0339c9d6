/**
 * Files and directories by node:fs, for Node, Deno and Bun alike.
 *
 * @module
 */
import * as fs from "node:fs";
import { mkdir, readdir, rename, stat, statfs, unlink } from "node:fs/promises";
import type { File, FileLock, FileSystem, LockHolder } from "../runtime.ts";
import { acquireFileLock, findLockHolder } from "./file_lock.ts";
import type { KernelLock } from "./kernel_lock.ts";
import { fileError, systemErrorCode } from "./system_error.ts";
import { SystemFile, type WriteParts } from "./system_file.ts";

/** New files are for their owner only: they hold other people's data. */
const FILE_MODE = 0o600;
/** New directories likewise. */
const DIRECTORY_MODE = 0o700;

const OPEN_FLAGS = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR | fs.constants.O_CREAT,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
} as const;

/** The options of {@linkcode SystemFileSystem}. */
export interface SystemFileSystemOptions {
  /** The fastest way to write on this runtime. */
  readonly writeParts: WriteParts;
  /** The kernel's own file lock, where this runtime reaches it. */
  readonly kernelLock: KernelLock | null;
}

/** The file system of this machine. */
export class SystemFileSystem implements FileSystem {
  readonly #options: SystemFileSystemOptions;

  /** Creates the file system for one runtime. */
  constructor(options: SystemFileSystemOptions) {
    this.#options = options;
  }

  /** Opens a file; a new one is for its owner only. */
  async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    const descriptor = await explain({ verb: "open", path }, openFile(path, OPEN_FLAGS[mode]));
    return new SystemFile({ descriptor, path, writeParts: this.#options.writeParts });
  }

  /** The names in a directory, ascending by code unit. */
  async readDirectory(path: string): Promise<string[]> {
    const names = await explain({ verb: "read the directory", path }, readdir(path));
    return names.sort((left, right) => left < right ? -1 : left > right ? 1 : 0);
  }

  /** Creates a directory and those above it; a new one is for its owner only. */
  async makeDirectory(path: string): Promise<void> {
    const made = mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
    await explain({ verb: "create the directory", path }, made);
  }

  /** Replaces `to` by `from` in one step. */
  async rename(from: string, to: string): Promise<void> {
    await explain({ verb: `rename to "${to}" the file`, path: from }, rename(from, to));
  }

  /** Removes a file. */
  async remove(path: string): Promise<void> {
    await explain({ verb: "remove", path }, unlink(path));
  }

  /** The size of a file in bytes, or null where there is none. */
  async size(path: string): Promise<number | null> {
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return null;
      throw fileError({ verb: "read the size of", path, error });
    }
  }

  /** What statfs says is there for programs without privileges. */
  async freeBytes(path: string): Promise<number | null> {
    const { blocks, bavail, bsize } = await explain(
      { verb: "read the free room of", path },
      statfs(path),
    );
    // Some file systems without blocks of their own say zero of everything.
    return blocks > 0 ? bavail * bsize : null;
  }

  /** fsync of a directory. Windows has no such call: its file systems log names themselves. */
  async syncDirectory(path: string): Promise<void> {
    if (process.platform === "win32") return;
    const opened = openFile(path, fs.constants.O_RDONLY);
    const descriptor = await explain({ verb: "open the directory", path }, opened);
    try {
      await explain({ verb: "sync the directory", path }, syncFile(descriptor));
    } finally {
      fs.close(descriptor);
    }
  }

  /** Takes the lock at `path`; file_lock.ts says how. */
  lock(path: string): Promise<FileLock> {
    return acquireFileLock(path, this.#options.kernelLock);
  }

  /** Looks at the lock at `path`. */
  lockHolder(path: string): Promise<LockHolder | null> {
    return findLockHolder(path, this.#options.kernelLock);
  }
}

/** Waits for `call` and turns its failure into a FileError that names verb and path. */
async function explain<Result>(
  what: { readonly verb: string; readonly path: string },
  call: Promise<Result>,
): Promise<Result> {
  try {
    return await call;
  } catch (error) {
    throw fileError({ ...what, error });
  }
}

function openFile(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, FILE_MODE, (error, descriptor) => {
      if (error) reject(error);
      else resolve(descriptor);
    });
  });
}

function syncFile(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fsync(descriptor, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
