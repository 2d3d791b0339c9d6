/**
 * A cluster whose members change, whose leadership moves and whose nodes crash, all at the same
 * time and under load; in the end everything that was acknowledged must be there.
 *
 * What is done, to whom and in which order follows from a seed. How it meets what the cluster does
 * at that moment does not: these are real processes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { detectRuntime, KeyValueClient, RaftClient } from "../../../mod.ts";
import { Prng } from "../../../src/testing/prng.ts";
import { ChangingNodes } from "./changing_nodes.ts";
import { elapse, eventually } from "./eventually.ts";
import { KeyWriter } from "./key_writer.ts";
import { type Answer, describeAnswer } from "./run_raft.ts";
import type { TestNode } from "./test_node.ts";

const VOTERS = 3;
const JOINING = 2;
/** A command that is refused for the moment is tried again for so long. */
const STEP_LIMIT_MS = 60_000;
const RETRY_PAUSE_MS = 250;
const SNAPSHOT_LOOK_MS = 100;
/** Exit codes of what may succeed later: not in time, no quorum, unknown outcome, refused. */
const RETRIED_EXITS = [4, 5, 6, 7, 10];
/** Exit codes of a put: applied; no node reached or no quorum, so not applied; unknown. */
const PUT_EXITS = [0, 5, 6, 7];
const REMOVED_EXIT = 8;
const NOT_FOUND_EXIT = 3;

/** How much is done. Whatever the figures, two nodes join and two others are removed. */
export interface ChaosOptions {
  readonly seed: string;
  /** Leadership moves so often. */
  readonly transfers: number;
  /** At least so many crashes. */
  readonly kills: number;
  /** From one crash to the next. */
  readonly killEveryMs: number;
  /** It goes on for at least so long. */
  readonly leastMs: number;
  /** Entries between two snapshots of a node. */
  readonly snapshotEvery: number;
  /** Writes under way at the same time. */
  readonly writes: number;
  /** Told what happens. */
  readonly say?: (line: string) => void;
}

/** What happened. */
export interface ChaosReport {
  readonly seconds: number;
  readonly kills: number;
  readonly transfers: number;
  readonly snapshots: { readonly taken: number; readonly received: number };
  /** What the library's client was told. */
  readonly writes: {
    readonly acknowledged: number;
    readonly refused: number;
    readonly unknown: number;
  };
  /** How often `raft put` ended with each exit code. */
  readonly puts: Readonly<Record<number, number>>;
  /** How often a command about members or leadership ended with an exit code and was repeated. */
  readonly repeated: Readonly<Record<string, number>>;
}

/** Adds one to a count. */
function count<K extends string | number>(counts: Record<K, number>, key: K): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

/** One run. */
class Chaos {
  readonly #options: ChaosOptions;
  readonly #cluster: ChangingNodes;
  /** Who crashes is drawn apart from the rest, for both go on at the same time. */
  readonly #killDraws: Prng;
  readonly #draws: Prng;
  /** The members that may crash. */
  readonly #mortal = new Set<number>();
  /** The node that is down for a moment, or coming back. */
  #restart: Promise<void> = Promise.resolve();
  /** `raft put` acknowledged these: key and revision. */
  readonly #put = new Map<string, number>();
  readonly #putExits: Record<number, number> = {};
  readonly #repeated: Record<string, number> = {};
  #kills = 0;
  #transfers = 0;
  #isOver = false;
  readonly #startMs = performance.now();

  constructor(options: ChaosOptions, cluster: ChangingNodes) {
    this.#options = options;
    this.#cluster = cluster;
    const draws = new Prng(options.seed);
    this.#killDraws = draws.fork("kills");
    this.#draws = draws.fork("steps");
    for (let id = 1; id <= VOTERS; id += 1) this.#mortal.add(id);
  }

  async run(): Promise<ChaosReport> {
    const { writes } = this.#options;
    await Promise.all([...this.#mortal].map((id) => this.#cluster.node(id).start()));
    const { endpoints } = this.#cluster;
    const client = new RaftClient(await detectRuntime(), { endpoints, timeoutMs: 30_000 });
    try {
      const store = new KeyValueClient(client);
      const writer = new KeyWriter(store, { prefix: "chaos/", count: writes });
      await this.#growPastSnapshot(writer);
      const background = [this.#crash(), this.#putByCommand(), this.#watchSnapshots()];
      await Promise.race([this.#takeSteps(), Promise.all(background)]);
      await this.#untilEnough();
      this.#isOver = true;
      await Promise.all(background);
      await writer.stop();
      await this.#check(writer, store);
      return this.#report(writer);
    } finally {
      this.#isOver = true;
      client.close();
    }
  }

  /** Nodes that join shall need a snapshot: the beginning of the log must be gone. */
  async #growPastSnapshot(writer: KeyWriter): Promise<void> {
    await eventually({
      what: "snapshots before the first node joins",
      look: () => {
        this.#cluster.noteSnapshots();
        const isEnough = this.#cluster.snapshots.taken >= VOTERS &&
          writer.acknowledged.size >= 2 * this.#options.snapshotEvery;
        return isEnough || null;
      },
    });
  }

  #say(line: string): void {
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(1);
    this.#options.say?.(`${seconds.padStart(6)} s  ${line}`);
  }

  // What is done in turn.

  async #takeSteps(): Promise<void> {
    const steps = this.#plan();
    const { leastMs } = this.#options;
    for (const [position, step] of steps.entries()) {
      const dueMs = (leastMs * position) / steps.length;
      await elapse(Math.max(0, this.#startMs + dueMs - performance.now()));
      await step();
    }
  }

  /** Both joins, both removals, and the transfers before, between and after them. */
  #plan(): (() => Promise<void>)[] {
    const changes = [
      () => this.#join(VOTERS + 1),
      () => this.#join(VOTERS + 2),
      () => this.#remove(),
      () => this.#remove(),
    ];
    const steps: (() => Promise<void>)[] = [];
    let transfers = 0;
    for (const [position, change] of changes.entries()) {
      steps.push(change);
      const goal = Math.round((this.#options.transfers * (position + 1)) / changes.length);
      for (; transfers < goal; transfers += 1) steps.push(() => this.#transfer());
    }
    return steps;
  }

  async #join(id: number): Promise<void> {
    const node = this.#cluster.node(id);
    this.#say(`node ${id} joins`);
    node.spawn();
    await node.ready();
    await this.#repeat(["wait", "member", String(id), "voter"], [0]);
    this.#mortal.add(id);
    this.#say(`node ${id} votes`);
  }

  /** Removes one of the first nodes, whoever leads. */
  async #remove(): Promise<void> {
    const first = [...this.#mortal].filter((id) => id <= VOTERS);
    const id = first[this.#draws.range(0, first.length - 1)]!;
    // From now on it is not started again: it stops by itself when it learns of its removal.
    this.#mortal.delete(id);
    await this.#restart;
    this.#say(`node ${id} is to leave`);
    await this.#repeat(["member", "remove", String(id)], [0, NOT_FOUND_EXIT]);
    await this.#repeat(["wait", "member", String(id), "gone"], [0]);
    const node = this.#cluster.node(id);
    await eventually({
      what: `node ${id} to stop, for it was removed`,
      look: () => node.isRunning ? null : true,
    });
    assert.equal((await node.process.ended).code, REMOVED_EXIT, `How node ${id} ended`);
    this.#say(`node ${id} has left`);
  }

  async #transfer(): Promise<void> {
    const deadlineMs = performance.now() + STEP_LIMIT_MS;
    for (;;) {
      const { id: leader } = await this.#repeat(["leader"], [0]);
      const others = [...this.#mortal].filter((id) => id !== leader);
      const target = others[this.#draws.range(0, others.length - 1)]!;
      const words = ["transfer", String(target)];
      const answer = await this.#cluster.run(words);
      if (answer.exit === 0) {
        this.#transfers += 1;
        this.#say(`node ${target} leads after node ${leader}`);
        return;
      }
      this.#noteRepeated(answer);
      assert(performance.now() < deadlineMs, `Leadership never moves: ${describeAnswer(answer)}`);
      await elapse(RETRY_PAUSE_MS);
    }
  }

  /** Runs a command until it ends with one of these codes; what was answered in the end. */
  // deno-lint-ignore no-explicit-any
  async #repeat(words: readonly string[], exits: readonly number[]): Promise<any> {
    const deadlineMs = performance.now() + STEP_LIMIT_MS;
    for (;;) {
      const answer = await this.#cluster.run(words);
      if (exits.includes(answer.exit ?? -1)) {
        return answer.exit === 0 ? JSON.parse(answer.stdout) : null;
      }
      this.#noteRepeated(answer);
      assert(performance.now() < deadlineMs, `Not in time: ${describeAnswer(answer)}`);
      await elapse(RETRY_PAUSE_MS);
    }
  }

  #noteRepeated(answer: Answer): void {
    const [command, ...rest] = answer.words;
    assert(RETRIED_EXITS.includes(answer.exit ?? -1), describeAnswer(answer));
    const name = command === "transfer" || command === "leader" ? command : `${command} ${rest[0]}`;
    count(this.#repeated, `${name}: exit ${answer.exit}`);
    this.#say(`again: ${answer.words.slice(0, 4).join(" ")}: ${answer.stderr.trim()}`);
  }

  // What goes on all the time.

  /**
   * Kills one member after the other, and starts each again at once: never are two of them down
   * by our hands, so a quorum is missing for no longer than a start takes.
   */
  async #crash(): Promise<void> {
    const { killEveryMs } = this.#options;
    while (!this.#isOver) {
      const dueMs = performance.now() + killEveryMs;
      const ids = [...this.#mortal].sort((a, b) => a - b);
      const node = this.#cluster.node(ids[this.#killDraws.range(0, ids.length - 1)]!);
      this.#restart = this.#killAndStart(node);
      await this.#restart;
      await elapse(Math.max(0, dueMs - performance.now()));
    }
  }

  async #killAndStart(node: TestNode): Promise<void> {
    this.#say(`node ${node.id} is killed`);
    await node.kill();
    await node.start();
    this.#kills += 1;
  }

  /** Puts with the command line, one after the other; its exit codes are the outcomes. */
  async #putByCommand(): Promise<void> {
    for (let number = 0; !this.#isOver; number += 1) {
      const key = `command/${number}`;
      const answer = await this.#cluster.run(["put", key, key, "--timeout", "10s"]);
      assert(PUT_EXITS.includes(answer.exit ?? -1), describeAnswer(answer));
      count(this.#putExits, answer.exit!);
      if (answer.exit === 0) this.#put.set(key, JSON.parse(answer.stdout).revision);
      else this.#say(`put ${key}: ${answer.stderr.trim()}`);
      await elapse(RETRY_PAUSE_MS);
    }
  }

  async #watchSnapshots(): Promise<void> {
    while (!this.#isOver) {
      this.#cluster.noteSnapshots();
      await elapse(SNAPSHOT_LOOK_MS);
    }
  }

  async #untilEnough(): Promise<void> {
    const { kills, leastMs } = this.#options;
    await eventually({
      what: `${kills} crashes and ${leastMs} ms`,
      look: () => this.#kills >= kills && performance.now() - this.#startMs >= leastMs || null,
      withinMs: STEP_LIMIT_MS + leastMs,
    });
  }

  // The end.

  async #check(writer: KeyWriter, store: KeyValueClient): Promise<void> {
    const voters = String(this.#mortal.size);
    await this.#repeat(["wait", "healthy", "--voters", voters, "--timeout", "30s"], [0]);
    await writer.assertKept(store);
    for (const [key, revision] of this.#put) {
      const read = await store.get(key);
      assert(read.found, `${key}, acknowledged with revision ${revision}, is lost`);
      assert.equal(read.revision, revision, `The revision of ${key}`);
    }
    await this.#assertSame(store);
  }

  /** Every node by itself has all keys, with the same revisions. */
  async #assertSame(store: KeyValueClient): Promise<void> {
    const read = async (id: number): Promise<Map<string, number>> => {
      const { address: endpoint } = this.#cluster.node(id);
      const revisions = new Map<string, number>();
      const decoder = new TextDecoder();
      for await (const { key, revision } of store.items("", { endpoint, withValues: false })) {
        revisions.set(decoder.decode(key), revision);
      }
      return revisions;
    };
    const [first, ...others] = [...this.#mortal];
    const expected = await read(first!);
    for (const id of others) {
      const found = await read(id);
      assert.equal(found.size, expected.size, `Keys at node ${id} and at node ${first}`);
      for (const [key, revision] of expected) {
        assert.equal(found.get(key), revision, `The revision of ${key} at node ${id}`);
      }
    }
  }

  #report(writer: KeyWriter): ChaosReport {
    return {
      seconds: (performance.now() - this.#startMs) / 1000,
      kills: this.#kills,
      transfers: this.#transfers,
      snapshots: this.#cluster.snapshots,
      writes: {
        acknowledged: writer.acknowledged.size,
        refused: writer.refused.size,
        unknown: writer.unknown.size,
      },
      puts: this.#putExits,
      repeated: this.#repeated,
    };
  }
}

/**
 * Runs it with a cluster of its own, and shows the logs where it fails.
 *
 * @throws {AssertionError} If an acknowledged write is lost, a client saw something that is no
 * outcome, or the cluster does not come to do what it was asked for.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const flags = ["--snapshot-every", String(options.snapshotEvery)];
  const cluster = await ChangingNodes.create({ voters: VOTERS, joining: JOINING, flags });
  try {
    return await new Chaos(options, cluster).run();
  } catch (error) {
    console.error(`The seed was ${options.seed}`);
    cluster.showLogs();
    throw error;
  } finally {
    await cluster.dispose();
  }
}
