import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePorts } from "./free_ports.ts";
import { type Answer, documentOf, type Json, runRaft } from "./run_raft.ts";
import { TestNode } from "./test_node.ts";

/** Elections that do not take long. */
const TIMING = ["--heartbeat", "50ms", "--election-timeout", "500ms"];

/** How it begins. */
export interface ChangingNodesOptions {
  /** The voters at the beginning; their ids follow each other from 1 on. */
  readonly voters: number;
  /** The nodes that are to join; their ids go on. */
  readonly joining: number;
  /** More flags of every `raft start`. */
  readonly flags: readonly string[];
}

/** Nodes of one cluster, of which some are members from the beginning and others join later. */
export class ChangingNodes {
  readonly folder: string;
  readonly nodes: readonly TestNode[];

  private constructor(folder: string, nodes: readonly TestNode[]) {
    this.folder = folder;
    this.nodes = nodes;
  }

  /** Makes the nodes; none runs. */
  static async create({ voters, joining, flags }: ChangingNodesOptions): Promise<ChangingNodes> {
    const folder = mkdtempSync(join(tmpdir(), "raft-e2e-"));
    const ports = await findFreePorts(voters + joining);
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    const first = addresses.slice(0, voters);
    const peers = first.map((address, position) => `${position + 1}=${address}`).join(",");
    const nodes = addresses.map((address, position) => {
      const formation = position < voters ? ["--peers", peers] : ["--join", first.join(",")];
      return new TestNode({
        id: position + 1,
        address,
        folder,
        flags: ["--cluster", "e2e", ...TIMING, ...formation, ...flags],
      });
    });
    return new ChangingNodes(folder, nodes);
  }

  /** Every address, also of nodes that do not run. */
  get endpoints(): string[] {
    return this.nodes.map(({ address }) => address);
  }

  /** The node with this id. */
  node(id: number): TestNode {
    return this.nodes[id - 1]!;
  }

  /** Runs a command line against all nodes, with the answer as JSON. */
  run(words: readonly string[]): Promise<Answer> {
    return runRaft([...words, "--endpoints", this.endpoints.join(","), "-o", "json"]);
  }

  /** The document of a command line that has to succeed. */
  async document(words: readonly string[]): Promise<Json> {
    return documentOf(await this.run(words));
  }

  /** How often the nodes have logged a line with this text, all of them together. */
  countLines(text: string): number {
    return this.nodes.reduce((sum, { log }) => sum + log.split(text).length - 1, 0);
  }

  /** Keeps the logs in a folder, which is made where it is missing. */
  copyLogs(path: string): void {
    mkdirSync(path, { recursive: true });
    for (const { id, logPath } of this.nodes) {
      if (existsSync(logPath)) copyFileSync(logPath, join(path, `${id}.log`));
    }
  }

  /** Prints the last lines of every log. */
  showLogs(lines = 40): void {
    for (const { id, log } of this.nodes) {
      const last = log.trimEnd().split("\n").slice(-lines);
      console.error(last.map((line) => `node ${id}: ${line}`).join("\n"));
    }
  }

  /** Ends every process and removes the folder. */
  async dispose(): Promise<void> {
    await Promise.all(this.nodes.filter(({ isRunning }) => isRunning).map((node) => node.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
