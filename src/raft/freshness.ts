/**
 * How old the state of a node is: the time since a moment at which it held everything that was
 * committed. A follower cannot know that of the present; it knows it of the moment at which its
 * leader told a commit index that is applied here since, together with an entry of that leader's
 * own term: then nothing of an earlier term is missing either. So a node that starts and applies
 * its log again has no age that is good enough for anybody before it has caught up.
 *
 * A leader hears no leader; in its place counts the moment at which a quorum had answered it.
 *
 * @module
 */
import { quorumIndex } from "../consensus/quorum.ts";
import { StaleReadError } from "../errors.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Configuration, Index, NodeId, Term } from "../types.ts";

interface Contact {
  readonly atMs: number;
  readonly term: Term;
  readonly commitIndex: Index;
}

/** A time before all others. */
const NEVER_MS = Number.MIN_SAFE_INTEGER;

/** The age of one node's state. */
export class Freshness {
  readonly #clock: Clock;
  /** The latest moment of which the state is known to be complete. */
  #completeAtMs = -Infinity;
  /** The contact that waits for its entries to be applied, and the latest one. */
  #waiting: Contact | null = null;
  #latest: Contact | null = null;
  /** Leader: when each follower answered last. */
  readonly #answeredAtMs = new Map<NodeId, number>();

  /** Creates the age of a state of which nothing is known. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds since the state is known to have been complete; infinite where it never was. */
  get ageMs(): number {
    return this.#clock.nowMs() - this.#completeAtMs;
  }

  /** A leader told its commit index, now unless said when. */
  heard(term: Term, commitIndex: Index, atMs: number = this.#clock.nowMs()): void {
    this.#latest = { atMs, term, commitIndex };
    this.#waiting ??= this.#latest;
  }

  /** This node leads from now on. */
  elected(): void {
    this.#answeredAtMs.clear();
  }

  /** A follower answered this leader. */
  answered(peer: NodeId): void {
    this.#answeredAtMs.set(peer, this.#clock.nowMs());
  }

  /** This node leads in `term`, or led until now, and knew this commit index. */
  leads(
    nodeId: NodeId,
    leader: {
      readonly term: Term;
      readonly commitIndex: Index;
      readonly configuration: Configuration;
    },
  ): void {
    const nowMs = this.#clock.nowMs();
    const answeredAtMs = quorumIndex(
      leader.configuration,
      (id) => id === nodeId ? nowMs : this.#answeredAtMs.get(id) ?? NEVER_MS,
    );
    if (answeredAtMs > NEVER_MS) this.heard(leader.term, leader.commitIndex, answeredAtMs);
  }

  /** The state holds all entries up to `index`, which is of `term`. */
  applied(index: Index, term: Term): void {
    for (;;) {
      const waiting = this.#waiting;
      if (waiting === null || waiting.commitIndex > index || waiting.term > term) return;
      this.#completeAtMs = Math.max(this.#completeAtMs, waiting.atMs);
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
