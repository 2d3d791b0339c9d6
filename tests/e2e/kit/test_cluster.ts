/**
 * Clusters of real nodes on loopback ports, in a temporary folder, cleaned up whatever happens.
 *
 * @example
 * ```ts ignore
 * describeCluster({ name: "a cluster", nodeCount: 3 }, (clusterIt) => {
 *   clusterIt("answers", async (cluster) => {
 *     assertExit(await cluster.run(["put", "key", "value"]), 0);
 *   });
 * });
 * ```
 *
 * @module
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { detectRuntime, KeyValueClient, RaftClient } from "../../../mod.ts";
import { eventually, TEST_TIMEOUT_MS } from "./eventually.ts";
import { findFreePorts } from "./free_ports.ts";
import { PeerProxies } from "./peer_proxies.ts";
import { type Answer, documentOf, type Json, runRaft } from "./run_raft.ts";
import { TestNode } from "./test_node.ts";

const LOG_LINES_SHOWN_MAX = 30;

/** How a cluster is made. */
export interface ClusterOptions {
  /** 3 unless told. */
  readonly nodeCount?: number;
  /** More flags of every `raft start`. */
  readonly flags?: readonly string[];
  /** What the command line of every node begins with. */
  readonly prefix?: readonly string[];
  /** Whether the nodes reach each other by proxies, see `isolate`. */
  readonly isProxied?: boolean;
}

/** A cluster of processes. */
export class TestCluster {
  /** The folder with the nodes' files; a test may put its own there. */
  readonly folder: string;
  readonly nodes: readonly TestNode[];
  readonly #proxies: PeerProxies | null;
  readonly #clients: RaftClient[] = [];

  private constructor(
    folder: string,
    { nodes, proxies }: { nodes: readonly TestNode[]; proxies: PeerProxies | null },
  ) {
    this.folder = folder;
    this.nodes = nodes;
    this.#proxies = proxies;
  }

  /** Makes a cluster of which no node runs. */
  static async create(options: ClusterOptions = {}): Promise<TestCluster> {
    const { nodeCount = 3, flags = [], prefix = [], isProxied = false } = options;
    const folder = mkdtempSync(join(tmpdir(), "raft-e2e-"));
    const ports = await findFreePorts(nodeCount);
    const proxyPorts = isProxied ? await findFreePorts(nodeCount) : ports;
    const peers = proxyPorts.map((port, position) => `${position + 1}=127.0.0.1:${port}`);
    const nodes = ports.map((port, position) =>
      new TestNode({
        id: position + 1,
        address: `127.0.0.1:${port}`,
        folder,
        prefix,
        flags: ["--peers", peers.join(","), "--cluster", "e2e", ...flags],
      })
    );
    const targets = ports.map((port, position) => ({
      id: position + 1,
      proxyPort: proxyPorts[position]!,
      port,
    }));
    const proxies = isProxied ? await PeerProxies.start(targets) : null;
    return new TestCluster(folder, { nodes, proxies });
  }

  /** Every address. */
  get endpoints(): string[] {
    return this.nodes.map(({ address }) => address);
  }

  /** The node with this id. */
  node(id: number): TestNode {
    const node = this.nodes.find((candidate) => candidate.id === id);
    assert(node !== undefined, `there is no node ${id}`);
    return node;
  }

  /** Every node but this one. */
  others(node: TestNode): TestNode[] {
    return this.nodes.filter(({ id }) => id !== node.id);
  }

  /** Starts every node that does not run, and waits until one leads. */
  async start(): Promise<void> {
    const down = this.nodes.filter((node) => !node.isRunning);
    await Promise.all(down.map((node) => node.start()));
    await this.leader();
  }

  /** Runs a command line against all nodes, or those that are named. */
  run(words: readonly string[], endpoints = this.endpoints): Promise<Answer> {
    return runRaft([...words, "--endpoints", endpoints.join(",")]);
  }

  /** Runs a command line against all nodes that reads `input`. */
  feed(input: string | Uint8Array, words: readonly string[]): Promise<Answer> {
    return runRaft([...words, "--endpoints", this.endpoints.join(",")], { input });
  }

  /** The document of a command line that has to succeed. */
  async document(words: readonly string[]): Promise<Json> {
    return documentOf(await this.run([...words, "-o", "json"]));
  }

  /** The document of `raft status`. */
  status(): Promise<Json> {
    return this.document(["status"]);
  }

  /**
   * The leader, as soon as there is one that a quorum has confirmed.
   *
   * @param former A node that does not count.
   */
  async leader(former?: TestNode): Promise<TestNode> {
    const id = await eventually({
      what: former === undefined ? "a leader" : `a leader other than node ${former.id}`,
      look: async () => {
        const answer = await this.run(["wait", "leader", "-o", "json"]);
        const found = answer.exit === 0 ? JSON.parse(answer.stdout).id : null;
        if (found === former?.id) return null;
        // Only a leader that reaches a quorum can answer a read.
        const read = await this.run(["get", "no-such-key", "-o", "json"]);
        return read.exit === 3 ? found : null;
      },
    });
    return this.node(id);
  }

  /** Resolves when all nodes answer and have everything that is committed. */
  async caughtUp(): Promise<void> {
    await eventually({
      what: "every node to have what is committed",
      look: async () => {
        const { leader, commitIndex, members } = await this.status();
        const isThere = (member: Json): boolean =>
          member.reachable && member.matchIndex >= commitIndex;
        return leader !== null && members.every(isThere) || null;
      },
    });
  }

  /** The library's client in this process; closed with the cluster. */
  async client(endpoints = this.endpoints): Promise<{ raft: RaftClient; store: KeyValueClient }> {
    const raft = new RaftClient(await detectRuntime(), { endpoints, timeoutMs: 30_000 });
    this.#clients.push(raft);
    return { raft, store: new KeyValueClient(raft) };
  }

  /** Cuts a node off from the others; only clients that know where it listens reach it. */
  isolate(node: TestNode): void {
    assert(this.#proxies !== null, "the cluster has no proxies");
    this.#proxies.isolate(node.id);
  }

  /** Lets all nodes reach each other again. */
  heal(): void {
    this.#proxies?.heal();
  }

  /** Prints the last lines of every log. */
  showLogs(): void {
    for (const { id, log } of this.nodes) {
      const lines = log.trimEnd().split("\n").slice(-LOG_LINES_SHOWN_MAX);
      console.error(lines.map((line) => `node ${id}: ${line}`).join("\n"));
    }
  }

  /** Ends every process and removes the folder. */
  async dispose(): Promise<void> {
    for (const client of this.#clients) client.close();
    const running = this.nodes.filter((node) => node.isRunning);
    await Promise.all(running.map((node) => node.kill()));
    this.#proxies?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A test that is given the cluster. */
export type ClusterIt = (name: string, body: (cluster: TestCluster) => Promise<void>) => void;

/**
 * A group of tests that share a running cluster, one after the other. Every test leaves it as it
 * found it: all nodes run. Shows the logs of the nodes where a test fails.
 *
 * @param options The name of the group, and the cluster.
 * @param register Registers the tests.
 */
export function describeCluster(
  options: ClusterOptions & { readonly name: string; readonly skip?: string | false },
  register: (clusterIt: ClusterIt) => void,
): void {
  describe(options.name, { skip: options.skip ?? false }, () => {
    let cluster: TestCluster | null = null;

    before(async () => {
      cluster = await TestCluster.create(options);
      await showingLogs(cluster, (created) => created.start());
    }, { timeout: TEST_TIMEOUT_MS });

    after(async () => {
      await cluster?.dispose();
    }, { timeout: TEST_TIMEOUT_MS });

    register((name, body) => {
      it(name, { timeout: TEST_TIMEOUT_MS, skip: options.skip ?? false }, async () => {
        assert(cluster !== null, "The cluster was not created");
        await showingLogs(cluster, body);
      });
    });
  });
}

/**
 * A test with a cluster of its own, of which no node runs when the test begins.
 *
 * @param options The name of the test, and the cluster.
 * @param body The test.
 */
export function itWithCluster(
  options: ClusterOptions & { readonly name: string },
  body: (cluster: TestCluster) => Promise<void>,
): void {
  it(options.name, { timeout: TEST_TIMEOUT_MS }, async () => {
    const cluster = await TestCluster.create(options);
    try {
      await showingLogs(cluster, body);
    } finally {
      await cluster.dispose();
    }
  });
}

/** Runs `body`, and prints the logs of the nodes where it fails. */
async function showingLogs(
  cluster: TestCluster,
  body: (cluster: TestCluster) => Promise<void>,
): Promise<void> {
  try {
    await body(cluster);
  } catch (error) {
    cluster.showLogs();
    throw error;
  }
}
