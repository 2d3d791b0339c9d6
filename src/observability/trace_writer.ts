/**
 * Writes the transitions of cores to a file, one JSON object a line, as the TLA+ trace reader of
 * etcd-io/raft takes them: see docs/TRACE.md.
 *
 * @module
 */
import type { Tracer, Transition } from "../consensus/tracing.ts";
import type { Clock, File, Runtime } from "../runtime/runtime.ts";
import type { Logger } from "./logger.ts";

/** Lines wait for the end of the turn, or until they have this many characters. */
const PENDING_CHARACTERS_MAX = 1024 * 1024;

const utf8 = new TextEncoder();

/** One line of a trace, without its end. */
export function traceLine(transition: Transition): string {
  return JSON.stringify({ tag: "trace", event: transition });
}

/** A file that traces go to. */
export class TraceWriter {
  readonly #file: File;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #position: number;
  #pending = "";
  #scheduled = false;
  #failed = false;

  private constructor(file: File, position: number, options: { clock: Clock; logger: Logger }) {
    this.#file = file;
    this.#position = position;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /**
   * Opens `path` and writes behind what it holds.
   *
   * @throws {FileError} If it cannot be opened.
   */
  static async open(runtime: Runtime, path: string, logger: Logger): Promise<TraceWriter> {
    const file = await runtime.files.open(path, "write");
    return new TraceWriter(file, await file.size(), { clock: runtime.clock, logger });
  }

  /**
   * Opens `path` for a trace of its own, and forgets what it held.
   *
   * @throws {FileError} If it cannot be opened.
   */
  static async create(runtime: Runtime, path: string, logger: Logger): Promise<TraceWriter> {
    const file = await runtime.files.open(path, "write");
    await file.truncate(0);
    return new TraceWriter(file, 0, { clock: runtime.clock, logger });
  }

  /** Takes transitions, of one core or of several in one order. */
  readonly tracer: Tracer = (transition) => {
    if (this.#failed) return;
    this.#pending += `${traceLine(transition)}\n`;
    if (this.#pending.length >= PENDING_CHARACTERS_MAX) this.#flush();
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.defer(() => {
      this.#scheduled = false;
      this.#flush();
    });
  };

  /** Writes what waits, and closes the file. */
  async close(): Promise<void> {
    this.#flush();
    this.#failed = true;
    await this.#file.close();
  }

  /** A trace that cannot be written harms nobody: the node goes on without. */
  #flush(): void {
    if (this.#failed || this.#pending === "") return;
    const bytes = utf8.encode(this.#pending);
    this.#pending = "";
    try {
      this.#file.write([bytes], this.#position);
      this.#position += bytes.length;
    } catch (error) {
      this.#failed = true;
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger.error("Cannot write the trace: it ends here", { path: this.#file.path, reason });
    }
  }
}
