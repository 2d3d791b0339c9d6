/**
 * What clients asked and what they were told, in the order in which it happened.
 *
 * Model: an operation takes effect at one moment between its call and its return. A client that
 * was told "not applied" changed nothing: the operation is left out. One that got no answer does
 * not know: the operation took effect at any moment after its call, or never will.
 *
 * @module
 */
import { assert } from "../../assert.ts";

/** One operation of one client on one key. */
export interface Operation<Input, Output> {
  readonly client: string;
  readonly key: string;
  readonly input: Input;
  /** The answer, or null where the outcome is unknown. */
  readonly output: Output | null;
  /** The place of the call among all calls and returns. */
  readonly callOrder: number;
  /** The place of the return; Infinity where the outcome is unknown. */
  readonly returnOrder: number;
  /** For messages. */
  readonly callMs: number;
  /** For messages. */
  readonly returnMs: number;
}

/** An operation that was called and has not returned. */
export interface PendingOperation<Output> {
  /** It returned with this answer. */
  returned(output: Output): void;
  /** It certainly had no effect. */
  notApplied(): void;
}

/** Records operations as they happen. An operation that is never settled has an unknown outcome. */
export class History<Input, Output> {
  readonly #nowMs: () => number;
  readonly #operations = new Map<number, Operation<Input, Output>>();
  #order = 0;

  /** Creates an empty history; `nowMs` is asked at every call and return. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** All operations so far, by their calls. */
  get operations(): readonly Operation<Input, Output>[] {
    return [...this.#operations.values()];
  }

  /** A client calls. */
  call(call: { client: string; key: string; input: Input }): PendingOperation<Output> {
    const callOrder = this.#order++;
    const callMs = this.#nowMs();
    const pending: Operation<Input, Output> = {
      ...call,
      output: null,
      callOrder,
      returnOrder: Infinity,
      callMs,
      returnMs: Infinity,
    };
    this.#operations.set(callOrder, pending);
    let settled = false;
    const settle = () => {
      assert(!settled, () => `an operation of "${call.client}" is settled once`);
      settled = true;
    };
    return {
      returned: (output) => {
        settle();
        assert(output !== null, "an answer is not null");
        const returnOrder = this.#order++;
        const returnMs = this.#nowMs();
        this.#operations.set(callOrder, { ...pending, output, returnOrder, returnMs });
      },
      notApplied: () => {
        settle();
        this.#operations.delete(callOrder);
      },
    };
  }
}
