/**
 * The process around the program, as the command line sees it: arguments, environment, the three
 * standard streams, signals, child processes and the few file operations that people's files need.
 * Nodes and clients never use it: they have the Runtime.
 *
 * @module
 */

import type { HttpServer, HttpServerOptions } from "./http.ts";

/** The signals that the program reacts to or sends. */
export type SignalName = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGKILL" | "SIGSTOP" | "SIGCONT";

/** Standard output or standard error. */
export interface OutputStream {
  /** Whether a person reads it on a terminal. */
  readonly isTerminal: boolean;
  /** The width of the terminal, 80 where it is not known. */
  readonly columns: number;
  /** Whether its reader has gone away, as far as the writes so far have shown. */
  readonly readerIsGone: boolean;
  /**
   * Writes all of `bytes`; resolves when more may be written. A reader that has gone away
   * (`raft ls | head`) is no error: what follows is dropped.
   */
  write(bytes: Uint8Array | string): Promise<void>;
}

/** Standard input. */
export interface InputStream {
  /** Whether a person types. */
  readonly isTerminal: boolean;
  /** The chunks up to the end of input; to be called once. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Calls `callback` once when the input ends; for a parent that holds the other side. */
  onEnd(callback: () => void): void;
}

/** How to start another program. */
export interface SpawnOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** The whole environment of the child. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The file that its standard output and standard error are appended to. */
  readonly logPath: string;
}

/** How a child ended: with a code, or by a signal. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/**
 * A running child. Its standard input is a pipe that this process holds and never writes to, so
 * that a child which watches it learns of the death of its parent.
 */
export interface ChildProcess {
  readonly pid: number;
  /** Resolves when it has ended; never rejects. */
  readonly ended: Promise<ChildExit>;
  /** Sends a signal; no error if it has ended. */
  kill(signal: SignalName): void;
}

/** What a line editor offers for TAB: the candidates and the text that they replace. */
export interface LineCompletion {
  readonly candidates: readonly string[];
  readonly replaces: string;
}

/** How to open a {@linkcode LineEditor}. */
export interface LineEditorOptions {
  readonly prompt: string;
  /** Called for TAB with the text before the cursor. */
  readonly complete: (text: string) => Promise<LineCompletion>;
  /** Called for each line that was entered. */
  readonly onLine: (line: string) => void;
  /** Called once at the end of input or for Ctrl-C on an empty line. */
  readonly onClose: () => void;
}

/** Reads lines from a terminal, with history and TAB. */
export interface LineEditor {
  /** Shows the prompt and takes the next line; nothing happens after the end of input. */
  prompt(): void;
  /** Gives the terminal back. */
  close(): void;
}

/** A pipe inside this process: lines that are written come out of `readable`. */
export interface LinePipe {
  /** The stream as the runtime knows it (a Node stream). */
  readonly readable: unknown;
  /** A stream that swallows what is written to it. */
  readonly sink: unknown;
  /**
   * Writes a line, in a later turn of the loop: a reader that is about to ask for it is in time.
   */
  write(line: string): void;
  /** Ends the stream. */
  close(): void;
}

/** A file that only grows. */
export interface AppendFile {
  /** Appends `text` before it returns; a crash of this process keeps it. */
  append(text: string): void;
  /** Closes the file. */
  close(): void;
}

/** The files that people name on the command line; errors are FileErrors. */
export interface UserFiles {
  /** The whole file. */
  read(path: string): Promise<Uint8Array>;
  /** Replaces the file in one step, so that a reader never sees half of it. */
  replace(path: string, text: string): Promise<void>;
  /** Opens a file to append to; creates it if need be. */
  openAppend(path: string): AppendFile;
  /** Creates a directory and those above it. */
  makeDirectory(path: string): Promise<void>;
  /** A fresh directory for temporary files. */
  makeTemporaryDirectory(prefix: string): Promise<string>;
  /** Removes a directory with all it holds; no error if there is none. Blocks. */
  removeDirectory(path: string): void;
}

/** What this machine gives to programs; null where that cannot be known. */
export interface MachineFacts {
  /** The room in the file system of `path`, for this user. */
  diskSpace(
    path: string,
  ): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | null>;
  /** Whether `path` belongs to this user, and who may read it (the low bits of its mode). */
  ownership(path: string): Promise<{ readonly isOwn: boolean; readonly mode: number } | null>;
  /** How many files one process may hold open. */
  openFilesMax(): Promise<number | null>;
}

/** What the process has taken of its machine. */
export interface ProcessUsage {
  /** The memory that it occupies now. */
  readonly residentBytes: number;
  /** The processor time since its start, of all its threads. */
  readonly cpuSeconds: number;
}

/** The process. */
export interface HostProcess {
  readonly pid: number;
  /** What follows the program's name. */
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The command that starts this same program again, without its arguments. */
  readonly ownCommand: readonly string[];
  readonly standardInput: InputStream;
  readonly standardOutput: OutputStream;
  readonly standardError: OutputStream;
  readonly files: UserFiles;
  readonly machine: MachineFacts;
  /** Monotonic milliseconds with a fraction, for deadlines. */
  nowMs(): number;
  /** What this process has taken of its machine. */
  usage(): ProcessUsage;
  /** Listens for requests of pages. Rejects with a NetworkError. */
  listenHttp(options: HttpServerOptions): Promise<HttpServer>;
  /** Sets the code to end with; the process ends when nothing is left to do. */
  setExitCode(code: number): void;
  /** Ends now. What was written to a pipe and not yet taken is lost: for emergencies only. */
  exitNow(code: number): void;
  /** Calls `callback` for each such signal instead of dying by it; returns how to stop that. */
  onSignal(signal: SignalName, callback: () => void): () => void;
  /** Calls `callback` when the process ends by itself or by an error; it must not wait. */
  onExit(callback: () => void): () => void;
  /** Starts a child. */
  spawn(options: SpawnOptions): ChildProcess;
  /** Opens a line editor on the terminal. */
  openLineEditor(options: LineEditorOptions): LineEditor;
  /** A pipe inside this process, for a library that wants to read lines from a stream. */
  openLinePipe(): LinePipe;
}
