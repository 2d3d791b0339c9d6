/**
 * One cluster of nodes on Node, Deno and Bun: they understand each other on the wire, and each
 * reads what another has written to disk.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { detectRuntime, KeyValueClient, RaftClient } from "../../mod.ts";
import { eventually, TEST_TIMEOUT_MS } from "./kit/eventually.ts";
import { findFreePorts } from "./kit/free_ports.ts";
import { KeyWriter } from "./kit/key_writer.ts";
import { OwnProcess } from "./kit/own_process.ts";
import { cleanEnvironment } from "./kit/run_raft.ts";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));

/** The program itself, where it is there: what a script starts would outlive it. */
const denoProgram = join(root, "node_modules", "deno", "deno");

/** How each runtime executes a TypeScript file. */
const runtimes = {
  node: ["node", "--import", import.meta.resolve("tsx")],
  deno: [existsSync(denoProgram) ? denoProgram : "deno", "run", "-A", "--quiet"],
  bun: [process.execPath],
} as const;

type RuntimeName = keyof typeof runtimes;

const runtimeNames = ["node", "deno", "bun"] as const;

/** A data directory, and the process that runs on it now. */
class MixedNode {
  readonly id: number;
  readonly address: string;
  runtimeName: RuntimeName;
  readonly #folder: string;
  readonly #peers: string;
  #process: OwnProcess | null = null;

  constructor(
    options: { id: number; address: string; folder: string; peers: string; runtime: RuntimeName },
  ) {
    this.id = options.id;
    this.address = options.address;
    this.#folder = options.folder;
    this.#peers = options.peers;
    this.runtimeName = options.runtime;
  }

  /** What it has logged, over all its starts. */
  get log(): string {
    const path = join(this.#folder, `${this.id}.log`);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  /** Starts it on a runtime, and waits until it listens. */
  async start(runtimeName: RuntimeName): Promise<void> {
    const readyPath = join(this.#folder, `${this.id}.ready`);
    rmSync(readyPath, { force: true });
    this.runtimeName = runtimeName;
    const child = new OwnProcess({
      command: [
        ...runtimes[runtimeName],
        join(here, "source_node.ts"),
        ...[String(this.id), this.address, join(this.#folder, String(this.id)), readyPath],
        this.#peers,
      ],
      logPath: join(this.#folder, `${this.id}.log`),
      environment: cleanEnvironment(),
    });
    this.#process = child;
    await eventually({
      what: `node ${this.id} to listen on ${runtimeName}`,
      look: () => {
        assert.ok(child.isRunning, `node ${this.id} ended:\n${this.log}`);
        return existsSync(readyPath) && readFileSync(readyPath, "utf8") === runtimeName || null;
      },
    });
  }

  /** Kills it as a crash would. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }
}

describe("a cluster of nodes on Node, Deno and Bun", () => {
  let folder = "";
  let nodes: MixedNode[] = [];
  let raft: RaftClient | null = null;
  const missing = runtimeNames.find((name) => {
    const [command] = runtimes[name];
    return spawnSync(command, ["--version"]).status !== 0;
  });
  const skip = missing === undefined ? false : `needs ${missing}`;

  /** Resolves when every node runs on `expected` and has what is committed. */
  async function caughtUp(expected: readonly RuntimeName[]): Promise<void> {
    await eventually({
      what: `all nodes to have caught up on ${expected.join(", ")}`,
      look: async () => {
        const statuses = await Promise.all(
          nodes.map(({ address }) =>
            raft!.status({ endpoint: address, timeoutMs: 5_000 }).catch(() => null)
          ),
        );
        const last = Math.max(...statuses.map((status) => status?.commitIndex ?? 0));
        const isThere = statuses.every((status, i) =>
          status !== null && status.version === expected[i] && status.leaderId !== 0 &&
          status.appliedIndex >= last
        );
        return isThere || null;
      },
    });
  }

  before(async () => {
    if (skip !== false) return;
    folder = mkdtempSync(join(tmpdir(), "raft-mixed-"));
    const ports = await findFreePorts(3);
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    const peers = addresses.map((address, i) => `${i + 1}=${address}`).join(",");
    nodes = addresses.map((address, i) =>
      new MixedNode({ id: i + 1, address, folder, peers, runtime: runtimeNames[i]! })
    );
    raft = new RaftClient(await detectRuntime(), { endpoints: addresses, timeoutMs: 30_000 });
    await Promise.all(nodes.map((node) => node.start(node.runtimeName)));
    await caughtUp(runtimeNames);
  }, { timeout: TEST_TIMEOUT_MS });

  after(async () => {
    raft?.close();
    await Promise.all(nodes.map((node) => node.kill()));
    rmSync(folder, { recursive: true, force: true });
  }, { timeout: TEST_TIMEOUT_MS });

  /** Every writer so far: what it was told must stay true. */
  const writers: KeyWriter[] = [];

  /** Writes keys until the writer is stopped. */
  function startWriter(prefix: string): KeyWriter {
    const writer = new KeyWriter(new KeyValueClient(raft!), { prefix, count: 4 });
    writers.push(writer);
    return writer;
  }

  /** Resolves when so many more writes were acknowledged. */
  async function acknowledges(writer: KeyWriter, count: number): Promise<void> {
    const wanted = writer.acknowledged.size + count;
    await eventually({
      what: `${count} more writes to be acknowledged`,
      look: () => writer.acknowledged.size >= wanted || null,
    });
  }

  /** Requires everything that was ever acknowledged. */
  async function assertKept(): Promise<void> {
    const store = new KeyValueClient(raft!);
    for (const writer of writers) await writer.assertKept(store);
  }

  it("loses nothing while each of them is killed in turn", {
    timeout: TEST_TIMEOUT_MS,
    skip,
  }, async () => {
    const writer = startWriter("killed/");
    for (const node of nodes) {
      await acknowledges(writer, 20);
      await node.kill();
      await acknowledges(writer, 20);
      await node.start(node.runtimeName);
      await caughtUp(runtimeNames);
    }
    await writer.stop();
    await assertKept();
  });

  it("reads on each runtime what the others have written", {
    timeout: TEST_TIMEOUT_MS,
    skip,
  }, async () => {
    for (let turn = 1; turn <= 3; turn += 1) {
      const order = nodes.map((_, i) => runtimeNames[(i + turn) % 3]!);
      const writer = startWriter(`turn ${turn}/`);
      await acknowledges(writer, 20);
      await Promise.all(nodes.map((node) => node.kill()));
      await Promise.all(nodes.map((node, i) => node.start(order[i]!)));
      await caughtUp(order);
      await acknowledges(writer, 20);
      await writer.stop();
      await assertKept();
    }
  });

  it("repaired nothing and reported no defect on the way", { skip }, () => {
    for (const { log } of nodes) {
      assert.doesNotMatch(log, /Assertion failed|TypeError|The node stops|corrupt/i);
    }
  });
});
