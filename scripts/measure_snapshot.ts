/**
 * Measures how long the event loop stands still while a snapshot is taken: the state machine is
 * full of keys, commands go on being applied, and the file goes to this machine's disk.
 *
 * Pauses are told twice: by the clock, and by the processor time that this process used in them. On
 * a machine that does other work too, the latter is what the code costs.
 *
 * Usage: measure_snapshot.ts [DIRECTORY] [KEYS]
 *   DIRECTORY  the system's directory for temporary files unless given
 *   KEYS       1,000,000 unless given
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { SnapshotDirectory } from "../src/log/snapshot_directory.ts";
import type { SnapshotStore } from "../src/log/snapshot_store.ts";
import { detectRuntime } from "../src/runtime/detect.ts";
import { CommandGate, encodeCommandPayload } from "../src/state_machine/command_gate.ts";
import { KeyValueStore } from "../src/state_machine/key_value_store.ts";
import { makeRequestId } from "../src/state_machine/request_id.ts";
import { encodePlainPut } from "../src/wire/kv_hot_codec.ts";

const VALUE = new Uint8Array(100).fill(7);
/** How many commands each turn of the loop applies: about 100,000 a second. */
const COMMANDS_PER_TURN = 50;
const TURN_MS = 0.5;

const runtime = await detectRuntime();
const { clock } = runtime;
const [directory = tmpdir(), keys = "1000000"] = process.argv.slice(2);
const keyCount = Number(keys);
const encoder = new TextEncoder();

/** A gate that is fed with puts of random keys. */
class Feed {
  readonly gate = new CommandGate(new KeyValueStore());
  index = 0;

  put(key: number): void {
    this.index += 1;
    const logTimeMs = 1 + Math.floor(this.index / 100);
    const id = makeRequestId(logTimeMs, runtime.random.fill(new Uint8Array(10)));
    const command = encodePlainPut(encoder.encode(`key ${key}`), VALUE);
    const context = { index: this.index, term: 1, logTimeMs };
    this.gate.applyEntry(encodeCommandPayload(id, command), context);
  }
}

/** The processor time that this process has used, in milliseconds. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Feeds commands turn by turn, and notes how long each turn came after the one before. */
class Turns {
  readonly #feed: Feed;
  readonly #pausesMs: number[] = [];
  readonly #cpuPausesMs: number[] = [];
  #lastCpuMs = cpuMs();
  #lastMs = 0;
  #isOver = false;

  constructor(feed: Feed) {
    this.#feed = feed;
    this.#lastMs = clock.nowMs();
    clock.defer(() => this.#turn());
  }

  /** Ends, and tells how long the turns took. */
  end(): string {
    this.#isOver = true;
    const [wall, cpu] = [this.#pausesMs, this.#cpuPausesMs].map(describePauses);
    return `${this.#pausesMs.length} turns, ${wall}; by processor time ${cpu}`;
  }

  #turn(): void {
    if (this.#isOver) return;
    const nowMs = clock.nowMs();
    const pauseMs = nowMs - this.#lastMs;
    if (pauseMs >= TURN_MS) {
      this.#pausesMs.push(pauseMs);
      this.#lastMs = nowMs;
      const nowCpuMs = cpuMs();
      this.#cpuPausesMs.push(nowCpuMs - this.#lastCpuMs);
      this.#lastCpuMs = nowCpuMs;
      for (let i = 0; i < COMMANDS_PER_TURN; i += 1) {
        this.#feed.put(Math.imul(this.#feed.index, 0x9e3779b1) % keyCount >>> 0);
      }
    }
    clock.defer(() => this.#turn());
  }
}

function describePauses(pausesMs: number[]): string {
  pausesMs.sort((one, other) => one - other);
  const at = (share: number) => pausesMs[Math.floor(share * (pausesMs.length - 1))]!.toFixed(1);
  return `99 % within ${at(0.99)} ms, longest ${at(1)} ms`;
}

/** Takes one snapshot under writes. */
async function measure(store: SnapshotStore, feed: Feed): Promise<void> {
  const turns = new Turns(feed);
  const startMs = clock.nowMs();
  const before = feed.index;
  const chunks = feed.gate.takeSnapshot();
  const viewMs = clock.nowMs() - startMs;
  const snapshot = await store.write({
    snapshotId: [...runtime.random.fill(new Uint8Array(16))]
      .map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    clusterId: "c".repeat(32),
    lastIncludedIndex: before,
    lastIncludedTerm: 1,
    logTimeMs: 1,
    configurationIndex: 1,
    configuration: { voters: [], votersOld: [], learners: [], promotions: [] },
  }, chunks);
  const seconds = (clock.nowMs() - startMs) / 1000;
  const applied = feed.index - before;
  const megabytes = (snapshot.totalBytes / 1e6).toFixed(0);
  console.log(
    `snapshot of ${megabytes} MB in ${seconds.toFixed(2)} s, view ${viewMs.toFixed(2)} ms, ` +
      `${Math.round(applied / seconds)} commands/s: ${turns.end()}`,
  );
}

const feed = new Feed();
for (let key = 0; key < keyCount; key += 1) feed.put(key);
console.log(`${runtime.name} ${runtime.version}, ${keyCount} keys, 100 bytes each`);
const path = mkdtempSync(join(directory, "measure-snapshot-"));
try {
  const store = await SnapshotDirectory.open(runtime, path);
  const turns = new Turns(feed);
  await new Promise<void>((resolve) => clock.setTimer(resolve, 3_000));
  console.log(`without a snapshot: ${turns.end()}`);
  for (let i = 0; i < 3; i += 1) await measure(store, feed);
  const startMs = clock.nowMs();
  const startCpuMs = cpuMs();
  await new CommandGate(new KeyValueStore()).restoreSnapshot(store.state(store.latest!));
  const [seconds, cpuSeconds] = [clock.nowMs() - startMs, cpuMs() - startCpuMs]
    .map((ms) => (ms / 1000).toFixed(2));
  console.log(`restored in ${seconds} s, ${cpuSeconds} s of processor time`);
  await store.close();
} finally {
  rmSync(path, { recursive: true });
}
