/** A temporary directory on a real disk, and a runtime whose syncs can be made to fail. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { type File, FileError, type Runtime } from "../../src/runtime/runtime.ts";

/** A place for one test. */
export interface RealDirectory {
  readonly path: string;
  readonly runtime: Runtime;
  /** Makes the next sync of a segment fail. */
  failNextSync(): void;
  /** Removes the directory. */
  dispose(): Promise<void>;
}

/** Makes a place. */
export async function createRealDirectory(): Promise<RealDirectory> {
  const system = await detectRuntime();
  const path = await mkdtemp(join(tmpdir(), "raft-log-"));
  let failsNext = false;
  const takeFailure = (file: File): FileError | null => {
    if (!failsNext || !file.path.endsWith(".segment")) return null;
    failsNext = false;
    return new FileError("EIO", file.path, `Cannot sync "${file.path}": broken by a test`);
  };
  const wrap = (file: File): File => ({
    path: file.path,
    write: (parts, position) => file.write(parts, position),
    sync: (done) => {
      const failure = takeFailure(file);
      if (failure === null) file.sync(done);
      else system.clock.defer(() => done(failure));
    },
    read: (target, position) => file.read(target, position),
    size: () => file.size(),
    truncate: (bytes) => file.truncate(bytes),
    close: () => file.close(),
  });
  const { files } = system;
  const runtime: Runtime = {
    name: system.name,
    version: system.version,
    network: system.network,
    clock: system.clock,
    random: system.random,
    files: {
      open: async (file, mode) => wrap(await files.open(file, mode)),
      readDirectory: (directory) => files.readDirectory(directory),
      makeDirectory: (directory) => files.makeDirectory(directory),
      rename: (from, to) => files.rename(from, to),
      remove: (file) => files.remove(file),
      size: (file) => files.size(file),
      freeBytes: (directory) => files.freeBytes(directory),
      syncDirectory: (directory) => files.syncDirectory(directory),
      lock: (file) => files.lock(file),
      lockHolder: (file) => files.lockHolder(file),
    },
  };
  return {
    path,
    runtime,
    failNextSync: () => void (failsNext = true),
    dispose: () => rm(path, { recursive: true, force: true }),
  };
}
