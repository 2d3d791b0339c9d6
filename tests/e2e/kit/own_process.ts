/**
 * Processes that a test starts: the only ones that it ever signals, by their handles. None outlives
 * the test runner.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import process from "node:process";

/** How a process ended: with a code, or by a signal. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

/** What to start. */
export interface SpawnOptions {
  readonly command: readonly string[];
  /** Where its standard output and error go; unless told they are kept, see `output`. */
  readonly logPath?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The folder that it works in; that of the tests unless told. */
  readonly folder?: string;
}

/** Signals that the tests send. */
export type SignalName = "SIGCONT" | "SIGHUP" | "SIGINT" | "SIGKILL" | "SIGSTOP" | "SIGTERM";

const running = new Set<ChildProcess>();

process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Resolves when the process has ended and its output was read. */
function endOf(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => {
      running.delete(child);
      reject(error);
    });
    child.once("exit", () => running.delete(child));
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
}

/** A process that a test started. */
export class OwnProcess {
  readonly pid: number;
  /** Resolves when it has ended and everything that it wrote is there. */
  readonly ended: Promise<Ending>;
  /** What it wrote, where no log path was given. */
  readonly output: { readonly stdout: Uint8Array[]; readonly stderr: Uint8Array[] };
  readonly #child: ChildProcess;

  /** Starts it. Its standard input stays open and empty as long as this process lives. */
  constructor({ command, logPath, environment, folder }: SpawnOptions) {
    const [program, ...words] = command;
    const log = logPath === undefined ? "pipe" : openSync(logPath, "a");
    const child = spawn(program!, words, {
      stdio: ["pipe", log, log],
      env: { ...(environment ?? process.env) },
      cwd: folder,
    });
    if (typeof log === "number") closeSync(log);
    running.add(child);
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.output = { stdout: [], stderr: [] };
    // A process that ends before its input does is nothing to fail for.
    child.stdin?.on("error", () => {});
    child.stdout?.on("data", (chunk: Uint8Array) => this.output.stdout.push(chunk));
    child.stderr?.on("data", (chunk: Uint8Array) => this.output.stderr.push(chunk));
    this.ended = endOf(child);
  }

  /** Whether it has not ended yet; a stopped process runs. */
  get isRunning(): boolean {
    return running.has(this.#child);
  }

  /** Sends a signal; does nothing to a process that has ended. */
  signal(name: SignalName): void {
    if (this.isRunning) this.#child.kill(name);
  }

  /** Ends its standard input, after these bytes or this text. */
  endInput(input: string | Uint8Array = ""): void {
    this.#child.stdin?.end(input);
  }

  /** Kills it as a crash would, also where it is stopped; resolves when it is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
  }
}
