/**
 * The compiled binary for end-to-end tests: runs commands, starts nodes, and leaves nothing behind.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The binary under test. */
export const binary = process.env["RAFT_BINARY"] ?? join(root, "dist", "raft");

/** The environment without what would change what the binary does. */
export const cleanEnvironment: Record<string, string> = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || /^(RAFT_|BUN_|NODE_|FORCE_COLOR)/.test(name) ? [] : [[name, value]]
  ),
);

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly bytes: Uint8Array;
  readonly output: string;
  readonly errors: string;
  readonly millis: number;
}

/** How to run a command. */
export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly environment?: Record<string, string>;
  readonly cwd?: string;
}

/** Collects what a child says until it ends. */
export function collect(child: ChildProcess): Promise<Ended> {
  const startMs = performance.now();
  const output: Uint8Array[] = [];
  const errors: Uint8Array[] = [];
  child.stdout?.on("data", (chunk) => output.push(chunk));
  child.stderr?.on("data", (chunk) => errors.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const bytes = new Uint8Array(Buffer.concat(output));
      resolve({
        code,
        signal,
        bytes,
        output: new TextDecoder().decode(bytes),
        errors: new TextDecoder().decode(Buffer.concat(errors)),
        millis: performance.now() - startMs,
      });
    });
  });
}

/** Runs a command to its end. */
export function raft(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = spawn(binary, words, {
    env: { ...cleanEnvironment, ...options.environment },
    cwd: options.cwd,
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  return collect(child);
}

/** Resolves after so many milliseconds. */
export function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

/** Ports that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(servers.map((server) =>
    new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
    })
  ));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Whether a process with this id lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A node that was started. */
export interface StartedNode {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly log: () => string;
}

/** A directory, and the nodes that were started in it. */
export class Workbench {
  readonly directory = mkdtempSync(join(tmpdir(), "raft-e2e-"));
  readonly #nodes: StartedNode[] = [];

  /** A path in the directory. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /** Starts `raft start` with these words; `name` names its log. */
  start(name: string, words: readonly string[]): StartedNode {
    const logPath = this.path(`${name}.log`);
    const log = openSync(logPath, "a");
    const child = spawn(binary, ["start", "--log-format", "text", ...words], {
      env: cleanEnvironment,
      cwd: this.directory,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    const text = (): string => existsSync(logPath) ? readFileSync(logPath, "utf8") : "";
    const node = { child, pid: child.pid ?? 0, ended, log: text };
    this.#nodes.push(node);
    return node;
  }

  /** Kills what runs and removes the directory. */
  async close(): Promise<void> {
    for (const { child } of this.#nodes) child.kill("SIGKILL");
    await Promise.all(this.#nodes.map(({ ended }) => ended));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Three nodes that know each other. */
export class TestCluster {
  readonly bench: Workbench;
  readonly addresses: readonly string[];
  readonly nodes = new Map<number, StartedNode>();

  constructor(bench: Workbench, addresses: readonly string[]) {
    this.bench = bench;
    this.addresses = addresses;
  }

  /** Starts the nodes and waits for a leader. */
  static async start(bench: Workbench, count = 3): Promise<TestCluster> {
    const ports = await freePorts(count);
    const cluster = new TestCluster(bench, ports.map((port) => `127.0.0.1:${port}`));
    for (let id = 1; id <= count; id += 1) cluster.startNode(id);
    const ready = await cluster.run(["wait", "healthy", "--timeout", "60s"]);
    if (ready.code !== 0) throw new Error(`The cluster is not healthy: ${ready.errors}`);
    return cluster;
  }

  /** Every address, for `--endpoints`. */
  get endpoints(): string {
    return this.addresses.join(",");
  }

  /** Starts a node, or starts it again. */
  startNode(id: number): void {
    const peers = this.addresses.map((address, position) => `${position + 1}=${address}`);
    const words = ["--id", String(id), "--data", `node-${id}`, "--peers", peers.join(",")];
    this.nodes.set(id, this.bench.start(`node-${id}`, words));
  }

  /** Ends a node as a crash would. */
  async kill(id: number): Promise<void> {
    const node = this.nodes.get(id)!;
    node.child.kill("SIGKILL");
    await node.ended;
    this.nodes.delete(id);
  }

  /** Runs a command against the cluster. */
  run(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return raft([...words, "-e", this.endpoints], options);
  }

  /** Runs a command and reads its document. */
  // deno-lint-ignore no-explicit-any
  async json(words: readonly string[]): Promise<any> {
    const { code, output, errors } = await this.run([...words, "-o", "json"]);
    if (output === "") throw new Error(`raft ${words.join(" ")}: exit ${code}: ${errors}`);
    return JSON.parse(output);
  }
}
