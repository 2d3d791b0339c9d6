/**
 * Measures a start: from the beginning of the process until a linearizable read is answered, after
 * a kill, and where that time goes. Processor time is told beside wall time: on a machine that does
 * other work too it is what says something.
 *
 * Usage: bun scripts/measure_start.ts [--nodes N] [--entries N] [--keys KEYS] [--value-bytes N]
 *   [--snapshot-every N] [--rounds N] [--folder DIR]
 *
 *   --nodes           how many nodes, all killed and started together; 1 unless given
 *   --entries         how many puts there are; 1,000,000 unless given
 *   --keys            `random` or `ascending`, each put of a key of its own, or a number of keys
 *                     that are written in turn; `random` unless given
 *   --value-bytes     128 unless given; keys have 16
 *   --snapshot-every  as of `raft start`; unless given there are no snapshots, the worst case
 *   --rounds          how often the nodes are killed and started; 3 unless given
 *   --folder          where the data stays for the next time, with the same flags; unless given it
 *                     is removed
 *
 * Of each start it prints a line a node. `ready` is when it listens, `leads` when it or another was
 * elected, `served` when the read was answered; each in milliseconds, wall time and processor time
 * of that node. The program is dist/raft; see tests/e2e/kit/run_raft.ts for another one. Linux
 * only, for the processor time and memory of a process are read from /proc.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { detectRuntime, KeyValueClient, RaftClient } from "../mod.ts";
import { elapse } from "../tests/e2e/kit/eventually.ts";
import { findFreePorts } from "../tests/e2e/kit/free_ports.ts";
import { TestNode } from "../tests/e2e/kit/test_node.ts";

const LOAD_IN_FLIGHT = 2_048;
const KEY_BYTES = 16;
const LOOK_PAUSE_MS = 5;
/** What the kernel counts processor time in, in milliseconds. */
const TICK_MS = 10;
const NO_SNAPSHOTS = "1000000000";

const { values } = parseArgs({
  options: {
    "nodes": { type: "string", default: "1" },
    "entries": { type: "string", default: "1000000" },
    "keys": { type: "string", default: "random" },
    "value-bytes": { type: "string", default: "128" },
    "snapshot-every": { type: "string", default: NO_SNAPSHOTS },
    "rounds": { type: "string", default: "3" },
    "folder": { type: "string" },
  },
});

/** A flag that is a whole number. */
function wholeNumber(name: Exclude<keyof typeof values, "folder">): number {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new RangeError(`--${name}: want a whole number above 0, not ${values[name]}`);
}

/** The key of a put. */
function keyOf(number: number): string {
  if (values.keys === "ascending") return `k${String(number).padStart(KEY_BYTES - 1, "0")}`;
  if (values.keys !== "random") {
    return `k${String(number % wholeNumber("keys")).padStart(KEY_BYTES - 1, "0")}`;
  }
  // Two odd factors turn the numbers into others that are all different and in no order.
  const high = Math.imul(number + 1, 0x9e3779b1) >>> 0;
  const low = Math.imul(high ^ (high >>> 15), 0x85ebca6b) >>> 0;
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

/** The moment of a node that started: since then, and what it has worked. */
interface Moment {
  readonly wallMs: number;
  readonly workedMs: number;
}

/** The processor time that a process has used, of its program and of the kernel for it. */
function workedMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}

/** The most memory that a process has had, in MiB. */
function peakMib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1]) / 1024);
}

/** Looks until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await elapse(LOOK_PAUSE_MS);
}

async function load(store: KeyValueClient): Promise<void> {
  const entries = wholeNumber("entries");
  const value = "v".repeat(wholeNumber("value-bytes"));
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < entries) {
      next += 1;
      await store.put(keyOf(next - 1), value, { timeoutMs: 60_000 });
    }
  };
  await Promise.all(Array.from({ length: LOAD_IN_FLIGHT }, write));
}

/** One start of all nodes, which do not run. */
class Start {
  readonly #startMs = performance.now();
  readonly #nodes: readonly TestNode[];
  readonly #loggedBefore: readonly number[];

  constructor(nodes: readonly TestNode[]) {
    this.#nodes = nodes;
    this.#loggedBefore = nodes.map(({ log }) => log.length);
    for (const node of nodes) node.spawn();
  }

  /** Waits until a read is answered, and prints what led to it. */
  async serve(store: KeyValueClient): Promise<void> {
    const ready = Promise.all(this.#nodes.map((node) => this.#logged(node, "READY")));
    const leads = Promise.race(this.#nodes.map((node) => this.#logged(node, "This node leads")));
    const led = leads.then(() => this.#nodes.map((node) => this.#moment(node)));
    await Promise.race(this.#nodes.map((node) => this.#logged(node, "READY")));
    const found = await store.get(keyOf(wholeNumber("entries") - 1), { timeoutMs: 60_000 });
    const served = this.#nodes.map((node) => this.#moment(node));
    assert(found !== null, "The last key that was written is not there");
    const [ofReady, ofLed] = await Promise.all([ready, led]);
    this.#nodes.forEach((node, at) => {
      const text = (name: string, { wallMs, workedMs }: Moment): string =>
        `${name} ${Math.round(wallMs)} ms, worked ${workedMs} ms`;
      const parts = [
        text("ready", ofReady[at]!),
        text("leads", ofLed[at]!),
        text("served", served[at]!),
        `${peakMib(node.process.pid)} MiB at most`,
      ];
      console.log(`node ${node.id}: ${parts.join("; ")}`);
    });
  }

  #moment({ process: { pid } }: TestNode): Moment {
    return { wallMs: performance.now() - this.#startMs, workedMs: workedMs(pid) };
  }

  async #logged(node: TestNode, text: string): Promise<Moment> {
    const before = this.#loggedBefore[this.#nodes.indexOf(node)]!;
    await until(() => node.log.includes(text, before));
    return this.#moment(node);
  }
}

async function prepare(folder: string): Promise<{ nodes: TestNode[]; isLoaded: boolean }> {
  const path = join(folder, "measured.json");
  const isLoaded = existsSync(path);
  const addresses: string[] = isLoaded
    ? JSON.parse(readFileSync(path, "utf8"))
    : (await findFreePorts(wholeNumber("nodes"))).map((port) => `127.0.0.1:${port}`);
  const peers = addresses.map((address, at) => `${at + 1}=${address}`).join(",");
  const flags = ["--peers", peers, "--snapshot-every", values["snapshot-every"]];
  const unlimited = values["snapshot-every"] === NO_SNAPSHOTS
    ? ["--snapshot-bytes", "1024GiB"]
    : [];
  const nodes = addresses.map((address, at) => {
    return new TestNode({ id: at + 1, address, folder, flags: [...flags, ...unlimited] });
  });
  if (isLoaded) return { nodes, isLoaded };
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, JSON.stringify(addresses));
  return { nodes, isLoaded };
}

const folder = values.folder ?? mkdtempSync(join(tmpdir(), "raft-start-"));
const { nodes, isLoaded } = await prepare(folder);
const endpoints = nodes.map(({ address }) => address);
const runtime = await detectRuntime();
try {
  if (!isLoaded) {
    await Promise.all(nodes.map((node) => node.start()));
    const client = new RaftClient(runtime, { endpoints, timeoutMs: 60_000 });
    await load(new KeyValueClient(client));
    client.close();
    await Promise.all(nodes.map((node) => node.kill()));
  }
  for (let round = 0; round < wholeNumber("rounds"); round += 1) {
    const start = new Start(nodes);
    const client = new RaftClient(runtime, { endpoints, timeoutMs: 60_000 });
    await start.serve(new KeyValueClient(client));
    client.close();
    await Promise.all(nodes.map((node) => node.kill()));
  }
} finally {
  await Promise.all(nodes.filter(({ isRunning }) => isRunning).map((node) => node.kill()));
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
}
