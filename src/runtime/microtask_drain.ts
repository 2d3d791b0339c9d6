/**
 * A way to run the microtasks at a place of the program's choice, which no language feature gives.
 *
 * @module
 */

/** What some engines have. */
export interface MicrotaskDrain {
  /** Runs all microtasks that wait, those that they queue included, before it returns. */
  readonly drain: () => void;
  /** Calls back, at once or later, where `drain` works: not within a microtask, on some engines. */
  readonly enter: (callback: () => void) => void;
}
