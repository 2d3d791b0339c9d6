/**
 * The clients of a chaos run: they write all the time, keep what they were told, and compare it in
 * the end with what is there. A client that is told anything but applied, not applied or unknown
 * fails the run.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type KeyValueClient, RaftError } from "../../../mod.ts";
import type { ChangingNodes } from "./changing_nodes.ts";
import { elapse } from "./eventually.ts";
import { KeyWriter } from "./key_writer.ts";
import { describeAnswer } from "./run_raft.ts";

const WRITER_PREFIX = "writer/";
const COMMAND_PREFIX = "command/";
const COUNTER_PREFIX = "counter/";
const COUNTERS = 2;
const OVERWRITTEN_KEY = "overwritten";
const COMMAND_PAUSE_MS = 250;
/** Exit codes of a put: applied; no node reached or no quorum, so not applied; unknown. */
const PUT_EXITS = [0, 5, 6, 7];

/** What clients were told of their writes. */
export interface Outcomes {
  readonly applied: number;
  readonly notApplied: number;
  readonly unknown: number;
}

/** A key that one client increments; every increment that counts does so once. */
interface Counter {
  readonly key: string;
  /** The last value that the client was told. */
  value: number;
  applied: number;
  notApplied: number;
  unknown: number;
}

/** Clients of one cluster. */
export class ChaosClients {
  /** How often `raft put` ended with each exit code. */
  readonly exits: Record<number, number> = {};
  readonly #cluster: ChangingNodes;
  readonly #store: KeyValueClient;
  readonly #writer: KeyWriter;
  readonly #counters: Counter[] = [];
  /** What `raft put` wrote, with its revision. */
  readonly #put = new Map<string, number>();
  readonly #refused = new Set<string>();
  readonly #work: Promise<void>[] = [];
  #isStopping = false;
  #failure: unknown = null;

  /** Starts all of them; of the library's writer so many writes are under way at any time. */
  constructor(cluster: ChangingNodes, store: KeyValueClient, writes: number) {
    this.#cluster = cluster;
    this.#store = store;
    this.#writer = new KeyWriter(store, { prefix: WRITER_PREFIX, count: writes });
    for (let number = 0; number < COUNTERS; number += 1) {
      const key = `${COUNTER_PREFIX}${number}`;
      this.#counters.push({ key, value: 0, applied: 0, notApplied: 0, unknown: 0 });
    }
    const loops = [
      this.#runCommands(),
      this.#overwrite(),
      ...this.#counters.map((each) => this.#increment(each)),
    ];
    for (const loop of loops) {
      this.#work.push(loop.catch((error) => void (this.#failure ??= error)));
    }
  }

  /** How many writes of the library's writer were acknowledged. */
  get acknowledged(): number {
    return this.#writer.acknowledged.size;
  }

  /** What the library's clients were told. */
  get outcomes(): { readonly writes: Outcomes; readonly increments: Outcomes } {
    const { acknowledged, refused, unknown } = this.#writer;
    const sum = (name: "applied" | "notApplied" | "unknown") =>
      this.#counters.reduce((total, counter) => total + counter[name], 0);
    return {
      writes: {
        applied: acknowledged.size,
        notApplied: refused.size,
        unknown: unknown.size,
      },
      increments: {
        applied: sum("applied"),
        notApplied: sum("notApplied"),
        unknown: sum("unknown"),
      },
    };
  }

  /** Starts nothing more; resolves when what is under way has its outcome. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([this.#writer.stop(), ...this.#work]);
    if (this.#failure !== null) throw this.#failure;
  }

  /** Fails unless linearizable reads through this node find everything as the clients were told. */
  async assertKept(endpoint: string): Promise<void> {
    await this.#writer.assertKept(this.#store, endpoint);
    const found = new Map<string, number>();
    const decoder = new TextDecoder();
    for await (const { key, revision } of this.#store.items(COMMAND_PREFIX, { endpoint })) {
      found.set(decoder.decode(key), revision);
    }
    for (const [key, revision] of this.#put) {
      assert.equal(found.get(key), revision, `${key}, acknowledged, as ${endpoint} has it`);
    }
    for (const key of this.#refused) {
      assert.equal(found.has(key), false, `${key} is there, and was said not to be applied`);
    }
    for (const counter of this.#counters) await this.#assertCounted(counter, endpoint);
  }

  async #assertCounted(counter: Counter, endpoint: string): Promise<void> {
    const { key, value, applied, unknown } = counter;
    const read = await this.#store.get(key, { endpoint });
    const counted = read.found ? Number(new TextDecoder().decode(read.value)) : 0;
    assert(counted >= value, `${key} is ${counted} at ${endpoint}, and was ${value}`);
    assert(
      counted >= applied && counted <= applied + unknown,
      `${key} is ${counted} at ${endpoint}, after ${applied} increments and ${unknown} in doubt`,
    );
  }

  /** Puts with the command line, one after the other; its exit codes are the outcomes. */
  async #runCommands(): Promise<void> {
    for (let number = 0; !this.#isStopping; number += 1) {
      const key = `${COMMAND_PREFIX}${number}`;
      const answer = await this.#cluster.run(["put", key, key, "--timeout", "20s"]);
      const exit = answer.exit ?? -1;
      assert(PUT_EXITS.includes(exit), describeAnswer(answer));
      this.exits[exit] = (this.exits[exit] ?? 0) + 1;
      if (exit === 0) this.#put.set(key, JSON.parse(answer.stdout).revision);
      else if (exit !== 7) this.#refused.add(key);
      await elapse(COMMAND_PAUSE_MS);
    }
  }

  /**
   * Writes one key again and again, with values of one length, and is told each time what it held:
   * the value before, or one whose outcome was not known.
   */
  async #overwrite(): Promise<void> {
    let possible = [""];
    for (let number = 0; !this.#isStopping; number += 1) {
      const value = String(number).padStart(40, "0");
      try {
        const { previous } = await this.#store.put(OVERWRITTEN_KEY, value, {
          returnPrevious: true,
          timeoutMs: 20_000,
        });
        const held = previous === null ? "" : new TextDecoder().decode(previous.value);
        assert(
          possible.includes(held),
          `${OVERWRITTEN_KEY} held "${held}", not one of ${possible}`,
        );
        possible = [value];
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        if (error.code === "shutdown") return;
        if (error.applied !== "no") possible.push(value);
      }
    }
  }

  /** Increments a key, one after the other. */
  async #increment(counter: Counter): Promise<void> {
    while (!this.#isStopping) {
      try {
        const { value } = await this.#store.increment(counter.key, { timeoutMs: 20_000 });
        assert(value > counter.value, `${counter.key} went from ${counter.value} to ${value}`);
        counter.value = value;
        counter.applied += 1;
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        if (error.code === "shutdown") return;
        counter[error.applied === "no" ? "notApplied" : "unknown"] += 1;
      }
    }
  }
}
