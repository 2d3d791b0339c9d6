/**
 * What a failed call to a file means to whoever ran the command: the exit code, and the way out.
 *
 * @module
 */
import { BadDataError } from "../errors.ts";
import { FileError } from "../runtime/runtime.ts";
import { ExitCode } from "./exit_codes.ts";

/** What is said of it, besides the message, which names the file and the reason. */
export interface FileFailure {
  readonly exit: ExitCode;
  readonly fix: readonly string[];
  readonly retryable: boolean;
}

/** No error has more causes than that. */
const CAUSES_MAX = 8;

const DISK_FULL: FileFailure = {
  exit: ExitCode.refused,
  fix: [
    "free room on that disk (df PATH says how much there is), or enlarge it; then try again",
    "what was stored before is unharmed",
  ],
  retryable: true,
};

const NOT_THERE: FileFailure = {
  exit: ExitCode.notFound,
  fix: ["check the path: ls -ld says what is there"],
  retryable: false,
};

const NOT_ALLOWED: FileFailure = {
  exit: ExitCode.denied,
  fix: [
    "give the path to the user that runs this (ls -ld PATH says whose it is), or name another one",
  ],
  retryable: false,
};

const FAILURES: ReadonlyMap<string, FileFailure> = new Map([
  ["ENOENT", NOT_THERE],
  ["ENOTDIR", NOT_THERE],
  ["EISDIR", {
    exit: ExitCode.badData,
    fix: ["there is a directory where a file must be: move it away, or name a file"],
    retryable: false,
  }],
  ["EEXIST", {
    exit: ExitCode.refused,
    fix: ["move away what is there, or name another path"],
    retryable: false,
  }],
  ["ENAMETOOLONG", { exit: ExitCode.usage, fix: ["name a shorter path"], retryable: false }],
  ["ENOSPC", DISK_FULL],
  ["EDQUOT", DISK_FULL],
  ["EACCES", NOT_ALLOWED],
  ["EPERM", NOT_ALLOWED],
  ["EROFS", {
    exit: ExitCode.denied,
    fix: [
      "mount the file system for writing, or name a path on another one",
      "did the kernel make it read-only after errors of the device? see: dmesg",
    ],
    retryable: false,
  }],
  ["EMFILE", {
    exit: ExitCode.failed,
    fix: ["raise the limit of open files (ulimit -n), then try again"],
    retryable: true,
  }],
  ["ENFILE", {
    exit: ExitCode.failed,
    fix: ["too many files are open on this machine: close some, or raise fs.file-max"],
    retryable: true,
  }],
  ["EIO", {
    exit: ExitCode.badData,
    fix: [
      "look after the disk (see: dmesg), then start the node again: it checks what it stored",
      "is the disk lost? while the others are a majority of the members: raft member replace OLD " +
      "NEW HOST:PORT",
    ],
    retryable: false,
  }],
]);

/** What is said where a call failed with `code`, the system's word; null where nothing is known. */
export function fileFailureFor(code: string): FileFailure | null {
  return FAILURES.get(code) ?? null;
}

/** What is said of an error that comes from a file; null where none does, or nothing is known. */
export function fileFailureOf(error: Error): FileFailure | null {
  let cause: unknown = error;
  for (let depth = 0; depth < CAUSES_MAX && cause instanceof Error; depth += 1) {
    // What stands there was read, and says more.
    if (cause instanceof BadDataError) return null;
    if (cause instanceof FileError) return FAILURES.get(cause.code) ?? null;
    cause = cause.cause;
  }
  return null;
}
