/**
 * A cluster whose members change, whose leadership moves and whose nodes crash, all at the same
 * time and under load; in the end everything that was acknowledged must be there, at every node.
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
import { ChaosClients, type Outcomes } from "./chaos_clients.ts";
import { elapse, eventually } from "./eventually.ts";
import { type Answer, describeAnswer, type Json } from "./run_raft.ts";

const VOTERS = 3;
const JOINING = 2;
/** A command that is refused for the moment is tried again for so long. */
const STEP_LIMIT_MS = 60_000;
const RETRY_PAUSE_MS = 250;
/**
 * Who was down or joins shall need a snapshot: of the entries that one covers few stay in the log,
 * which forgets whole segments only.
 */
const COMPACTION = ["--trailing-entries", "10", "--segment-bytes", "64KiB"];
/** Exit codes of what may succeed later: not in time, no quorum, unknown outcome, refused. */
const RETRIED_EXITS = [4, 5, 6, 7, 10];
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
  /** It goes on until so many snapshots of a leader replaced the state of a node that runs. */
  readonly installations: number;
  /** Writes under way at the same time. */
  readonly writes: number;
  /** A folder for the logs of the nodes; they are removed with the cluster unless given. */
  readonly logsPath?: string;
  /** Told what happens. */
  readonly say?: (line: string) => void;
}

/** What happened. */
export interface ChaosReport {
  readonly seconds: number;
  /** Processes that ended by SIGKILL. */
  readonly kills: number;
  /** `raft transfer` that succeeded. */
  readonly transfers: number;
  /** How often a node has begun to lead, whatever the reason. */
  readonly elections: number;
  /** As the logs of the nodes tell. */
  readonly snapshots: {
    readonly taken: number;
    readonly sent: number;
    readonly installed: number;
  };
  /** What the library's clients were told of their puts, and of their increments. */
  readonly writes: Outcomes;
  readonly increments: Outcomes;
  /** How often `raft put` ended with each exit code. */
  readonly puts: Readonly<Record<number, number>>;
  /** How often a command about members or leadership ended with an exit code and was repeated. */
  readonly repeated: Readonly<Record<string, number>>;
}

/** One run. */
class Chaos {
  readonly #options: ChaosOptions;
  readonly #cluster: ChangingNodes;
  /** Who crashes is drawn apart from the rest, for both go on at the same time. */
  readonly #killDraws: Prng;
  readonly #draws: Prng;
  /** The nodes that may crash. */
  readonly #mortal = new Set<number>();
  /** The node that is down for a moment, or coming back. */
  #restart: Promise<void> = Promise.resolve();
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
      const clients = new ChaosClients(this.#cluster, new KeyValueClient(client), writes);
      await this.#growPastSnapshot(clients);
      const crashes = this.#crash();
      await Promise.race([this.#takeSteps(), crashes]);
      await this.#untilEnough();
      this.#isOver = true;
      await crashes;
      await clients.stop();
      await this.#check(clients);
      return this.#report(clients);
    } finally {
      this.#isOver = true;
      client.close();
    }
  }

  /** Nodes that join shall need a snapshot: the beginning of the log must be gone. */
  async #growPastSnapshot(clients: ChaosClients): Promise<void> {
    await eventually({
      what: "snapshots before the first node joins",
      look: () =>
        clients.acknowledged >= 2 * this.#options.snapshotEvery &&
          this.#snapshots.taken >= VOTERS || null,
    });
  }

  get #snapshots(): ChaosReport["snapshots"] {
    return {
      taken: this.#cluster.countLines("Took a snapshot"),
      sent: this.#cluster.countLines("Sends a snapshot"),
      installed: this.#cluster.countLines("Installed a snapshot"),
    };
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
    await node.start();
    this.#mortal.add(id);
    await this.#repeat(["wait", "member", String(id), "voter"], [0]);
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
      const answer = await this.#cluster.run(["transfer", String(target)]);
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
  async #repeat(words: readonly string[], exits: readonly number[]): Promise<Json> {
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

  #noteRepeated({ words, exit, stderr, ...rest }: Answer): void {
    assert(
      RETRIED_EXITS.includes(exit ?? -1),
      describeAnswer({ words, exit, stderr, ...rest }),
    );
    const options = words.indexOf("--endpoints");
    const command = words.slice(0, options === -1 ? words.length : options).join(" ");
    const name = `${command.replace(/ \d+/, "")}: exit ${exit}`;
    this.#repeated[name] = (this.#repeated[name] ?? 0) + 1;
    this.#say(`again: ${command}: ${JSON.parse(stderr).error.message}`);
  }

  // What goes on all the time.

  /**
   * Kills one node after the other, and starts each again before the next one, sometimes at once:
   * never are two of them down by our hands, so a quorum is missing for no longer than an election
   * and a start take.
   */
  async #crash(): Promise<void> {
    const { killEveryMs } = this.#options;
    while (!this.#isOver) {
      const dueMs = performance.now() + killEveryMs;
      const ids = [...this.#mortal].sort((a, b) => a - b);
      const node = this.#cluster.node(ids[this.#killDraws.range(0, ids.length - 1)]!);
      const downMs = this.#killDraws.range(0, 1) * this.#killDraws.range(0, killEveryMs);
      this.#restart = this.#killAndStart(node.id, downMs);
      await this.#restart;
      await elapse(Math.max(0, dueMs - performance.now()));
    }
  }

  async #killAndStart(id: number, downMs: number): Promise<void> {
    const node = this.#cluster.node(id);
    this.#say(`node ${id} is killed, for ${downMs} ms`);
    await node.kill();
    assert.equal((await node.process.ended).signal, "SIGKILL", `How node ${id} ended`);
    this.#kills += 1;
    await elapse(downMs);
    await node.start();
  }

  async #untilEnough(): Promise<void> {
    const { kills, leastMs, installations } = this.#options;
    await eventually({
      what: `${kills} crashes, ${installations} installed snapshots and ${leastMs} ms`,
      look: () =>
        this.#kills >= kills && this.#snapshots.installed >= installations &&
          performance.now() - this.#startMs >= leastMs || null,
      withinMs: STEP_LIMIT_MS + leastMs,
    });
  }

  // The end.

  async #check(clients: ChaosClients): Promise<void> {
    const ids = [...this.#mortal].sort((a, b) => a - b);
    const words = ["wait", "healthy", "--voters", String(ids.length), "--timeout", "30s"];
    await this.#repeat(words, [0]);
    const { members } = await this.#cluster.document(["status"]);
    const voters = members.filter(({ voter }: Json) => voter).map(({ id }: Json) => id);
    assert.deepEqual(voters.sort((a: number, b: number) => a - b), ids, "The voters in the end");
    for (const { id, snapshotIndex } of members) {
      assert(snapshotIndex > 0, `Node ${id} has the snapshot ${snapshotIndex}`);
    }
    for (const id of ids) await clients.assertKept(this.#cluster.node(id).address);
  }

  #report(clients: ChaosClients): ChaosReport {
    return {
      seconds: Math.round((performance.now() - this.#startMs) / 100) / 10,
      kills: this.#kills,
      transfers: this.#transfers,
      elections: this.#cluster.countLines("This node leads"),
      snapshots: this.#snapshots,
      ...clients.outcomes,
      puts: clients.exits,
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
  const flags = ["--snapshot-every", String(options.snapshotEvery), ...COMPACTION];
  const cluster = await ChangingNodes.create({ voters: VOTERS, joining: JOINING, flags });
  try {
    return await new Chaos(options, cluster).run();
  } catch (error) {
    console.error(`The seed was ${options.seed}`);
    cluster.showLogs();
    throw error;
  } finally {
    if (options.logsPath !== undefined) cluster.copyLogs(options.logsPath);
    await cluster.dispose();
  }
}
