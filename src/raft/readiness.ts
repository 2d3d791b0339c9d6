/**
 * Waiting for a node to come so far.
 *
 * @module
 */

/** How far a node has come; each includes those before it. */
export type Readiness = "listening" | "joined" | "leader";

interface Waiter {
  readonly readiness: Readiness;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Those who wait. */
export class ReadinessWaiters {
  readonly #isReady: (readiness: Readiness) => boolean;
  #waiting: Waiter[] = [];
  /** Why the node will never come any further. */
  #failure: Error | null = null;

  /** Creates an empty queue. */
  constructor(isReady: (readiness: Readiness) => boolean) {
    this.#isReady = isReady;
  }

  /** Resolves when the node has come so far, at once where it has; rejects where it stopped. */
  wait(readiness: Readiness): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ readiness, resolve, reject });
      this.check();
    });
  }

  /** The node has stopped: whoever waits, waits in vain. */
  fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#failure = error;
    for (const { reject } of waiting) reject(error);
  }

  /** Looks again, after something changed. */
  check(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ readiness }) => !this.#isReady(readiness));
    for (const { readiness, resolve } of waiting) {
      if (this.#isReady(readiness)) resolve();
    }
  }
}
