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
 * taken at all. Two rules keep their number from exploding. Of two ways to the same state by the
 * same known operations, the one that took fewer unknown ones can do whatever the other can. And an
 * unknown one is taken only if the next operation notices: where the next leads to the same state
 * without it, the order without it is found as well, by trying the next one step earlier.
 *
 * A read that may come now and fits is taken at once and for good: if any order works, it works
 * with the read moved to the front.
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
    this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
  }

  /** Undoes the removal of `event`, which must be the last that is not undone. */
  restore(event: number): void {
    const previous = this.#previous[event] as number;
    const next = this.#next[event] as number;
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
  /** The bits of the operations with a known outcome. */
  readonly #known: Uint32Array;
  readonly #tried = new Map<string, Uint32Array[]>();
  /** Over the known operations in the set. */
  #hash = 0;

  constructor(isKnown: readonly boolean[]) {
    const prng = new Prng("linearizability");
    this.#codes = new Uint32Array(isKnown.length).map((_, at) => isKnown[at] ? prng.uint32() : 0);
    this.#bits = new Uint32Array((isKnown.length + 31) >> 5);
    this.#known = this.#bits.slice();
    isKnown.forEach((known, at) => {
      if (known) this.#known[at >> 5] = (this.#known[at >> 5] as number) | (1 << (at & 31));
    });
  }

  /** Adds an operation to the present set; false, and nothing is done, if that was tried. */
  add(operation: number, fingerprint: string): boolean {
    this.#toggle(operation);
    const key = `${this.#hash} ${fingerprint}`;
    const tried = this.#tried.get(key) ?? [];
    if (tried.some((bits) => this.#isAsGood(bits))) {
      this.#toggle(operation);
      return false;
    }
    tried.push(this.#bits.slice());
    this.#tried.set(key, tried);
    return true;
  }

  /** Takes an operation out of the present set. */
  takeBack(operation: number): void {
    this.#toggle(operation);
  }

  #toggle(operation: number): void {
    const word = operation >> 5;
    this.#bits[word] = (this.#bits[word] as number) ^ (1 << (operation & 31));
    this.#hash = (this.#hash ^ (this.#codes[operation] as number)) >>> 0;
  }

  /** Whether `bits` has the same known operations as the present set and no other unknown ones. */
  #isAsGood(bits: Uint32Array): boolean {
    for (let word = 0; word < bits.length; word++) {
      const different = (bits[word] as number) ^ (this.#bits[word] as number);
      if (different === 0) continue;
      if ((different & (this.#known[word] as number)) !== 0) return false;
      if ((different & (bits[word] as number)) !== 0) return false;
    }
    return true;
  }
}

/** The calls of known operations in the order of time, with their returns between. */
function sortedEvents<Input, Output>(operations: readonly Operation<Input, Output>[]): number[] {
  const events: { order: number; event: number }[] = [];
  operations.forEach((operation, place) => {
    if (operation.output === null) return;
    assert(operation.returnOrder > operation.callOrder, "an operation returns after its call");
    events.push({ order: operation.callOrder, event: callOf(place) });
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
  return new Search(options).run();
}

/** One operation that was taken, and how to take it back. */
interface Frame<State> {
  readonly operation: number;
  /** The state before it. */
  readonly state: State;
  /** Where the search for unknown operations stood, and how far it may go. */
  readonly unknownAt: number;
  readonly orderMax: number;
  /** Whether nothing else need be tried in its place. */
  readonly isForced: boolean;
}

class Search<State, Input, Output> {
  readonly #model: SequentialModel<State, Input, Output>;
  readonly #operations: readonly Operation<Input, Output>[];
  readonly #stepsMax: number;
  readonly #isKnown: readonly boolean[];
  readonly #list: EventList;
  readonly #tried: TriedSets;
  /** The operations with an unknown outcome, by their calls. */
  readonly #unknown: readonly number[];
  readonly #isTaken: boolean[];
  readonly #stack: Frame<State>[] = [];
  #state: State;
  /** How many known operations are left. */
  #left: number;
  /** The last call in the list that was tried at this point; known ones are tried first. */
  #at = HEAD;
  /** The next unknown operation to try; -1 while known ones are tried. */
  #unknownAt = -1;
  /** Only calls up to here may be taken: the first return that is left. */
  #orderMax = 0;
  #longest: number[] = [];
  /** How many operations at its start the longest order shares with the present one. */
  #common = 0;
  #longestState: State;

  constructor(options: SearchOptions<State, Input, Output>) {
    const { model, operations, stepsMax } = options;
    this.#model = model;
    this.#operations = operations;
    this.#stepsMax = stepsMax;
    this.#isKnown = operations.map((operation) => operation.output !== null);
    this.#list = new EventList(sortedEvents(operations), operations.length);
    this.#tried = new TriedSets(this.#isKnown);
    const callOrder = (place: number) => this.#call(place).callOrder;
    this.#unknown = operations
      .flatMap((operation, place) => operation.output === null ? [place] : [])
      .sort((one, other) => callOrder(one) - callOrder(other));
    this.#isTaken = operations.map(() => false);
    this.#left = operations.length - this.#unknown.length;
    this.#state = model.initial;
    this.#longestState = model.initial;
  }

  run(): SearchResult<State> {
    const result = (linearizable: boolean | null, steps: number) => ({
      linearizable,
      steps,
      longest: this.#longest,
      longestState: this.#longestState,
    });
    for (let steps = 0;; steps++) {
      if (this.#left === 0) return result(true, steps);
      if (steps >= this.#stepsMax) return result(null, steps);
      const operation = this.#nextCandidate();
      if (operation === null) {
        if (!this.#takeBack()) return result(false, steps);
        continue;
      }
      const next = this.#model.step(this.#state, this.#call(operation));
      if (next === null || this.#isUnnoticed(operation, next)) continue;
      const fingerprint = this.#model.fingerprint(next);
      const isForced = this.#model.isReadOnly(this.#call(operation)) &&
        fingerprint === this.#model.fingerprint(this.#state);
      if (this.#tried.add(operation, fingerprint)) this.#take({ operation, next, isForced });
      else if (isForced && !this.#takeBack()) return result(false, steps);
    }
  }

  #call(operation: number): Operation<Input, Output> {
    return this.#operations[operation] as Operation<Input, Output>;
  }

  /** The next operation that may come now and was not tried here, or null. */
  #nextCandidate(): number | null {
    if (this.#unknownAt < 0) {
      const event = this.#list.next(this.#at);
      if (!isReturn(event)) {
        this.#at = event;
        return operationOf(event);
      }
      assert(event !== NONE, "an operation that is left has a return");
      this.#unknownAt = 0;
      this.#orderMax = this.#call(operationOf(event)).returnOrder;
    }
    while (this.#unknownAt < this.#unknown.length) {
      const operation = this.#unknown[this.#unknownAt] as number;
      if (this.#call(operation).callOrder > this.#orderMax) return null;
      this.#unknownAt++;
      if (this.#isTaken[operation] === false) return operation;
    }
    return null;
  }

  /** Whether the operation before is unknown and makes no difference to this one. */
  #isUnnoticed(operation: number, next: State): boolean {
    const last = this.#stack[this.#stack.length - 1];
    if (last === undefined || this.#isKnown[last.operation] === true) return false;
    const without = this.#model.step(last.state, this.#call(operation));
    if (without === null) return false;
    return this.#model.fingerprint(without) === this.#model.fingerprint(next);
  }

  #take(taken: { operation: number; next: State; isForced: boolean }): void {
    const { operation, next, isForced } = taken;
    assert(this.#isTaken[operation] === false, () => `operation ${operation} is taken once`);
    this.#stack.push({
      operation,
      state: this.#state,
      unknownAt: this.#unknownAt,
      orderMax: this.#orderMax,
      isForced,
    });
    this.#isTaken[operation] = true;
    if (this.#isKnown[operation] === true) {
      this.#list.remove(callOf(operation));
      this.#list.remove(returnOf(operation));
      this.#left--;
    }
    this.#state = next;
    this.#at = HEAD;
    this.#unknownAt = -1;
    if (this.#stack.length <= this.#longest.length) return;
    // Only what differs is replaced: a copy for each operation would make the search quadratic.
    this.#longest.length = this.#common;
    for (let at = this.#common; at < this.#stack.length; at++) {
      this.#longest.push((this.#stack[at] as Frame<State>).operation);
    }
    this.#common = this.#stack.length;
    this.#longestState = next;
  }

  /** Takes the last operation back that could be another, and those after; false if none could. */
  #takeBack(): boolean {
    for (;;) {
      const frame = this.#stack.pop();
      if (frame === undefined) return false;
      this.#undo(frame);
      if (!frame.isForced) return true;
    }
  }

  #undo(frame: Frame<State>): void {
    const { operation } = frame;
    this.#common = Math.min(this.#common, this.#stack.length);
    assert(this.#isTaken[operation] === true, () => `operation ${operation} was taken`);
    this.#isTaken[operation] = false;
    this.#tried.takeBack(operation);
    this.#state = frame.state;
    this.#unknownAt = frame.unknownAt;
    this.#orderMax = frame.orderMax;
    if (this.#isKnown[operation] !== true) return;
    this.#list.restore(returnOf(operation));
    this.#list.restore(callOf(operation));
    this.#at = callOf(operation);
    this.#left++;
  }
}
