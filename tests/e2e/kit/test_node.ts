import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { type Ending, OwnProcess, type SignalName } from "./own_process.ts";
import { cleanEnvironment, raftCommand } from "./run_raft.ts";

/** What a node is. */
export interface TestNodeOptions {
  readonly id: number;
  readonly address: string;
  /** The folder of the test; the node's files are `ID`, `ID.log` and `ID.ready` in it. */
  readonly folder: string;
  /** Flags of `raft start` besides id, data and where to listen. */
  readonly flags: readonly string[];
  /** What the command line begins with, such as words that limit what the process may have. */
  readonly prefix?: readonly string[];
}

/** A node of a test: `raft start` as a process that can be stopped, killed and started again. */
export class TestNode {
  readonly id: number;
  readonly address: string;
  readonly dataPath: string;
  readonly logPath: string;
  readonly #readyPath: string;
  readonly #flags: readonly string[];
  readonly #prefix: readonly string[];
  #process: OwnProcess | null = null;

  /** Creates a node that does not run. */
  constructor({ id, address, folder, flags, prefix = [] }: TestNodeOptions) {
    this.id = id;
    this.address = address;
    this.dataPath = join(folder, String(id));
    this.logPath = join(folder, `${id}.log`);
    this.#readyPath = join(folder, `${id}.ready`);
    this.#flags = flags;
    this.#prefix = prefix;
  }

  /** The process of its last start. */
  get process(): OwnProcess {
    assert(this.#process !== null, `node ${this.id} was never started`);
    return this.#process;
  }

  /** Whether its process exists, be it stopped or not. */
  get isRunning(): boolean {
    return this.#process?.isRunning ?? false;
  }

  /** Everything that it has logged, over all its starts. */
  get log(): string {
    return existsSync(this.logPath) ? readFileSync(this.logPath, "utf8") : "";
  }

  /** Starts it with more flags than it always has, and does not wait. */
  spawn(flags: readonly string[] = []): OwnProcess {
    return this.#spawn(["--listen", this.address, ...this.#flags, ...flags]);
  }

  #spawn(flags: readonly string[]): OwnProcess {
    assert(!this.isRunning, `node ${this.id} runs already`);
    rmSync(this.#readyPath, { force: true });
    this.#process = new OwnProcess({
      command: [
        ...this.#prefix,
        ...raftCommand,
        ...["start", "--id", String(this.id), "--data", this.dataPath],
        ...["--ready-file", this.#readyPath, "--log-format", "text", "--stop-with-input"],
        ...flags,
      ],
      logPath: this.logPath,
      environment: cleanEnvironment(),
    });
    return this.#process;
  }

  /** Resolves when it listens; fails the test where it ends instead. */
  async ready(): Promise<void> {
    await eventually({
      what: `node ${this.id} to be ready`,
      look: () => {
        assert(this.isRunning, `Node ${this.id} ended before it was ready`);
        return existsSync(this.#readyPath) || null;
      },
    });
  }

  /** Starts it and waits until it listens. */
  async start(flags: readonly string[] = []): Promise<void> {
    this.spawn(flags);
    await this.ready();
  }

  /** Starts it with its id, its data directory and these flags alone; waits until it listens. */
  async startAgain(flags: readonly string[] = []): Promise<void> {
    this.#spawn(flags);
    await this.ready();
  }

  /** Kills it as a crash would. */
  async kill(): Promise<void> {
    await this.process.kill();
  }

  /** Sends it a signal. */
  signal(name: SignalName): void {
    this.process.signal(name);
  }

  /** Stops it in good order. */
  stop(): Promise<Ending> {
    this.signal("SIGTERM");
    return this.process.ended;
  }
}
