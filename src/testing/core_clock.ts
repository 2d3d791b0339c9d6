/**
 * Lets the timers of a cluster of cores run out by themselves, on a clock that only a test moves.
 *
 * One tick delivers what was on its way, completes what the disks owe and fires what is due.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Timer } from "../consensus/input.ts";
import type { NodeId } from "../types.ts";
import type { CoreCluster } from "./core_cluster.ts";
import type { CoreNode } from "./core_node.ts";
import type { Prng } from "./prng.ts";

/** One election timeout. */
export const ELECTION_TIMEOUT_TICKS = 20;

/** What a driver would wait for each timer. */
const durationTicks: Record<Timer, number> = {
  election: ELECTION_TIMEOUT_TICKS,
  leaderContact: ELECTION_TIMEOUT_TICKS,
  succession: 1,
  heartbeat: 4,
  quorum: ELECTION_TIMEOUT_TICKS,
  commitNotice: 1,
  promise: ELECTION_TIMEOUT_TICKS,
  transfer: ELECTION_TIMEOUT_TICKS,
};

interface Deadline {
  readonly arming: number;
  readonly tick: number;
}

/** The clock of a cluster. */
export class CoreClock {
  /** How many ticks have passed. */
  now = 0;
  /** How many ticks a disk takes; 1 where nothing is set. */
  readonly diskTicks = new Map<NodeId, number>();
  readonly #cluster: CoreCluster;
  readonly #prng: Prng;
  readonly #deadlines = new Map<NodeId, Map<Timer, Deadline>>();

  /** Creates the clock; `prng` draws the jitter of elections. */
  constructor(cluster: CoreCluster, prng: Prng) {
    this.#cluster = cluster;
    this.#prng = prng;
    for (const id of cluster.nodes.keys()) this.#deadlines.set(id, new Map());
  }

  /** Lets one tick pass. */
  tick(): void {
    this.now += 1;
    this.#cluster.deliver();
    for (const node of this.#cluster.nodesUp) {
      while (node.fetches.length > 0) {
        node.stepFetch();
        node.perform();
      }
      while (node.snapshotSends.length > 0 || node.receptions.length > 0) {
        if (node.snapshotSends.length > 0) node.stepSnapshotSend();
        else node.stepReception();
        node.perform();
      }
      if (node.unsyncedCount > 0 && this.now % (this.diskTicks.get(node.id) ?? 1) === 0) {
        node.sync(1);
      }
      this.#fireDue(node);
    }
  }

  /**
   * Lets ticks pass until `condition` holds.
   *
   * @returns How many it took.
   */
  runUntil(condition: () => boolean, options: { readonly ticksMax: number; what: string }): number {
    const start = this.now;
    while (!condition()) {
      const passed = this.now - start;
      assert(
        passed < options.ticksMax,
        () => `after ${passed} ticks still not so: ${options.what}`,
      );
      this.tick();
    }
    return this.now - start;
  }

  /** Lets this many ticks pass. */
  run(ticks: number): void {
    for (let passed = 0; passed < ticks; passed += 1) this.tick();
  }

  #fireDue(node: CoreNode): void {
    const deadlines = this.#deadlines.get(node.id)!;
    for (const timer of deadlines.keys()) if (!node.timers.has(timer)) deadlines.delete(timer);
    for (const [timer, arming] of [...node.timers]) {
      const deadline = deadlines.get(timer);
      if (deadline?.arming !== arming) {
        deadlines.set(timer, { arming, tick: this.now + this.#draw(timer) });
      } else if (deadline.tick <= this.now && node.timers.get(timer) === arming) {
        deadlines.delete(timer);
        node.fire(timer);
      }
    }
  }

  #draw(timer: Timer): number {
    const ticks = durationTicks[timer];
    // Between one and two election timeouts, as input.ts says.
    return timer === "election" ? this.#prng.range(ticks, 2 * ticks) : ticks;
  }
}
