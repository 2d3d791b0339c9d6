/**
 * Linearizability (Herlihy and Wing 1990): each operation appears to take effect at one moment
 * between its call and its return. It is what a client of this system is promised, §8 of the paper:
 * "each operation appears to execute instantaneously, exactly once, at some point between its
 * invocation and its response".
 *
 * A history is linearizable if its operations on each key are, so keys are checked one by one. A
 * history whose beginning is not linearizable is not either, so short beginnings are checked
 * before long ones: a violation is found before the search becomes long, and the beginning that is
 * shown is the shortest. The search is bounded in steps, not in time: the same answer everywhere.
 *
 * @module
 */
import { assert } from "../../assert.ts";
import { describeCounterexample } from "./counterexample.ts";
import type { Operation } from "./history.ts";
import { searchLinearization } from "./linearization_search.ts";
import type { SearchResult } from "./linearization_search.ts";
import { PropertyViolation } from "./property_violation.ts";
import type { SequentialModel } from "./sequential_model.ts";

/** A search for one key gives up after so many steps: about a second. */
export const STEPS_MAX_DEFAULT = 2_000_000;

const RETURNS_FIRST = 16;

/** What {@linkcode checkLinearizability} is given. */
export interface LinearizabilityOptions<State, Input, Output> {
  readonly model: SequentialModel<State, Input, Output>;
  readonly operations: readonly Operation<Input, Output>[];
  /** The search for one key gives up after so many steps. */
  readonly stepsMax?: number;
}

/** What a check that found no violation did. */
export interface LinearizabilityReport {
  readonly keyCount: number;
  readonly operationCount: number;
  /** Keys whose search gave up: nothing is known of them. */
  readonly undecidedKeys: readonly string[];
  readonly steps: number;
}

/** Throws a {@linkcode PropertyViolation} with a counterexample where there is one. */
export function checkLinearizability<State, Input, Output>(
  options: LinearizabilityOptions<State, Input, Output>,
): LinearizabilityReport {
  const { model, operations, stepsMax = STEPS_MAX_DEFAULT } = options;
  assert(stepsMax > 0, () => `stepsMax ${stepsMax} is positive`);
  const keys = new Map<string, Operation<Input, Output>[]>();
  for (const operation of operations) {
    const known = keys.get(operation.key) ?? [];
    known.push(operation);
    keys.set(operation.key, known);
  }
  const undecidedKeys: string[] = [];
  let steps = 0;
  for (const [key, ofKey] of keys) {
    const check = new KeyCheck({ model, operations: ofKey, stepsMax });
    const failure = check.findViolation();
    steps += check.steps;
    if (failure === "undecided") undecidedKeys.push(key);
    else if (failure !== null) throw new PropertyViolation("Linearizability", failure);
  }
  return { keyCount: keys.size, operationCount: operations.length, undecidedKeys, steps };
}

/** The check of one key. */
class KeyCheck<State, Input, Output> {
  readonly #model: SequentialModel<State, Input, Output>;
  readonly #operations: readonly Operation<Input, Output>[];
  readonly #stepsMax: number;
  /** The places of the returns in the order of the history. */
  readonly #returns: readonly number[];
  steps = 0;

  constructor(options: Required<LinearizabilityOptions<State, Input, Output>>) {
    this.#model = options.model;
    this.#operations = options.operations;
    this.#stepsMax = options.stepsMax;
    this.#returns = options.operations
      .filter((operation) => operation.output !== null)
      .map((operation) => operation.returnOrder)
      .sort((one, other) => one - other);
  }

  /** The text of a counterexample, or null where there is none. */
  findViolation(): string | "undecided" | null {
    let good = 0;
    for (let count = RETURNS_FIRST;; count *= 2) {
      const tried = Math.min(count, this.#returns.length);
      const { linearizable } = this.#search(this.#beginning(tried));
      if (linearizable === null) return "undecided";
      if (!linearizable) return this.#describe(good, tried);
      if (tried === this.#returns.length) return null;
      good = tried;
    }
  }

  #search(operations: readonly Operation<Input, Output>[]): SearchResult<State> {
    const model = this.#model;
    const result = searchLinearization({ model, operations, stepsMax: this.#stepsMax });
    this.steps += result.steps;
    return result;
  }

  /** What had happened by the return of that number: later returns are not known then. */
  #beginning(returnCount: number): Operation<Input, Output>[] {
    const end = returnCount === 0 ? -1 : this.#returns[returnCount - 1] as number;
    const operations: Operation<Input, Output>[] = [];
    for (const operation of this.#operations) {
      if (operation.callOrder > end) continue;
      const returned = operation.output !== null && operation.returnOrder <= end;
      const seen = returned
        ? operation
        : { ...operation, output: null, returnOrder: Infinity, returnMs: Infinity };
      // A read without an answer says nothing.
      if (returned || !this.#model.isReadOnly(seen)) operations.push(seen);
    }
    return operations;
  }

  /** The shortest beginning that is not linearizable, without the reads that it does not need. */
  #describe(good: number, bad: number): string {
    let low = good;
    let high = bad;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#search(this.#beginning(middle)).linearizable === false) high = middle;
      else low = middle;
    }
    let operations = this.#beginning(high);
    // Leaving out is for the reader: it may cost as much again as the search, and no more.
    const enough = this.steps + this.#stepsMax;
    for (const candidate of [...operations]) {
      if (!this.#model.isReadOnly(candidate) || this.steps > enough) continue;
      const fewer = operations.filter((operation) => operation !== candidate);
      if (this.#search(fewer).linearizable === false) operations = fewer;
    }
    operations.sort((one, other) => one.callOrder - other.callOrder);
    const result = this.#search(operations);
    assert(result.linearizable === false, "what is left of a violation is one");
    const total = this.#operations.length;
    return describeCounterexample({ model: this.#model, operations, result, total });
  }
}
