/**
 * A cluster of some system as the benchmark sees it: processes on loopback, each with a directory
 * of its own, that can be killed and started again.
 *
 * @module
 */
import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { eventually } from "../../tests/e2e/kit/eventually.ts";
import { OwnProcess } from "../../tests/e2e/kit/own_process.ts";
import type { LoadPlan } from "./load_plan.ts";

const START_LIMIT_MS = 300_000;

/** How nodes are to run. */
export interface ClusterOptions {
  /** Where the data goes; the folder is the cluster's own. */
  readonly folder: string;
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  /** Whether logs are compacted; where not, the log holds everything that was ever written. */
  readonly compaction: boolean;
  /** 3 unless told. */
  readonly nodeCount?: number;
  /** How late messages between nodes arrive; raft alone can do other than at once. */
  readonly delayMs?: number;
}

const NODES_DEFAULT = 3;

/** How many nodes a cluster is to have. */
export function nodeCountOf({ nodeCount = NODES_DEFAULT }: ClusterOptions): number {
  return nodeCount;
}

/** A system under measurement. */
export interface System {
  /** As in `--against`. */
  readonly name: string;
  /** Whether every node answers linearizable gets. */
  readonly readsAtFollowers?: boolean;
  /** Whether it is this program, whatever runs it: its nodes answer stale gets. */
  readonly isOwn?: boolean;
  /** How it is called in the results of a measurement; by its name unless given. */
  labelOf?(measurement: string): string;
  /** What is measured, with its version. */
  describe(): string;
  /** Why it cannot be measured here; null where it can. */
  missing(): string | null;
  /** Makes a cluster of which no node runs. */
  create(options: ClusterOptions): Promise<Cluster>;
}

/** One node. */
export interface ClusterNode {
  /** Where its clients connect. */
  readonly address: string;
  readonly pid: number;
  readonly isRunning: boolean;
  readonly dataPath: string;
}

/** Writes one by one, whoever leads. */
export interface Prober {
  /** Tries to write once; true when the write was acknowledged. */
  put(): Promise<boolean>;
  close(): void;
}

/** A node and the process of its last start; null where it was killed or never started. */
class Node implements ClusterNode {
  readonly address: string;
  readonly dataPath: string;
  process: OwnProcess | null = null;

  constructor(address: string, dataPath: string) {
    this.address = address;
    this.dataPath = dataPath;
  }

  get pid(): number {
    return this.process?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.process?.isRunning ?? false;
  }
}

/** What the systems share. */
export abstract class Cluster {
  readonly options: ClusterOptions;
  readonly #nodes: readonly Node[];

  /** Creates it; the addresses are those for clients. */
  constructor(options: ClusterOptions, addresses: readonly string[]) {
    this.options = options;
    rmSync(options.folder, { recursive: true, force: true });
    mkdirSync(options.folder, { recursive: true });
    this.#nodes = addresses.map((address, position) =>
      new Node(address, join(options.folder, String(position + 1)))
    );
  }

  /** The command that runs node number `position`, counted from 0. */
  protected abstract nodeCommand(position: number): readonly string[];

  /** The command that puts this load on the cluster; it prints a document like `raft bench`. */
  abstract loadCommand(plan: LoadPlan): readonly string[];

  /** Whether a node says that it leads; false where it does not answer. */
  abstract isLeader(node: ClusterNode): Promise<boolean>;

  /** How far a node has applied; null where it does not answer. */
  abstract appliedIndex(node: ClusterNode): Promise<number | null>;

  /** A writer for measurements of failover. */
  abstract prober(): Promise<Prober>;

  /** Every node. */
  get nodes(): readonly ClusterNode[] {
    return this.#nodes;
  }

  /** The environment of the nodes. */
  protected environment(): Readonly<Record<string, string | undefined>> {
    return process.env;
  }

  /** Starts one node and does not wait. */
  spawn(position: number): void {
    const node = this.#nodes[position]!;
    assert(!node.isRunning, `node ${position + 1} runs already`);
    mkdirSync(node.dataPath, { recursive: true });
    node.process = new OwnProcess({
      command: this.nodeCommand(position),
      logPath: `${node.dataPath}.log`,
      environment: this.environment(),
    });
  }

  /** Starts every node that does not run, and waits until one leads. */
  async start(): Promise<ClusterNode> {
    this.#nodes.forEach((node, position) => {
      if (!node.isRunning) this.spawn(position);
    });
    return await this.leader();
  }

  /** The node that leads, as soon as one does. */
  leader(): Promise<ClusterNode> {
    return eventually({
      what: "a leader",
      withinMs: START_LIMIT_MS,
      look: async () => {
        for (const [position, node] of this.#nodes.entries()) {
          const ended = node.process !== null && !node.isRunning;
          assert(!ended, `Node ${position + 1} ended by itself: see ${node.dataPath}.log`);
          if (node.isRunning && await this.isLeader(node)) return node;
        }
        return null;
      },
    });
  }

  /** Kills one node as a crash would. */
  async kill(position: number): Promise<void> {
    const node = this.#nodes[position]!;
    await node.process?.kill();
    node.process = null;
  }

  /** Removes what a node, which does not run, has stored. */
  wipe(position: number): void {
    const node = this.#nodes[position]!;
    assert(!node.isRunning, `node ${position + 1} runs`);
    rmSync(node.dataPath, { recursive: true, force: true });
  }

  /** Ends every process and removes the folder. */
  async dispose(): Promise<void> {
    await Promise.all(this.#nodes.map((_, position) => this.kill(position)));
    rmSync(this.options.folder, { recursive: true, force: true });
  }
}
