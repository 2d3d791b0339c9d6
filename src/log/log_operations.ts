/**
 * What changes the files of a log besides its units, one at a time and in order.
 *
 * @module
 */
import { assert } from "../assert.ts";

/** A change of the files that somebody waits for. */
export interface Operation {
  /** Runs after so many syncs have been answered. */
  readonly waitersBefore: number;
  /**
   * It needs no room and may give some back: while there is none it overtakes everything. Whether
   * it comes before a sync or after makes no difference to either.
   */
  readonly makesRoom: boolean;
  readonly run: () => Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The operations that wait, in the order in which they were asked for. */
export class OperationQueue {
  readonly #waiting: Operation[] = [];
  #asked = 0;
  #done = 0;

  /** How many were ever asked for that syncs keep their order with. */
  get asked(): number {
    return this.#asked;
  }

  /** How many of them are done. */
  get done(): number {
    return this.#done;
  }

  /** Takes an operation. */
  add(operation: Operation): void {
    if (!operation.makesRoom) this.#asked += 1;
    this.#waiting.push(operation);
  }

  /** Takes out what is to run next, when so many syncs have been answered; null where none is. */
  take(
    { answered, hasRoom }: { readonly answered: number; readonly hasRoom: boolean },
  ): Operation | null {
    const at = hasRoom ? 0 : this.#waiting.findIndex(({ makesRoom }) => makesRoom);
    const next = this.#waiting[at];
    if (next === undefined || answered < next.waitersBefore) return null;
    this.#waiting.splice(at, 1);
    return next;
  }

  /** Gives back an operation that was taken and changed nothing: it is the next one again. */
  putBack(operation: Operation): void {
    assert(!operation.makesRoom, "what makes room lacks none");
    this.#waiting.unshift(operation);
  }

  /** Notes that an operation is done. */
  completed({ makesRoom }: Operation): void {
    if (!makesRoom) this.#done += 1;
    assert(this.#done <= this.#asked, () => `${this.#done} of ${this.#asked} are done`);
  }

  /** Ends everything that waits. */
  fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
