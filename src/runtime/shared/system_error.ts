/**
 * Turns what the system's calls throw into the typed errors of the runtime seam: what failed, with
 * which path or address, and why.
 *
 * @module
 */
import { FileError, NetworkError } from "../runtime.ts";

/** The parts of a system error that Node, Deno and Bun all fill. */
interface SystemErrorParts {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly errors?: readonly unknown[];
}

/** What the usual codes mean, for readers who do not know them by heart. */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied"],
  ["EADDRINUSE", "address already in use"],
  ["EADDRNOTAVAIL", "no such address on this machine"],
  ["EBADF", "the file is closed"],
  ["ECONNABORTED", "connection aborted"],
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "connection reset by the other side"],
  ["EEXIST", "file exists"],
  ["EHOSTUNREACH", "host unreachable"],
  ["EIO", "input or output error of the device"],
  ["EISDIR", "it is a directory"],
  ["EMFILE", "too many open files in this process"],
  ["ENETUNREACH", "network unreachable"],
  ["ENFILE", "too many open files on this machine"],
  ["ENOENT", "no such file or directory"],
  ["ENOSPC", "no space left on the device"],
  ["ENOTDIR", "a part of the path is not a directory"],
  ["ENOTEMPTY", "directory not empty"],
  ["ENOTFOUND", "host name not found"],
  ["EPERM", "operation not permitted"],
  ["EPIPE", "the other side reads no more"],
  ["EROFS", "read-only file system"],
  ["ETIMEDOUT", "timed out"],
]);

/** The system's word for `error`; `UNKNOWN` where it has none. */
export function systemErrorCode(error: unknown): string {
  const { code, errors } = (error ?? {}) as SystemErrorParts;
  if (typeof code === "string" && code !== "") return code;
  // Several addresses of one name were tried: the first refusal speaks for all.
  const first = errors?.[0];
  return first === undefined ? "UNKNOWN" : systemErrorCode(first);
}

/** The reason in words, with the code where the words do not carry it. */
function reason(error: unknown): string {
  const code = systemErrorCode(error);
  const meaning = MEANINGS.get(code);
  if (meaning !== undefined) return `${meaning} (${code})`;
  const { message } = (error ?? {}) as SystemErrorParts;
  const text = typeof message === "string" && message !== "" ? message : String(error);
  return text.includes(code) ? text : `${text} (${code})`;
}

/**
 * A failed network call.
 *
 * @param what What failed, as in `Cannot connect to "10.0.0.1:7000"`.
 * @param error What the system's call threw.
 */
export function networkError(what: string, error: unknown): NetworkError {
  if (error instanceof NetworkError) return error;
  return new NetworkError(systemErrorCode(error), `${what}: ${reason(error)}`, { cause: error });
}

/** The options of {@linkcode fileError}. */
export interface FileErrorOptions {
  /** What failed, as in `open`. */
  readonly verb: string;
  readonly path: string;
  /** What the system's call threw. */
  readonly error: unknown;
}

/** A failed file call: `Cannot VERB "PATH": reason`. */
export function fileError(options: FileErrorOptions): FileError {
  const { verb, path, error } = options;
  if (error instanceof FileError) return error;
  const message = `Cannot ${verb} "${path}": ${reason(error)}`;
  return new FileError(systemErrorCode(error), path, message, { cause: error });
}
