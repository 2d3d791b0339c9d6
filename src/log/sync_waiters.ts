/**
 * Who waits for a sync, in the order in which they asked.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index } from "../types.ts";

/** What is called when a sync completes. */
export type SyncDone = (error: Error | null) => void;

interface Waiter {
  /** Complete when this index is durable. */
  target: Index;
  /** Complete after so many other operations of the log. */
  readonly operationsBefore: number;
  readonly done: SyncDone;
}

/** A queue of callers. */
export class SyncWaiters {
  #queue: Waiter[] = [];
  #completed = 0;

  /** How many callers ever asked. */
  get asked(): number {
    return this.#completed + this.#queue.length;
  }

  /** How many callers got their answer. */
  get completed(): number {
    return this.#completed;
  }

  /** Whether somebody waits. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Takes a caller. */
  add(waiter: Readonly<Waiter>): void {
    const last = this.#queue.at(-1);
    if (last !== undefined) {
      assert(waiter.target >= last.target, () => `target ${waiter.target} after ${last.target}`);
      assert(waiter.operationsBefore >= last.operationsBefore, "operations went backwards");
    }
    this.#queue.push({ ...waiter });
  }

  /** Nobody waits for entries after `lastIndex` any more: they were removed. */
  clip(lastIndex: Index): void {
    assert(lastIndex >= 0, () => `the last index is ${lastIndex}`);
    for (const waiter of this.#queue) waiter.target = Math.min(waiter.target, lastIndex);
  }

  /** Answers everybody whose entries and operations are done. */
  complete(durableIndex: Index, operations: number): void {
    let count = 0;
    for (const { target, operationsBefore } of this.#queue) {
      if (target > durableIndex || operationsBefore > operations) break;
      count += 1;
    }
    if (count === 0) return;
    const ready = this.#queue.splice(0, count);
    for (const { done } of ready) {
      this.#completed += 1;
      done(null);
    }
  }

  /** Answers everybody with `error`. */
  fail(error: Error): void {
    const failed = this.#queue;
    this.#queue = [];
    this.#completed += failed.length;
    for (const { done } of failed) done(error);
  }
}
