/**
 * Measures the state machine: puts a second through gate and store, memory a key, and pauses.
 *
 * Usage: node --import tsx --expose-gc scripts/measure_state_machine.ts [PART…]
 *        bun scripts/measure_state_machine.ts [PART…]
 *
 * PART is `puts`, `answers`, `memory`, `snapshot`, `prefix` or `revoke`; all of them unless told
 * otherwise. Each part is best run in a process of its own, as they disturb each other's memory.
 */
import process from "node:process";
import { COMMAND_ID_BYTES, CommandGate } from "../src/state_machine/command_gate.ts";
import { KeyValueStore } from "../src/state_machine/key_value_store.ts";
import { makeRequestId } from "../src/state_machine/request_id.ts";
import { encodeKvCommand, encodeKvQuery } from "../src/wire/kv_codec.ts";
import { NO_CONDITION } from "../src/wire/kv_messages.ts";

const MIB = 1024 * 1024;
const VALUE_BYTES = 128;
const BATCH_COUNT = 10_000;
const LOG_TIME_PER_PUT_MS = 1 / 236;

const measuredParts: Readonly<Record<string, () => void | Promise<void>>> = {
  puts: measurePuts,
  answers: measureAnswers,
  memory: measureMemory,
  snapshot: measureSnapshot,
  prefix: measurePrefix,
  revoke: measureRevocation,
};

/** A gate and where it stands; feeds itself with puts whose ids are all different. */
class Feed {
  readonly store = new KeyValueStore();
  readonly gate = new CommandGate(this.store);
  index = 0;
  /** How long commands took, in milliseconds, where they were timed one by one. */
  times = new Float64Array(0);
  readonly #context = { index: 0, term: 1, logTimeMs: 0 };
  readonly #template = COMMAND_ID_BYTES + put("0".repeat(16)).length;
  readonly #payloads = new Uint8Array(BATCH_COUNT * this.#template);
  readonly #keyCount: number;

  constructor(keyCount: number) {
    this.#keyCount = keyCount;
  }

  /**
   * Applies `count` puts.
   *
   * @returns Nanoseconds a put: the median and the best of the batches. On a machine that does
   * other work too, the best is what the code costs.
   */
  run(count: number): { readonly medianNs: number; readonly bestNs: number } {
    const batchesNs: number[] = [];
    for (let done = 0; done < count; done += BATCH_COUNT) {
      const batchCount = Math.min(BATCH_COUNT, count - done);
      this.#prepare(batchCount);
      const startMs = performance.now();
      for (let i = 0; i < batchCount; i += 1) this.#apply(i);
      batchesNs.push((performance.now() - startMs) * 1e6 / batchCount);
    }
    batchesNs.sort((one, other) => one - other);
    return { medianNs: batchesNs[batchesNs.length >> 1]!, bestNs: batchesNs[0]! };
  }

  /** Applies `count` puts and keeps the time of each. */
  runTimed(count: number): void {
    this.times = new Float64Array(count);
    for (let done = 0; done < count; done += BATCH_COUNT) {
      this.#prepare(BATCH_COUNT);
      for (let i = 0; i < BATCH_COUNT; i += 1) {
        const startMs = performance.now();
        this.#apply(i);
        this.times[done + i] = performance.now() - startMs;
      }
    }
    this.times.sort((one, other) => one - other);
  }

  /** Writes the payloads of the next batch, as a log would hand them over. */
  #prepare(count: number): void {
    const random = new Uint8Array(10);
    const randomView = new DataView(random.buffer);
    for (let i = 0; i < count; i += 1) {
      const number = this.index + i;
      randomView.setUint32(0, Math.imul(number, 0x9e3779b1));
      randomView.setUint32(4, number);
      const payload = this.#payloads.subarray(i * this.#template, (i + 1) * this.#template);
      payload.set(makeRequestId(Math.floor(1 + number * LOG_TIME_PER_PUT_MS), random));
      const key = String(Math.imul(number, 7919) >>> 0).slice(-9);
      payload.set(put(String(Number(key) % this.#keyCount).padStart(16, "k")), COMMAND_ID_BYTES);
    }
  }

  #apply(number: number): void {
    this.index += 1;
    this.#context.index = this.index;
    this.#context.logTimeMs = Math.floor(1 + this.index * LOG_TIME_PER_PUT_MS);
    const start = number * this.#template;
    const outcome = this.gate.applyEntry(
      this.#payloads.subarray(start, start + this.#template),
      this.#context,
    );
    if (outcome.type !== "applied") throw new Error(`The outcome is ${outcome.type}`);
  }
}

function put(key: string): Uint8Array {
  return encodeKvCommand({
    type: "put",
    key: new TextEncoder().encode(key),
    value: new Uint8Array(VALUE_BYTES).fill(key.charCodeAt(15)),
    condition: NO_CONDITION,
    returnPrevious: false,
  });
}

function residentMib(): number {
  const collect = globalThis as { gc?: () => void; Bun?: { gc(force: boolean): void } };
  for (let i = 0; i < 3; i += 1) {
    collect.gc?.();
    collect.Bun?.gc(true);
  }
  return process.memoryUsage().rss / MIB;
}

function report(name: string, figures: Readonly<Record<string, number | string>>): void {
  const text = Object.entries(figures).map(([key, value]) =>
    `${key} ${typeof value === "number" ? Number(value.toPrecision(4)) : value}`
  );
  console.log(`${name}: ${text.join(", ")}`);
}

function measurePuts(): void {
  for (const keyCount of [10_000, 1_000_000]) {
    const feed = new Feed(keyCount);
    feed.run(600_000);
    const { medianNs, bestNs } = feed.run(1_000_000);
    report(`puts on ${keyCount} keys`, {
      "ns a put, median batch": medianNs,
      "best batch": bestNs,
      "puts/s of the best": Math.round(1e9 / bestNs),
      keys: feed.store.keyCount,
      answers: feed.gate.answerCount,
    });
  }
  const timed = new Feed(10_000);
  timed.runTimed(1_000_000);
  reportTimes("puts one by one", timed.times);
}

/** Reports the tail of sorted times; a preempted process shows in the last of them. */
function reportTimes(name: string, timesMs: Float64Array): void {
  const at = (rank: number): number => timesMs[Math.max(0, timesMs.length - rank)]!;
  report(name, { "ms of the longest": at(1), "2nd": at(2), "10th": at(10), "100th": at(100) });
}

function measureAnswers(): void {
  const before = residentMib();
  const buffers = process.memoryUsage().arrayBuffers / MIB;
  const feed = new Feed(1);
  for (const count of [1000, 30_000, 300_000]) {
    feed.run(count);
    report("answers", {
      count: feed.gate.answerCount,
      "answer bytes": feed.gate.answerBytes,
      "MiB of their buffers": process.memoryUsage().arrayBuffers / MIB - buffers,
      "resident MiB": residentMib() - before,
    });
  }
}

function measureMemory(): void {
  const small = residentMib();
  const feed = new Feed(10_000);
  feed.run(1_000_000);
  report("memory after 1,000,000 puts on 10,000 keys", {
    "resident MiB": residentMib(),
    "more than at the start": residentMib() - small,
  });
  const before = residentMib();
  const large = new Feed(1_000_000_000);
  large.run(1_000_000);
  const grown = residentMib() - before;
  report("memory of many keys", {
    keys: large.store.keyCount,
    "bytes a key and its 144 bytes, answers included": grown * MIB / large.store.keyCount,
  });
}

async function measureSnapshot(): Promise<void> {
  const feed = new Feed(1_000_000_000);
  feed.run(1_000_000);
  const startMs = performance.now();
  const snapshot = feed.gate.takeSnapshot();
  const takenMs = performance.now() - startMs;
  const chunks: Uint8Array[] = [];
  const times: number[] = [];
  for (;;) {
    const chunkMs = performance.now();
    const next = snapshot.next();
    times.push(performance.now() - chunkMs);
    if (next.done === true) break;
    chunks.push(next.value);
  }
  const drawnMs = performance.now() - startMs;
  const restored = new CommandGate(new KeyValueStore());
  const restoreMs = performance.now();
  await restored.restoreSnapshot((async function* () {
    yield* chunks;
  })());
  report("snapshot", {
    keys: feed.store.keyCount,
    MiB: chunks.reduce((sum, { length }) => sum + length, 0) / MIB,
    "ms to take": takenMs,
    "ms for all chunks": drawnMs,
    "ms to restore": performance.now() - restoreMs,
  });
  reportTimes("chunks", Float64Array.from(times).sort((one, other) => one - other));
  report("puts behind a snapshot", { "ns a put": feed.run(100_000).medianNs });
  feed.gate.takeSnapshot().return?.();
  feed.runTimed(100_000);
  reportTimes("puts behind a snapshot, one by one", feed.times);
}

function measurePrefix(): void {
  const feed = new Feed(1_000_000_000);
  feed.run(1_000_000);
  const bytes = new TextEncoder().encode("kkkkkkk");
  const timed = (name: string, action: () => unknown): void => {
    const startMs = performance.now();
    action();
    report(name, { ms: performance.now() - startMs });
  };
  const context = (): { index: number; term: number; logTimeMs: number } => {
    feed.index += 1;
    return { index: feed.index, term: 1, logTimeMs: 0 };
  };
  const remove = (dryRun: boolean): void => {
    const command = encodeKvCommand({ type: "deletePrefix", prefix: bytes, dryRun });
    feed.store.apply(command, context());
  };
  const list = { type: "list", prefix: bytes, after: new Uint8Array(0), limit: 0 } as const;
  timed("list of keys", () => feed.store.query(encodeKvQuery({ ...list, withValues: false })));
  timed("list with values", () => feed.store.query(encodeKvQuery({ ...list, withValues: true })));
  timed("dry run of a prefix of nearly all keys", () => remove(true));
  timed("deletion of a prefix of nearly all keys", () => remove(false));
  report("keys left", { count: feed.store.keyCount });
}

/** How long one lease with a million keys stops everything else when it is revoked. */
function measureRevocation(): void {
  const store = new KeyValueStore();
  const context = (index: number) => ({ index, term: 1, logTimeMs: 0 });
  const leaseId = 1;
  store.apply(encodeKvCommand({ type: "leaseGrant", ttlMs: 60_000 }), context(leaseId));
  const value = new Uint8Array(VALUE_BYTES);
  for (let i = 0; i < 1_000_000; i += 1) {
    const key = new TextEncoder().encode(`k${String(i).padStart(15, "0")}`);
    const lifetime = { type: "lease", leaseId } as const;
    const condition = NO_CONDITION;
    const fields = { key, value, condition, returnPrevious: false, lifetime };
    store.apply(encodeKvCommand({ type: "put", ...fields }), context(i + 2));
  }
  const command = encodeKvCommand({ type: "leaseRevoke", leaseId });
  const startMs = performance.now();
  store.apply(command, context(2_000_000));
  report("revocation of a lease with all keys", { ms: performance.now() - startMs });
  report("keys left", { count: store.keyCount });
}

const wanted = process.argv.slice(2);
for (const part of wanted.length === 0 ? Object.keys(measuredParts) : wanted) {
  const measure = measuredParts[part];
  if (!measure) {
    throw new RangeError(
      `Unknown part "${part}": want one of ${Object.keys(measuredParts).join(", ")}`,
    );
  }
  await measure();
}
