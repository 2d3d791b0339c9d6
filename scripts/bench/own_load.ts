/**
 * Load on other systems by the load generator of `raft bench`: the same loops, keys, values and
 * histogram, and the same document in the end. And on this one, for what `raft bench` has no flags.
 *
 * @module
 */
import process from "node:process";
import { benchKey, KeyPicker } from "../../src/cli/bench/bench_keys.ts";
import { generateLoad, type LoadSlot } from "../../src/cli/bench/load_generator.ts";
import { loadDocument } from "../../src/cli/bench/load_document.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { Clock } from "../../src/runtime/runtime.ts";
import type { LoadPlan } from "./load_plan.ts";

/** Hears of the answer. */
export interface KeyValueAnswer {
  readonly succeeded: () => void;
  readonly failed: (error: Error) => void;
}

/** One connection to one node of a system. */
export interface KeyValueConnection {
  /** Resolves when the connection stands. */
  connected(): Promise<void>;
  /** Writes a key; durable on a majority when it is answered. */
  put(key: Uint8Array, value: Uint8Array, answer: KeyValueAnswer): void;
  /** Reads a key that was written, linearizably; a value has `valueBytes`. */
  get(key: Uint8Array, valueBytes: number, answer: KeyValueAnswer): void;
  /** Ends the connection. */
  close(): void;
}

const LETTER_V = 118;
const PRELOAD_IN_FLIGHT = 256;
const PRELOAD_MS_MAX = 600_000;

/** The connections, and what goes over them. */
class Target {
  readonly #connections: readonly KeyValueConnection[];
  readonly #plan: LoadPlan;
  readonly #value: Uint8Array;

  constructor(connections: readonly KeyValueConnection[], plan: LoadPlan) {
    this.#connections = connections;
    this.#plan = plan;
    this.#value = new Uint8Array(plan.valueBytes).fill(LETTER_V);
  }

  put(keyNumber: number, slot: LoadSlot): void {
    this.#connectionOf(slot).put(benchKey(keyNumber), this.#value, slot);
  }

  get(keyNumber: number, slot: LoadSlot): void {
    this.#connectionOf(slot).get(benchKey(keyNumber), this.#plan.valueBytes, slot);
  }

  /** Writes every key once, so that reads find something. */
  async preload(clock: Clock): Promise<void> {
    let next = 0;
    const { keys } = this.#plan;
    const report = await generateLoad({
      clock,
      start: (slot) => this.put(next++ % keys, slot),
      inFlight: Math.min(PRELOAD_IN_FLIGHT, keys),
      durationMs: PRELOAD_MS_MAX,
      operationsMax: keys,
      rate: null,
    });
    if (report.firstError !== null) throw report.firstError;
  }

  #connectionOf({ number }: LoadSlot): KeyValueConnection {
    return this.#connections[number % this.#connections.length]!;
  }
}

/** Draws the number of the key of each operation. */
function keysOf({ keys, eachKeyOnce = false }: LoadPlan): () => number {
  if (eachKeyOnce) {
    let next = 0;
    return () => next++ % keys;
  }
  const picker = new KeyPicker(keys, 1 + Math.floor(Math.random() * 2 ** 31));
  return () => picker.next();
}

/**
 * Runs a load to its end and prints its document.
 *
 * @param plan What to do.
 * @param connect Opens a connection to a node.
 */
export async function runLoad(
  plan: LoadPlan,
  connect: (address: string) => KeyValueConnection,
): Promise<void> {
  const { clock } = await detectRuntime();
  const endpoints = plan.boundTo ?? [plan.endpoint];
  const connections = Array.from(
    { length: plan.clients },
    (_, number) => connect(endpoints[number % endpoints.length]!),
  );
  await Promise.all(connections.map((connection) => connection.connected()));
  const target = new Target(connections, plan);
  if (plan.operation === "get" && !plan.skipPreload) await target.preload(clock);
  const nextKey = keysOf(plan);
  const report = await generateLoad({
    clock,
    start: (slot) => target[plan.operation](nextKey(), slot),
    inFlight: plan.inFlight,
    warmUpMs: plan.warmUpMs,
    durationMs: plan.durationMs,
    ...(plan.count === null ? {} : { operationsMax: plan.count }),
    rate: plan.rate,
    onMeasuring: () => console.error("measuring"),
  });
  const { rate, ...load } = plan;
  const document = loadDocument({ ...load, ...(rate === null ? {} : { rate }) }, report);
  console.log(JSON.stringify(document));
  for (const connection of connections) connection.close();
  process.exitCode = report.operations === 0 ? 1 : 0;
}
