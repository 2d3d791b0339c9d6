/**
 * Waiting for a node to come so far.
 *
 * @module
 */

/** How far a node has come; each includes those before it. */
export type Readiness = "listening" | "joined" | "leader";

/** Those who wait. */
export class ReadinessWaiters {
  readonly #isReady: (readiness: Readiness) => boolean;
  #waiting: { readonly readiness: Readiness; readonly resolve: () => void }[] = [];

  /** Creates an empty queue. */
  constructor(isReady: (readiness: Readiness) => boolean) {
    this.#isReady = isReady;
  }

  /** Resolves when the node has come so far, at once where it has. */
  wait(readiness: Readiness): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ readiness, resolve });
      this.check();
    });
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
