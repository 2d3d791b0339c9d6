/**
 * The three standard streams.
 *
 * @module
 */
import process from "node:process";
import type { InputStream, OutputStream } from "../process.ts";
import { plainBytes } from "./plain_bytes.ts";
import { fileError, systemErrorCode } from "./system_error.ts";

const COLUMNS_DEFAULT = 80;

/** What a reader that went away leaves behind; a destroyed stream says the second. */
const READER_GONE = ["EPIPE", "ERR_STREAM_DESTROYED", "ECONNRESET"];

/** Standard output or standard error. The stream is opened by its first use. */
export class SystemOutput implements OutputStream {
  readonly #open: () => NodeJS.WriteStream;
  #stream: NodeJS.WriteStream | null = null;
  #readerIsGone = false;

  /** Takes a function, because a stream that nobody uses need not be opened. */
  constructor(open: () => NodeJS.WriteStream) {
    this.#open = open;
  }

  /** Whether a person reads it. */
  get isTerminal(): boolean {
    return this.#get().isTTY === true;
  }

  /** The width of the terminal. */
  get columns(): number {
    return this.#get().columns || COLUMNS_DEFAULT;
  }

  /** Whether a write has found nobody at the other end. */
  get readerIsGone(): boolean {
    return this.#readerIsGone;
  }

  /** Writes; resolves when the bytes were taken or the reader is gone. */
  write(bytes: Uint8Array | string): Promise<void> {
    if (this.#readerIsGone || bytes.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = (error?: Error | null): void => {
        if (!error || this.#isReaderGone(error)) resolve();
        else reject(fileError({ verb: "write", path: "standard output", error }));
      };
      this.#get().write(bytes, done);
    });
  }

  #isReaderGone(error: unknown): boolean {
    if (READER_GONE.includes(systemErrorCode(error))) this.#readerIsGone = true;
    return this.#readerIsGone;
  }

  #get(): NodeJS.WriteStream {
    if (this.#stream !== null) return this.#stream;
    this.#stream = this.#open();
    // Without a listener a closed pipe would end the program with a stack trace. Other errors
    // reach the callback of the write.
    this.#stream.on("error", (error) => this.#isReaderGone(error));
    return this.#stream;
  }
}

/** Standard input. */
export class SystemInput implements InputStream {
  /** Whether a person types. */
  get isTerminal(): boolean {
    return process.stdin.isTTY === true;
  }

  /** The chunks up to the end of input. */
  async *chunks(): AsyncIterable<Uint8Array> {
    for await (const chunk of process.stdin) {
      yield typeof chunk === "string" ? new TextEncoder().encode(chunk) : plainBytes(chunk);
    }
  }

  /** Calls `callback` once when the input ends. */
  onEnd(callback: () => void): void {
    process.stdin.once("end", callback);
    process.stdin.once("error", callback);
    process.stdin.resume();
    // An open input alone is no reason to go on; one that is a file has nothing to give back.
    process.stdin.unref?.();
  }
}
