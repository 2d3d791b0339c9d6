/**
 * Every crash of an operation, and of every recovery from it.
 *
 * The operation is run once. At each instant of each of its calls to the disk (not done, half done,
 * done) the disk is forked as a crash may leave it: as it is, for the death of the process alone,
 * and as each loss of power may leave it (power_losses.ts). On each fork recovery is run, which
 * has instants of its own, whose forks are recovered in their turn, until no new state of the disk
 * appears. A state that was seen before is not tried again, but must keep each promise that leads
 * to it.
 *
 * What is checked at each state:
 * - recovery ends, and finds what was promised at the instant of the first crash;
 * - what it has found is durable when it ends: after a loss of power it is found again, exactly;
 * - the operator can go on: what is changed after the recovery is durable as well.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { CrashDisk, type CrashInstant } from "./crash_disk.ts";
import { LOSE_ALL, powerLosses, type SectorSets } from "./power_losses.ts";

/** More states than this are taken for a recovery that never comes to rest. */
const STATES_MAX = 200_000;

/** Something that changes files, and how a crash in the middle of it is recovered from. */
export interface CrashOperation {
  readonly name: string;
  /** Makes what is there before; durable when it resolves. */
  readonly prepare?: (runtime: Runtime) => Promise<void>;
  /**
   * Does it. `promise` says, whenever it is asked, what may be found after a crash at that moment.
   */
  readonly run: (runtime: Runtime, promise: (ask: () => string) => void) => Promise<void>;
  /**
   * Opens what is there as the next process does. When it resolves the process would begin its
   * work; the function that it resolves to reads everything and tells it in a text.
   */
  readonly recover: (runtime: Runtime) => Promise<() => Promise<string>>;
  /** Fails unless `promise` allows what was found. */
  readonly check: (found: string, promise: string) => void;
  /** Opens what is there, changes it durably, and tells what must be found from then on. */
  readonly goOn: (runtime: Runtime) => Promise<string>;
}

/** How much was tried. */
export interface CrashCounts {
  /** The calls of the operation to the disk. */
  calls: number;
  /** The instants of the operation and of all recoveries, at each of which it was crashed. */
  instants: number;
  /** The crashes: one for the process, and one for each loss of power that was tried. */
  crashes: number;
  /** The different states of the disk that they left, each of which was recovered. */
  states: number;
  /** The most crashes in a row before a state that was not seen before. */
  crashesInARow: number;
}

/** A state of the disk. */
interface State {
  readonly disk: CrashDisk;
  readonly depth: number;
  /** How it came about, for messages. */
  readonly trail: string;
  /** What must be found in it. */
  readonly promises: Set<string>;
  /** The states that a crash of its recovery leaves. */
  readonly next: Set<State>;
  /** What a crash leaves while the disk is like this; null before it was tried. */
  crashed: readonly State[] | null;
  /** What recovery found; null before it was run. */
  found: string | null;
  /** Whether a recovery has ended in it, so that somebody goes on from here. */
  goOn: "no" | "wanted" | "done";
}

/** A promise that exactly this is found. */
const EXACTLY = "exactly: ";

/** How far to go. */
export interface CrashOptions {
  /** How many crashes in a row: 1 crashes the operation only, 2 its recovery as well. */
  readonly crashesMax: number;
  /** Recovers every n-th state only, for a runtime beside one that tries all; 1 for all. */
  readonly every?: number;
}

/** Tries every crash. */
export async function exploreCrashes(
  operation: CrashOperation,
  options: CrashOptions = { crashesMax: 2 },
): Promise<CrashCounts> {
  return await new CrashExplorer(operation, options).explore();
}

class CrashExplorer {
  readonly #operation: CrashOperation;
  readonly #crashesMax: number;
  readonly #every: number;
  readonly #states = new Map<string, State>();
  readonly #waiting: State[] = [];
  readonly #counts: CrashCounts = {
    ...{ calls: 0, instants: 0, crashes: 0, states: 0, crashesInARow: 0 },
  };

  constructor(operation: CrashOperation, { crashesMax, every = 1 }: CrashOptions) {
    assert(crashesMax >= 1 && every >= 1, () => `crashes up to ${crashesMax}, every ${every}`);
    this.#every = every;
    this.#operation = operation;
    this.#crashesMax = crashesMax;
  }

  async explore(): Promise<CrashCounts> {
    const { name, prepare, run } = this.#operation;
    const disk = new CrashDisk();
    await prepare?.(disk.boot("preparation"));
    disk.losePower(LOSE_ALL);
    let promise = (): string => {
      throw new Error(`"${name}" uses the disk before it says what it promises`);
    };
    const watch = this.#watch({ disk, depth: 1, trail: name });
    disk.onInstant = (instant) => {
      if (instant.progress === "not done") this.#counts.calls += 1;
      for (const state of watch(instant)) this.#promise(state, promise());
    };
    await run(disk.boot("operation"), (ask) => promise = ask);
    disk.onInstant = null;
    for (const state of watch(null)) this.#promise(state, promise());
    // States are appended while they are walked through: fewest crashes first.
    let number = 0;
    for (const state of this.#waiting) {
      if (number % this.#every === 0) await this.#recover(state);
      number += 1;
    }
    return this.#counts;
  }

  /** Returns what forks the disk at an instant, or at the end, as every crash may leave it. */
  #watch(
    { disk, depth, trail }: { disk: CrashDisk; depth: number; trail: string },
  ): (instant: CrashInstant | null) => readonly State[] {
    let forkedAt = -1;
    let forks: readonly State[] = [];
    return (instant) => {
      this.#counts.instants += 1;
      if (disk.changeCount !== forkedAt) {
        const where = instant === null
          ? "at its end"
          : `at ${instant.kind} "${instant.path}" (${instant.progress})`;
        // What is left of half a write is left of the whole one as well, some time.
        const sets = depth === 1 && instant?.progress !== "half done" ? "many" : "few";
        forks = this.#fork(disk, { depth, sets, trail: `${trail}\n  crash ${where}: ` });
        forkedAt = disk.changeCount;
      }
      this.#counts.crashes += forks.length;
      return forks;
    };
  }

  #fork(
    disk: CrashDisk,
    { depth, sets, trail }: { depth: number; sets: SectorSets; trail: string },
  ): readonly State[] {
    const killed = this.#stateOf(disk, { depth, trail: `${trail}the process is killed` });
    if (killed.crashed === null) {
      const crashed = new Set([killed]);
      for (const { disk: left, name } of powerLosses(disk, sets)) {
        crashed.add(this.#stateOf(left, { depth, trail: trail + name }));
      }
      killed.crashed = [...crashed];
    }
    return killed.crashed;
  }

  /** The state that a disk is in, a new one or one that was seen before. */
  #stateOf(disk: CrashDisk, { depth, trail }: { depth: number; trail: string }): State {
    const key = disk.describe();
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const state: State = {
      ...{ disk: disk.fork(), depth, trail, promises: new Set<string>(), next: new Set<State>() },
      ...{ found: null, goOn: "no", crashed: null },
    };
    assert(this.#states.size < STATES_MAX, () => `more than ${STATES_MAX} states: ${trail}`);
    this.#states.set(key, state);
    this.#waiting.push(state);
    this.#counts.states += 1;
    this.#counts.crashesInARow = Math.max(this.#counts.crashesInARow, depth);
    return state;
  }

  /** Notes that something was promised of a state, and of those that come of it. */
  #promise(first: State, promise: string): void {
    const waiting = [first];
    for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
      if (state.promises.has(promise)) continue;
      state.promises.add(promise);
      if (state.found === null) continue;
      this.#check(state, promise);
      waiting.push(...state.next);
    }
  }

  async #recover(state: State): Promise<void> {
    const { recover } = this.#operation;
    const disk = state.disk.fork();
    const watch = this.#watch({ disk, depth: state.depth + 1, trail: state.trail });
    const isWatched = state.depth < this.#crashesMax;
    if (isWatched) {
      disk.onInstant = (instant) => {
        for (const next of watch(instant)) state.next.add(next);
      };
    }
    let found: string;
    let end: CrashDisk;
    try {
      const read = await recover(disk.boot("recovery"));
      disk.onInstant = null;
      end = disk.fork();
      found = await read();
    } catch (error) {
      throw new Error(`Recovery fails after:\n${state.trail}`, { cause: error });
    }
    state.found = found;
    for (const promise of state.promises) this.#check(state, promise);
    for (const next of state.next) {
      for (const promise of state.promises) this.#promise(next, promise);
    }
    end.losePower(LOSE_ALL);
    const trail = `${state.trail}\n  recovery, then a loss of power`;
    const durable = this.#stateOf(end, { depth: state.depth, trail });
    state.next.add(durable);
    for (const promise of state.promises) this.#promise(durable, promise);
    this.#promise(durable, EXACTLY + found);
    if (durable.goOn === "no") durable.goOn = "wanted";
    for (const one of [state, durable]) await this.#goOn(one);
  }

  #check({ found, trail }: State, promise: string): void {
    assert(found !== null, "the state was not recovered");
    try {
      if (!promise.startsWith(EXACTLY)) return this.#operation.check(found, promise);
      const wanted = promise.slice(EXACTLY.length);
      assert(found === wanted, () => `found ${found}, but recovery has found ${wanted} before`);
    } catch (error) {
      throw new Error(`A promise is broken after:\n${trail}`, { cause: error });
    }
  }

  /** Goes on where recovery has ended, and looks whether that stays. */
  async #goOn(state: State): Promise<void> {
    const { goOn, recover } = this.#operation;
    if (state.goOn !== "wanted" || state.found === null) return;
    state.goOn = "done";
    const disk = state.disk.fork();
    try {
      const wanted = await goOn(disk.boot("going on"));
      disk.losePower(LOSE_ALL);
      const found = await (await recover(disk.boot("recovery")))();
      assert(found === wanted, () => `found ${found}, want ${wanted}`);
    } catch (error) {
      throw new Error(`What is done after a recovery is lost:\n${state.trail}`, { cause: error });
    }
  }
}
