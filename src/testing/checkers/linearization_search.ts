/**
 * Looks for an order in which the operations on one key could have taken effect.
 *
 * The algorithm is Wing and Gong's (1993) with Lowe's memory of what was tried (2017), as in
 * Porcupine: calls and returns are a list in the order of time; only an operation whose call comes
 * before every return that is left may be next. One is taken, the model says whether its answer
 * fits, and where it does not go on, the step is taken back. A set of operations done and the state
 * they lead to is tried once only.
 *
 * An operation with an unknown outcome has no return: it may be taken at any time, and need not be
 * taken at all. Such ones are tried last, and only where they change something.
 *
 * @module
 */
import { assert } from "../../assert.ts";
import { Prng } from "../prng.ts";
import type { Operation } from "./history.ts";
import type { SequentialModel } from "./sequential_model.ts";

/** What {@linkcode searchLinearization} is given. */
export interface SearchOptions<State, Input, Output> {
  readonly model: SequentialModel<State, Input, Output>;
  /** The operations on one key, in any order. */
  readonly operations: readonly Operation<Input, Output>[];
  /** The search gives up after so many steps. */
  readonly stepsMax: number;
}

/** What a search found. */
export interface SearchResult<State> {
  /** Null where the search gave up. */
  readonly linearizable: boolean | null;
  readonly steps: number;
  /** The longest order that was found, as places in `operations`. */
  readonly longest: readonly number[];
  /** The state at the end of it. */
  readonly longestState: State;
}

const HEAD = 0;
const NONE = -1;

/** The calls and returns that are left, in the order of time, as a list with links both ways. */
class EventList {
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  /** `events` holds `callOf` and `returnOf` numbers in the order of time. */
  constructor(events: readonly number[], operationCount: number) {
    this.#next = new Int32Array(2 * operationCount + 1).fill(NONE);
    this.#previous = new Int32Array(2 * operationCount + 1).fill(NONE);
    let last = HEAD;
    for (const event of events) {
      this.#next[last] = event;
      this.#previous[event] = last;
      last = event;
    }
  }

  next(event: number): number {
    return this.#next[event] as number;
  }

  remove(event: number): void {
    const previous = this.#previous[event] as number;
    const next = this.#next[event] as number;
    if (previous === NONE) return;
    this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
  }

  /** Undoes the removal of `event`, which must be the last that is not undone. */
  restore(event: number): void {
    const previous = this.#previous[event] as number;
    const next = this.#next[event] as number;
    if (previous === NONE) return;
    this.#next[previous] = event;
    if (next !== NONE) this.#previous[next] = event;
  }
}

const callOf = (operation: number): number => 2 * operation + 1;
const returnOf = (operation: number): number => 2 * operation + 2;
const operationOf = (event: number): number => (event - 1) >> 1;
const isReturn = (event: number): boolean => event === NONE || event % 2 === 0;

/** Remembers sets of operations with the states that they lead to. */
class TriedSets {
  readonly #codes: Uint32Array;
  readonly #bits: Uint32Array;
  readonly #tried = new Map<string, Uint32Array[]>();
  #hash = 0;

  constructor(operationCount: number) {
    const prng = new Prng("linearizability");
    this.#codes = new Uint32Array(operationCount).map(() => prng.uint32());
    this.#bits = new Uint32Array((operationCount + 31) >> 5);
  }

  /** Puts an operation into the present set, or takes it out. */
  toggle(operation: number): void {
    const word = operation >> 5;
    this.#bits[word] = (this.#bits[word] as number) ^ (1 << (operation & 31));
    this.#hash = (this.#hash ^ (this.#codes[operation] as number)) >>> 0;
  }

  /** Remembers the present set with a state; false if it was known. */
  add(fingerprint: string): boolean {
    const key = `${this.#hash} ${fingerprint}`;
    const known = this.#tried.get(key) ?? [];
    const same = (bits: Uint32Array) => bits.every((word, at) => word === this.#bits[at]);
    if (known.some(same)) return false;
    known.push(this.#bits.slice());
    this.#tried.set(key, known);
    return true;
  }
}

/** The operations in the order of their calls, with their returns between. */
function sortedEvents<Input, Output>(operations: readonly Operation<Input, Output>[]): number[] {
  const events: { order: number; event: number }[] = [];
  operations.forEach((operation, place) => {
    events.push({ order: operation.callOrder, event: callOf(place) });
    if (operation.output === null) return;
    assert(operation.returnOrder > operation.callOrder, "an operation returns after its call");
    events.push({ order: operation.returnOrder, event: returnOf(place) });
  });
  // At the same moment a call comes first: the two operations then overlap.
  events.sort((one, other) =>
    one.order - other.order || Number(isReturn(one.event)) - Number(isReturn(other.event))
  );
  return events.map(({ event }) => event);
}

/** Looks for an order; see the top of this file. */
export function searchLinearization<State, Input, Output>(
  options: SearchOptions<State, Input, Output>,
): SearchResult<State> {
  const { model, operations, stepsMax } = options;
  const isKnown = operations.map((operation) => operation.output !== null);
  const list = new EventList(sortedEvents(operations), operations.length);
  const tried = new TriedSets(operations.length);
  const stack: { operation: number; state: State; trying: boolean }[] = [];
  let state = model.initial;
  let left = isKnown.filter((known) => known).length;
  let longest: number[] = [];
  let longestState = state;
  /** Whether operations with a known outcome are tried now, or the others. */
  let trying = true;
  let event = list.next(HEAD);
  for (let steps = 0;; steps++) {
    if (left === 0) return { linearizable: true, steps, longest, longestState };
    if (steps >= stepsMax) return { linearizable: null, steps, longest, longestState };
    if (isReturn(event) && trying) {
      trying = false;
      event = list.next(HEAD);
    } else if (isReturn(event)) {
      const back = stack.pop();
      if (back === undefined) return { linearizable: false, steps, longest, longestState };
      ({ state, trying } = back);
      event = callOf(back.operation);
      list.restore(returnOf(back.operation));
      list.restore(event);
      tried.toggle(back.operation);
      if (isKnown[back.operation] === true) left++;
      event = list.next(event);
    } else {
      const operation = operationOf(event);
      const call = operations[operation] as Operation<Input, Output>;
      const next = isKnown[operation] === trying ? model.step(state, call) : null;
      if (next !== null) tried.toggle(operation);
      if (next === null || !tried.add(model.fingerprint(next))) {
        if (next !== null) tried.toggle(operation);
        event = list.next(event);
        continue;
      }
      stack.push({ operation, state, trying });
      list.remove(event);
      list.remove(returnOf(operation));
      if (isKnown[operation] === true) left--;
      state = next;
      trying = true;
      event = list.next(HEAD);
      if (stack.length <= longest.length) continue;
      longest = stack.map((frame) => frame.operation);
      longestState = state;
    }
  }
}
