/**
 * The only door to the world: network, files, clock and randomness as interfaces. Node, Deno and
 * Bun implement them in small files, and so does the simulator. This file imports nothing.
 *
 * @module
 */

/** Everything that a node or a client needs from the outside. Passed in, never looked up. */
export interface Runtime {
  /** `node`, `deno`, `bun` or `simulated`. */
  readonly name: string;
  /** The version of the runtime, for `raft version`. */
  readonly version: string;
  /** Connections. */
  readonly network: Network;
  /** Files. */
  readonly files: FileSystem;
  /** Time. */
  readonly clock: Clock;
  /** Randomness. */
  readonly random: Random;
}

/** What {@linkcode Clock.setTimer} returns; give it back to cancel. */
export type TimerHandle = unknown;

/** Time. Nothing else in the project reads a clock. */
export interface Clock {
  /** Monotonic milliseconds with a fraction; never jumps, not related to the time of day. */
  nowMs(): number;
  /** Milliseconds since 1970 as the machine believes: for log lines and birth certificates only. */
  wallMs(): number;
  /** Calls `callback` once, no earlier than `delayMs` from now. */
  setTimer(callback: () => void, delayMs: number): TimerHandle;
  /** Cancels a timer; a timer that has fired is ignored. */
  clearTimer(timer: TimerHandle): void;
  /** Calls `callback` after the events that are ready now: the end of this turn of the loop. */
  defer(callback: () => void): void;
}

/** Randomness: for jitter, ids and tests. */
export interface Random {
  /** A uniform integer from 0 to 2^32 − 1. */
  uint32(): number;
  /** Fills `target` with random bytes and returns it. */
  fill(target: Uint8Array): Uint8Array;
}

/** How a connection is encrypted; both sides prove who they are. */
export interface TlsOptions {
  /** The certificate authorities that the other side must chain to, PEM. */
  readonly ca: string;
  /** This side's certificate, PEM. */
  readonly certificate: string;
  /** This side's private key, PEM. */
  readonly key: string;
  /** The name that the other side's certificate must carry, for a connection that dials. */
  readonly serverName?: string;
}

/** TCP with TCP_NODELAY on. */
export interface Network {
  /** Listens on `host` and `port` (0 chooses one). Rejects with a {@linkcode NetworkError}. */
  listen(options: ListenOptions): Promise<Listener>;
  /** Dials. Rejects with a {@linkcode NetworkError}, at the latest after `timeoutMs`. */
  connect(options: ConnectOptions): Promise<ByteStream>;
}

/** The options of {@linkcode Network.listen}. */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions;
  /** Called for each connection; it must call `start` on the stream before it returns. */
  readonly onConnection: (stream: ByteStream) => void;
}

/** The options of {@linkcode Network.connect}. */
export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly tls?: TlsOptions;
}

/** A listening socket. */
export interface Listener {
  /** The port in use, also where 0 was asked for. */
  readonly port: number;
  /** How many files and connections the process may have open; null where that is not known. */
  readonly openFilesMax: number | null;
  /** Stops accepting; connections that were accepted live on. */
  close(): Promise<void>;
}

/** Receives what happens on a {@linkcode ByteStream}; its calls never overlap. */
export interface ByteStreamHandler {
  /**
   * Bytes arrived. The chunk belongs to the receiver: nobody writes to it afterwards. It is a plain
   * Uint8Array, never a Buffer, whose slices are views.
   */
  data(chunk: Uint8Array): void;
  /**
   * The stream ended, once, and nothing follows; `error` is null where either side closed it. There
   * is no half-open stream: the end of what the other side sends is the end.
   */
  closed(error: Error | null): void;
}

/** A connection: bytes in order, both ways. */
export interface ByteStream {
  /** `HOST:PORT` of the other side, for log lines. */
  readonly remoteAddress: string;
  /** Bytes that were given to `write` and not yet to the operating system. */
  readonly writeBufferedBytes: number;
  /** Starts delivery to `handler`; called exactly once, before any data is lost. */
  start(handler: ByteStreamHandler): void;
  /** Sends bytes; never blocks, never throws. The bytes must not be changed afterwards. */
  write(bytes: Uint8Array): void;
  /** Stops reading, so that the sender feels it. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /**
   * Sends what was written, then closes. What arrives meanwhile is dropped. `closed` is called
   * later: when the other side closes too, or after about 2 s.
   */
  close(): void;
  /** Closes at once; what was not sent is lost. `closed` is called later, not from within. */
  destroy(): void;
}

/** A failed network call. `code` is the system's word, such as `ECONNREFUSED`. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly code: string;

  /** Creates the error around its cause. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Files and directories. Paths are absolute or relative to the working directory, with `/`. */
export interface FileSystem {
  /**
   * Opens a file. `read` needs it to exist; `write` opens for reading and writing and creates it
   * if need be; `create` is `write` and fails with `EEXIST` if it exists.
   */
  open(path: string, mode: "read" | "write" | "create"): Promise<File>;
  /** The names in a directory, ascending by code unit. */
  readDirectory(path: string): Promise<string[]>;
  /** Creates a directory and those above it; no error if it exists. */
  makeDirectory(path: string): Promise<void>;
  /** Replaces `to` by `from` in one step. Durable only after {@linkcode syncDirectory}. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file. */
  remove(path: string): Promise<void>;
  /** The size of a file in bytes, or null where there is none. */
  size(path: string): Promise<number | null>;
  /** How many bytes more the file system of `path` takes; null where it does not say. */
  freeBytes(path: string): Promise<number | null>;
  /** Makes names in a directory durable: fsync of the directory. */
  syncDirectory(path: string): Promise<void>;
  /** Takes an exclusive lock on `path` for this process; see the data directory's lock. */
  lock(path: string): Promise<FileLock>;
  /** Who holds the lock on `path`, or null where nobody does; takes nothing, changes nothing. */
  lockHolder(path: string): Promise<LockHolder | null>;
}

/** A live process that holds a lock. */
export interface LockHolder {
  /** Its id, or null where that is not known: it runs in another container, say. */
  readonly pid: number | null;
}

/** A held lock. */
export interface FileLock {
  /** Gives the lock back. */
  release(): Promise<void>;
}

/** An open file. A method rejects or throws with a {@linkcode FileError}. */
export interface File {
  /** The path it was opened by, for messages. */
  readonly path: string;
  /** Writes all bytes of `parts`, one after the other, from `position` on. Blocks; not durable. */
  write(parts: readonly Uint8Array[], position: number): void;
  /** fdatasync: everything written before the call is durable when `done(null)` is called. */
  sync(done: (error: Error | null) => void): void;
  /** Reads into `target` from `position`; resolves to the count of bytes, less only at the end. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** The size in bytes. */
  size(): Promise<number>;
  /** Cuts or extends with zeros to `bytes`. */
  truncate(bytes: number): Promise<void>;
  /** Closes; no method may follow. */
  close(): Promise<void>;
}

/** A failed file call. `code` is the system's word, such as `ENOSPC`. */
export class FileError extends Error {
  override readonly name = "FileError";
  readonly code: string;
  readonly path: string;

  /** Creates the error around its cause. */
  constructor(code: string, path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.path = path;
  }
}

/** A lock that another live process holds. */
export class LockedError extends Error {
  override readonly name = "LockedError";
  /** The process that holds it, or null where that is not known. */
  readonly holderPid: number | null;

  /** Creates the error for the lock at `path`. */
  constructor(path: string, holderPid: number | null) {
    super(`Cannot lock "${path}": held by process ${holderPid ?? "unknown"}`);
    this.holderPid = holderPid;
  }
}
