/**
 * Measures how a fresh node comes to a cluster that holds much and is written to: how long until it
 * has everything, where that time goes, and what the writers notice of it.
 *
 * Usage: bun scripts/measure_catch_up.ts [--nodes N] [--entries N] [--in-flight N] [--rate OPS]
 *   [--snapshot-every N]
 *
 *   --nodes           how many voters there are before; 3 unless given
 *   --entries         how many puts come first, each of a key of its own of 16 bytes and a value of
 *                     32; 1,000,000 unless given
 *   --in-flight       how many writes are under way while the node joins; 64 unless given
 *   --rate            how many of them are started a second; as many as there are answers unless
 *                     given
 *   --snapshot-every  as of `raft start`
 *
 * All nodes and the client share this machine, its disk and its processors. The program is
 * dist/raft; see tests/e2e/kit/run_raft.ts for another one. Memory is read from /proc, so it is
 * told on Linux only.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { detectRuntime, KeyValueClient, RaftClient } from "../mod.ts";
import { ChangingNodes } from "../tests/e2e/kit/changing_nodes.ts";
import { elapse, eventually } from "../tests/e2e/kit/eventually.ts";
import type { TestNode } from "../tests/e2e/kit/test_node.ts";

const LOAD_IN_FLIGHT = 1_024;
const VALUE_BYTES = 32;
const BEFORE_MS = 10_000;
const LOOK_PAUSE_MS = 20;
const CATCH_UP_LIMIT_MS = 600_000;
const MIB = 1024 * 1024;

const { values } = parseArgs({
  options: {
    "nodes": { type: "string", default: "3" },
    "entries": { type: "string", default: "1000000" },
    "in-flight": { type: "string", default: "64" },
    "rate": { type: "string" },
    "snapshot-every": { type: "string", default: "100000" },
  },
});

/** A flag that is a whole number. */
function wholeNumber(name: keyof typeof values): number {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new RangeError(`--${name}: want a whole number above 0, not ${values[name]}`);
}

/** The numbers of a log line, by name. */
function numbersOf(line: string): Record<string, number> {
  const pairs = [...line.matchAll(/(\w+)=(\d+)(?=\s|$)/g)];
  return Object.fromEntries(pairs.map(([, name, value]) => [name, Number(value)]));
}

/** What the process has in memory, and had at most, in MiB; null where the system does not say. */
function memoryOf({ process: { pid } }: TestNode): { now: number; peak: number } | null {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) return null;
  const text = readFileSync(path, "utf8");
  const read = (name: string): number =>
    Math.round(Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(text)?.[1]) / 1024);
  return { now: read("VmRSS"), peak: read("VmHWM") };
}

/** Puts keys of their own, ever new ones, and notes how long each took. */
class Writers {
  readonly #store: KeyValueClient;
  readonly #value = "v".repeat(VALUE_BYTES);
  #next = 0;
  #latenciesMs: number[] = [];
  #sinceMs = performance.now();

  constructor(store: KeyValueClient) {
    this.#store = store;
  }

  /** Writes until `isOver`; with a rate each writer keeps to its share of it. */
  async write(
    { inFlight, rate, isOver }: { inFlight: number; rate: number | null; isOver: () => boolean },
  ): Promise<void> {
    const intervalMs = rate === null ? 0 : (1000 * inFlight) / rate;
    const work = async (worker: number): Promise<void> => {
      let dueMs = performance.now() + (intervalMs * worker) / inFlight;
      while (!isOver()) {
        if (intervalMs > 0) await elapse(Math.max(0, dueMs - performance.now()));
        // Counted from when it was due: a writer that waits for an answer hides nothing.
        const startMs = intervalMs > 0 ? dueMs : performance.now();
        dueMs += intervalMs;
        await this.#put();
        this.#latenciesMs.push(performance.now() - startMs);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, (_, worker) => work(worker)));
  }

  /** Writes so many. */
  load(count: number): Promise<void> {
    return this.write({
      inFlight: LOAD_IN_FLIGHT,
      rate: null,
      isOver: () => this.#next >= count,
    });
  }

  /** The rate and the latencies since the last call. */
  take(): { opsPerSecond: number; p50Ms: number; p99Ms: number; maxMs: number } {
    const sorted = this.#latenciesMs.sort((a, b) => a - b);
    const seconds = (performance.now() - this.#sinceMs) / 1000;
    this.#latenciesMs = [];
    this.#sinceMs = performance.now();
    const at = (share: number): number =>
      Math.round(10 * (sorted[Math.floor(share * (sorted.length - 1))] ?? 0)) / 10;
    const opsPerSecond = Math.round(sorted.length / seconds);
    return { opsPerSecond, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  }

  async #put(): Promise<void> {
    const key = `k${String(this.#next).padStart(15, "0")}`;
    this.#next += 1;
    await this.#store.put(key, this.#value, { timeoutMs: 60_000 });
  }
}

/** One measurement. */
class CatchUp {
  readonly #cluster: ChangingNodes;
  readonly #client: RaftClient;
  readonly #writers: Writers;

  constructor(cluster: ChangingNodes, client: RaftClient) {
    this.#cluster = cluster;
    this.#client = client;
    this.#writers = new Writers(new KeyValueClient(client));
  }

  async run(): Promise<void> {
    const old = this.#cluster.nodes.slice(0, -1);
    const fresh = this.#cluster.nodes.at(-1)!;
    await Promise.all(old.map((node) => node.start()));
    await this.#writers.load(wholeNumber("entries"));
    console.log("load    ", this.#writers.take());
    console.log("memory  ", old.map((node) => memoryOf(node)));
    let isOver = false;
    const rate = values.rate === undefined ? null : wholeNumber("rate");
    const inFlight = wholeNumber("in-flight");
    const writing = this.#writers.write({ inFlight, rate, isOver: () => isOver });
    await elapse(BEFORE_MS);
    console.log("before  ", this.#writers.take());
    const calm = this.#unrest();
    try {
      await this.#join(fresh);
    } finally {
      isOver = true;
    }
    console.log("memory  ", [...old, fresh].map((node) => memoryOf(node)));
    const unrest = this.#unrest();
    console.log("elections", unrest.elections - calm.elections);
    console.log("lost leaders", unrest.lost - calm.lost);
    await writing;
  }

  /** How often somebody was elected, and how often a node missed its leader. */
  #unrest(): { readonly elections: number; readonly lost: number } {
    return {
      elections: this.#cluster.countLines("This node leads"),
      lost: this.#cluster.countLines("No leader is known"),
    };
  }

  async #join(fresh: TestNode): Promise<void> {
    const startMs = performance.now();
    fresh.spawn();
    let takenInMs = 0;
    let installedMs = 0;
    let votesMs = 0;
    const appliedIndex = await eventually({
      what: "the fresh node to have everything",
      withinMs: CATCH_UP_LIMIT_MS,
      look: async () => {
        await elapse(LOOK_PAUSE_MS);
        const nowMs = performance.now();
        if (takenInMs === 0 && fresh.log.includes("The cluster takes this node in")) {
          takenInMs = nowMs;
        }
        if (installedMs === 0 && fresh.log.includes("Installed a snapshot")) installedMs = nowMs;
        const { commitIndex, members } = await this.#client.status();
        const isVoter = members.some(({ id, voter }) => id === fresh.id && voter);
        if (isVoter && votesMs === 0) votesMs = nowMs;
        return await this.#appliedAt(fresh, commitIndex);
      },
    });
    const endMs = performance.now();
    console.log("during  ", this.#writers.take());
    await this.#cluster.document(["wait", "member", String(fresh.id), "voter", "-t", "60s"]);
    if (votesMs === 0) votesMs = performance.now();
    assert(takenInMs > 0, "The fresh node was never taken in");
    const installations = fresh.log.split("\n").filter((line) => line.includes("Installed a"));
    const snapshots = installations.map((line) => numbersOf(line));
    for (const { index, bytes, durationMs, restoreMs } of snapshots) {
      const mebibytes = Math.round((10 * bytes!) / MIB) / 10;
      const receiveMs = durationMs! - restoreMs!;
      console.log("snapshot", { index, mebibytes, receiveMs, restoreMs });
    }
    console.log("catch up", {
      startAndJoinMs: Math.round(takenInMs - startMs),
      snapshotMs: Math.round(Math.max(0, installedMs - takenInMs)),
      logMs: Math.round(endMs - (installedMs || takenInMs)),
      entriesByLog: appliedIndex - (snapshots.at(-1)?.["index"] ?? 0),
      totalMs: Math.round(endMs - startMs),
      votesAfterMs: Math.round(votesMs - startMs),
    });
  }

  /** What the node has applied; null unless that is `index` or more. */
  async #appliedAt({ address }: TestNode, index: number): Promise<number | null> {
    try {
      const { appliedIndex } = await this.#client.status({ endpoint: address, timeoutMs: 1_000 });
      return index > 0 && appliedIndex >= index ? appliedIndex : null;
    } catch {
      // It does not listen yet, or is busy.
      return null;
    }
  }
}

const cluster = await ChangingNodes.create({
  voters: wholeNumber("nodes"),
  joining: 1,
  flags: [
    ...["--heartbeat", "100ms", "--election-timeout", "1s"],
    ...["--snapshot-every", String(wholeNumber("snapshot-every"))],
  ],
});
const endpoints = cluster.endpoints.slice(0, -1);
const client = new RaftClient(await detectRuntime(), { endpoints, timeoutMs: 60_000 });
try {
  await new CatchUp(cluster, client).run();
} catch (error) {
  cluster.showLogs();
  throw error;
} finally {
  client.close();
  await cluster.dispose();
}
