/**
 * A leader's lease (dissertation §6.4.1): how long a quorum's promises to elect nobody last by this
 * node's clock. The core says which round of messages they answer: see consensus/lease.ts.
 *
 * A follower counts its promise from when it received the round, by its own clock; this node from
 * before it sent the round, by its own, and less a margin. So the lease ends first as long as no
 * clock runs faster than another by more than the margin within one promise. That is what lease
 * reads assume and ReadIndex does not. Clocks that drift by a tenth are broken ones; but a clock
 * may also stand still, with its whole virtual machine for example. Where the time of day goes on
 * meanwhile, that is noticed: the lease ends when either clock says so.
 *
 * @module
 */
import type { RoundPromised, RoundStarted } from "../consensus/effects.ts";
import { LEASE_DRIFT_MS, LEASE_DRIFT_SHARE, LEASE_ROUNDS_MAX } from "../limits.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Term } from "../types.ts";

interface Round {
  readonly readSequence: number;
  /** When it was about to be sent. */
  readonly atMs: number;
  readonly wallMs: number;
}

/** How long a promise counts from the time when its round was sent, in milliseconds. */
export function leaseDurationMs(promiseMs: number): number {
  return Math.max(0, promiseMs * (1 - LEASE_DRIFT_SHARE) - LEASE_DRIFT_MS);
}

/** The lease of one node, while it leads. */
export class Lease {
  readonly #clock: Clock;
  #term: Term = 0;
  /** The rounds that no quorum has answered, oldest first. */
  #rounds: Round[] = [];
  #promised: { readonly round: Round; readonly durationMs: number } | null = null;

  /** Creates a lease that is not held. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes the time before the messages of a round are sent. */
  roundStarted({ term, readSequence }: RoundStarted): void {
    if (term !== this.#term) {
      this.#term = term;
      this.#rounds = [];
      this.#promised = null;
    }
    const clock = this.#clock;
    this.#rounds.push({ readSequence, atMs: clock.nowMs(), wallMs: clock.wallMs() });
    // Without the oldest rounds a promise counts from an older one still, or not at all.
    if (this.#rounds.length > LEASE_ROUNDS_MAX) this.#rounds.shift();
  }

  /** A quorum answered a round, and all before it, with promises. */
  roundPromised({ term, readSequence, promiseMs }: RoundPromised): void {
    if (term !== this.#term) return;
    let answered: Round | null = null;
    while (this.#rounds.length > 0 && this.#rounds[0]!.readSequence <= readSequence) {
      answered = this.#rounds.shift()!;
    }
    if (answered === null) return;
    this.#promised = { round: answered, durationMs: leaseDurationMs(promiseMs) };
  }

  /** Whether the promises to the leader of `term` last, at this moment. */
  isHeldIn(term: Term): boolean {
    const promised = this.#promised;
    if (promised === null || term !== this.#term) return false;
    const { round, durationMs } = promised;
    return this.#clock.nowMs() - round.atMs < durationMs &&
      this.#clock.wallMs() - round.wallMs < durationMs;
  }
}
