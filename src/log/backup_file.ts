/**
 * Reads a snapshot file that was saved as a backup, or that of a data directory, to copy it. Every
 * byte is verified.
 *
 * @module
 */
import { BadDataError } from "../errors.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { DAMAGED_DIRECTORY_FIX } from "./damaged_directory.ts";
import { readSnapshotEnds, readSnapshotState } from "./snapshot_file.ts";
import type { StoredSnapshot } from "./snapshot_store.ts";

/** How far the reading of a file is, in bytes. */
export interface BackupProgress {
  readonly bytes: number;
  readonly totalBytes: number;
}

/** Hears how far the reading of a file is. */
export type BackupListener = (progress: BackupProgress) => void;

/** What can be done about a backup that is damaged. */
const FIX = ["use another copy of this file, or one that was saved at another time"];

/**
 * The state that the snapshot file at `path` carries, in chunks, each verified before it is handed
 * out. Only whoever draws it to its end knows that the file is whole.
 *
 * @throws {BadDataError} If the file is no whole snapshot, or one of a newer program.
 * @throws {FileError} If it cannot be opened; what fails later is a StorageError.
 */
export async function* readBackup(
  runtime: Runtime,
  path: string,
  progressed: BackupListener = () => {},
): AsyncGenerator<Uint8Array, void> {
  const file = await runtime.files.open(path, "read");
  let bytes = 0;
  try {
    const totalBytes = await file.size();
    for await (const chunk of readSnapshotState(file, totalBytes)) {
      bytes += chunk.length;
      progressed({ bytes, totalBytes });
      yield chunk;
    }
    progressed({ bytes: totalBytes, totalBytes });
  } catch (error) {
    throw backupError(error);
  } finally {
    await file.close();
  }
}

/**
 * Reads header and trailer of the snapshot file at `path`.
 *
 * @throws {BadDataError} If one of them is bad, or of a newer program.
 */
export async function readBackupEnds(runtime: Runtime, path: string): Promise<StoredSnapshot> {
  const file = await runtime.files.open(path, "read");
  try {
    return await readSnapshotEnds(file, null);
  } catch (error) {
    throw backupError(error);
  } finally {
    await file.close();
  }
}

/**
 * Verifies every byte of the snapshot file at `path`.
 *
 * @returns What it covers, and its length.
 * @throws {BadDataError} If it is no whole snapshot, or one of a newer program.
 */
export async function verifyBackup(
  runtime: Runtime,
  path: string,
  progressed: BackupListener = () => {},
): Promise<StoredSnapshot> {
  const snapshot = await readBackupEnds(runtime, path);
  for await (const _ of readBackup(runtime, path, progressed));
  return snapshot;
}

/** A backup is not a part of a data directory, so other things help. */
function backupError(error: unknown): unknown {
  const isDamage = error instanceof BadDataError && error.fix === DAMAGED_DIRECTORY_FIX;
  return isDamage ? new BadDataError(error.message, FIX, { cause: error }) : error;
}
