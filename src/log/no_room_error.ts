/**
 * What a file operation lacks that comes back by itself or by an operator: room on the disk, or
 * open files.
 *
 * @module
 */
import { StorageError } from "../errors.ts";
import { FileError } from "../runtime/runtime.ts";

/** A full disk, or a quota. */
const DISK_CODES: readonly string[] = ["ENOSPC", "EDQUOT"];
/** The two limits of open files. */
const OPEN_FILES_CODES: readonly string[] = ["EMFILE", "ENFILE"];

/**
 * There is no room for a step, and nothing of it happened: what it had begun was undone, and the
 * same step may be tried again.
 */
export class NoRoomError extends StorageError {
  /** The bytes that the step needs. */
  readonly neededBytes: number;
  /** Whether they are lacking on the disk. */
  readonly isDisk: boolean;

  /** Creates the error around what the system said. */
  constructor(neededBytes: number, cause: FileError) {
    super(cause.message, { cause });
    this.neededBytes = neededBytes;
    this.isDisk = isDiskFull(cause);
  }
}

/** Whether the disk is full, or a quota. */
export function isDiskFull(error: unknown): error is FileError {
  return error instanceof FileError && DISK_CODES.includes(error.code);
}

/** Whether something ran out that may come back. */
export function isShortage(error: unknown): error is FileError {
  return isDiskFull(error) || (error instanceof FileError && OPEN_FILES_CODES.includes(error.code));
}
