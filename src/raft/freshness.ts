/**
 * How old the state of a node is: the time since a moment at which it held everything that was
 * committed. A node cannot know that of the present; it knows it of a moment of its own clock for
 * which a leader proved a commit index (see consensus/age_proof.ts), once that is applied here
 * together with an entry of that leader's own term: then nothing of an earlier term is missing
 * either. So a node that starts and applies its log again has no age that is good enough for
 * anybody before it has caught up, and neither a message that waited nor a leader that is cut off
 * makes a state look younger than it is.
 *
 * A clock may stand still, with its whole virtual machine for example, while the time of day goes
 * on: the age is what has passed by whichever clock says more.
 *
 * @module
 */
import { StaleReadError } from "../errors.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Index, Term } from "../types.ts";
import type { Moment } from "./age_tokens.ts";

/** Everything committed before a moment is at or below an index, or in an entry of a later term. */
interface Proof {
  readonly moment: Moment;
  readonly term: Term;
  readonly commitIndex: Index;
}

/** The age of one node's state. */
export class Freshness {
  readonly #clock: Clock;
  /** The latest moment of which the state is known to be complete. */
  #completeAt: Moment | null = null;
  /** The proof that waits for its entries to be applied, and the latest one. */
  #waiting: Proof | null = null;
  #latest: Proof | null = null;

  /** Creates the age of a state of which nothing is known. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds since the state is known to have been complete; infinite where it never was. */
  get ageMs(): number {
    const completeAt = this.#completeAt;
    if (completeAt === null) return Infinity;
    const { atMs, wallMs } = completeAt;
    return Math.max(this.#clock.nowMs() - atMs, this.#clock.wallMs() - wallMs);
  }

  /** The leader of `term` is proven to have known all that was committed before `moment`. */
  proven(moment: Moment, term: Term, commitIndex: Index): void {
    this.#latest = { moment, term, commitIndex };
    this.#waiting ??= this.#latest;
  }

  /** The state holds all entries up to `index`, which is of `term`. */
  applied(index: Index, term: Term): void {
    for (;;) {
      const waiting = this.#waiting;
      if (waiting === null || waiting.commitIndex > index || waiting.term > term) return;
      if (waiting.moment.atMs > (this.#completeAt?.atMs ?? -Infinity)) {
        this.#completeAt = waiting.moment;
      }
      this.#waiting = waiting === this.#latest ? null : this.#latest;
    }
  }
}

/** Why a stale read is refused whose state is so old, where `maxAgeMs` (0 for any) is wanted. */
export function staleReadError(ageMs: number, maxAgeMs: number): StaleReadError {
  if (ageMs === Infinity) {
    return new StaleReadError(
      "Cannot serve a stale read: since its start this node has not learned and applied " +
        "everything that a leader called committed",
    );
  }
  return new StaleReadError(
    `Cannot serve a read so stale: the state here is ${ageMs} ms old, want at most ${maxAgeMs} ms`,
  );
}
