/**
 * Nodes of this same program as processes on this machine. Whatever happens to this process, they
 * end: by signal, by their pid when it exits, and by the pipe that it holds when it is killed.
 *
 * @module
 */
import { assert } from "../../assert.ts";
import type { ChildProcess, HostProcess } from "../../runtime/process.ts";
import type { Address, NodeId } from "../../types.ts";
import type { Runtime } from "../../runtime/runtime.ts";

/** How long a node may take to stop in good order before it is killed, in milliseconds. */
const STOP_TIMEOUT_MS = 3_000;

/** How much of a log is shown when a node fails. */
const LOG_LINES_SHOWN_MAX = 5;

/** Variables that would make the executable do something else than run a node. */
const SCRUBBED_VARIABLES = ["BUN_BE_BUN", "BUN_OPTIONS", "NODE_OPTIONS"];

/** A node of the cluster. */
export interface LocalNode {
  readonly id: NodeId;
  readonly address: Address;
  readonly dataPath: string;
  readonly logPath: string;
  /** The flags that say how it comes to the cluster. */
  readonly formation: readonly string[];
}

/** What a cluster is made of. */
export interface LocalClusterOptions {
  readonly host: HostProcess;
  readonly runtime: Runtime;
  readonly directory: string;
  /** Where the nodes are that found the cluster. */
  readonly addresses: readonly Address[];
}

/** The environment of a node: nothing that changes what it is. */
export function nodeEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const kept = Object.entries(environment).filter(([name]) =>
    !SCRUBBED_VARIABLES.includes(name) && !name.startsWith("RAFT_")
  );
  return Object.fromEntries(kept);
}

/** Starts, kills and restarts nodes. */
export class LocalCluster {
  /** Resolves when a node has ended that nobody stopped or killed. */
  readonly endedByItself: Promise<NodeId>;
  readonly #options: LocalClusterOptions;
  readonly #children = new Map<NodeId, ChildProcess>();
  readonly #nodes: LocalNode[];
  /** Nodes that are to end by themselves. */
  readonly #leaving = new Set<NodeId>();
  readonly #releaseExit: () => void;
  #reportEnd: (id: NodeId) => void = () => {};
  #isStopped = false;

  /** Creates a cluster of which no node runs. */
  constructor(options: LocalClusterOptions) {
    this.#options = options;
    const peers = options.addresses.map((address, position) => `${position + 1}=${address}`);
    const formation = ["--peers", peers.join(",")];
    this.#nodes = options.addresses.map((address, position) =>
      this.#describe(position + 1, { address, formation })
    );
    this.endedByItself = new Promise((resolve) => this.#reportEnd = resolve);
    this.#releaseExit = options.host.onExit(() => this.killAll());
  }

  /** Those that belong to the cluster, by ascending id. */
  get nodes(): readonly LocalNode[] {
    return this.#nodes;
  }

  /** Every address. */
  get endpoints(): readonly Address[] {
    return this.nodes.map(({ address }) => address);
  }

  /** The process of a node that runs, or null. */
  pidOf(id: NodeId): number | null {
    return this.#children.get(id)?.pid ?? null;
  }

  /** Starts a node; nothing is started any more once the cluster was stopped. */
  start(id: NodeId): void {
    if (this.#isStopped) throw new Error(`Cannot start node ${id}: the cluster was stopped`);
    assert(!this.#children.has(id), () => `node ${id} runs already`);
    const { host } = this.#options;
    const node = this.#node(id);
    const child = host.spawn({
      command: [
        ...host.ownCommand,
        ...["start", "--id", String(id), "--data", node.dataPath],
        ...["--listen", node.address, ...node.formation, "--cluster", "demo"],
        ...["--log-format", "text", "--stop-with-input"],
      ],
      environment: nodeEnvironment(host.environment),
      logPath: node.logPath,
    });
    this.#children.set(id, child);
    child.ended.then(() => {
      if (this.#children.get(id) !== child) return;
      this.#children.delete(id);
      if (!this.#leaving.has(id)) this.#reportEnd(id);
    });
  }

  /** Describes one more node, which is to join the others; `start` starts it. */
  add(address: Address): LocalNode {
    const id = Math.max(...this.#nodes.map((node) => node.id)) + 1;
    const formation = ["--join", this.endpoints.join(",")];
    const node = this.#describe(id, { address, formation });
    this.#nodes.push(node);
    return node;
  }

  /** Resolves with the exit code of a node that ends by itself as it has left the cluster. */
  async left(id: NodeId): Promise<number | null> {
    const child = this.#children.get(id);
    assert(child !== undefined, () => `node ${id} does not run`);
    this.#leaving.add(id);
    const { code } = await child.ended;
    this.#nodes.splice(this.#nodes.findIndex((node) => node.id === id), 1);
    return code;
  }

  /** Kills a node as a crash would; resolves when it is dead. */
  async kill(id: NodeId): Promise<void> {
    const child = this.#children.get(id);
    assert(child !== undefined, () => `node ${id} does not run`);
    this.#children.delete(id);
    child.kill("SIGKILL");
    await child.ended;
  }

  /** The ids of the nodes that run. */
  running(): readonly NodeId[] {
    return [...this.#children.keys()].sort((a, b) => a - b);
  }

  /** The last lines that a node logged. */
  async lastLogLines(id: NodeId): Promise<readonly string[]> {
    try {
      const bytes = await this.#options.host.files.read(this.#node(id).logPath);
      const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
      return lines.slice(-LOG_LINES_SHOWN_MAX).map((line) => `node ${id}: ${line}`);
    } catch {
      return [`node ${id}: no log`];
    }
  }

  /** Stops every node in good order, and by force what does not. */
  async stop(): Promise<void> {
    const { clock } = this.#options.runtime;
    this.#isStopped = true;
    const children = [...this.#children.values()];
    for (const child of children) child.kill("SIGTERM");
    const timer = clock.setTimer(() => this.killAll(), STOP_TIMEOUT_MS);
    await Promise.all(children.map(({ ended }) => ended));
    clock.clearTimer(timer);
    this.#releaseExit();
  }

  /** Kills every node at once; for the end of this process, so it does not wait. */
  killAll(): void {
    for (const child of this.#children.values()) child.kill("SIGKILL");
  }

  #describe(
    id: NodeId,
    more: { readonly address: Address; readonly formation: readonly string[] },
  ): LocalNode {
    const path = `${this.#options.directory}/${id}`;
    return { id, dataPath: path, logPath: `${path}.log`, ...more };
  }

  #node(id: NodeId): LocalNode {
    const node = this.nodes.find((candidate) => candidate.id === id);
    assert(node !== undefined, () => `there is no node ${id}`);
    return node;
  }
}
