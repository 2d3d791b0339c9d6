/**
 * Makes a failing run small: the same failure with fewer kinds of faults, fewer faults, fewer
 * clients, and no time after it. Each attempt is a whole run; the smallest that failed is kept.
 *
 * A run that leaves something out goes another way from there on, so a smaller one need not fail,
 * and one that fails may break another property: that is a failure as well.
 *
 * @module
 */
import type { SimulationOptions } from "./simulation_options.ts";
import { SimulationFailure } from "./simulation_failure.ts";

/** What {@linkcode shrinkFailure} is given. */
export interface ShrinkOptions {
  /** Runs a simulation; rejects with a failure where it breaks a property. */
  readonly run: (options: SimulationOptions) => Promise<unknown>;
  /** At most so many runs. */
  readonly runsMax: number;
  /** Asked before each run; true gives up. */
  readonly isOver?: () => boolean;
}

/** What was found. */
export interface ShrinkResult {
  /** The smallest failure. */
  readonly failure: SimulationFailure;
  /** How many runs it took. */
  readonly runCount: number;
}

/** The smallest failing run that is found. */
export async function shrinkFailure(
  failure: SimulationFailure,
  options: ShrinkOptions,
): Promise<ShrinkResult> {
  const shrinker = new Shrinker(failure, options);
  await shrinker.endEarly();
  await shrinker.dropKinds();
  await shrinker.dropFaults();
  await shrinker.dropClients();
  await shrinker.endEarly();
  return { failure: shrinker.best, runCount: shrinker.runCount };
}

class Shrinker {
  best: SimulationFailure;
  runCount = 0;
  readonly #options: ShrinkOptions;

  constructor(failure: SimulationFailure, options: ShrinkOptions) {
    this.best = failure;
    this.#options = options;
  }

  /** Ends the time of faults right after the failure, where it came before their end. */
  async endEarly(): Promise<void> {
    const { options, atMs } = this.best.fields;
    const durationMs = Math.ceil(atMs) + 1;
    if (durationMs < options.durationMs) await this.#try({ durationMs });
  }

  /** Leaves out all faults of a kind at a time. */
  async dropKinds(): Promise<void> {
    const kinds = new Set(this.best.fields.faults.map(({ kind }) => kind));
    for (const dropped of kinds) {
      const { faults } = this.best.fields;
      const left = faults.filter(({ kind }) => kind !== dropped);
      if (left.length < faults.length) await this.#try({ faults: left.map(numberOf) });
    }
  }

  /** Leaves out ever smaller parts of the faults, the earliest first, down to single ones. */
  async dropFaults(): Promise<void> {
    const count = this.best.fields.faults.length;
    for (let size = Math.ceil(count / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      let start = 0;
      while (start < this.best.fields.faults.length) {
        const numbers = this.best.fields.faults.map(numberOf);
        const left = [...numbers.slice(0, start), ...numbers.slice(start + size)];
        if (!await this.#try({ faults: left })) start += size;
      }
    }
  }

  /** Sends clients home, half of them and then one by one. */
  async dropClients(): Promise<void> {
    for (;;) {
      const { clientCount } = this.best.fields.plan.workload;
      if (clientCount <= 1) return;
      const half = Math.floor(clientCount / 2);
      if (await this.#try({ clientCount: half })) continue;
      if (half === clientCount - 1 || !await this.#try({ clientCount: clientCount - 1 })) return;
    }
  }

  /** Runs a smaller run; true where it fails too and is the best from now on. */
  async #try(change: Partial<SimulationOptions>): Promise<boolean> {
    const { runsMax, run, isOver } = this.#options;
    if (this.runCount >= runsMax || isOver?.() === true) return false;
    this.runCount += 1;
    try {
      await run({ ...this.best.fields.options, ...change });
      return false;
    } catch (error) {
      if (!(error instanceof SimulationFailure)) throw error;
      this.best = error;
      return true;
    }
  }
}

function numberOf({ number }: { readonly number: number }): number {
  return number;
}
