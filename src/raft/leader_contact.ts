/**
 * Steps the core, and notes what each step tells of the contact with the leader: when it was heard,
 * and how old the state here is.
 *
 * @module
 */
import type { Consensus } from "../consensus/consensus.ts";
import type { Input } from "../consensus/input.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Index, Term } from "../types.ts";
import { Freshness } from "./freshness.ts";

/** What the contact is read from. */
export interface LeaderContactOptions {
  readonly clock: Clock;
  readonly consensus: Consensus;
  readonly applyLoop: {
    readonly appliedIndex: Index;
    readonly appliedTerm: Term;
    /** A snapshot replaces the state. */
    readonly isRestoring: boolean;
  };
}

/** One node's contact with its leader, or as leader with a quorum. */
export class LeaderContact {
  readonly #options: LeaderContactOptions;
  readonly #freshness: Freshness;
  #heardAtMs = -Infinity;

  /** Nobody was heard yet. */
  constructor(options: LeaderContactOptions) {
    this.#options = options;
    this.#freshness = new Freshness(options.clock);
  }

  /** Milliseconds since a leader was heard; 0 at a leader. */
  get ageMs(): number {
    if (this.#options.consensus.isLeader) return 0;
    return this.#options.clock.nowMs() - this.#heardAtMs;
  }

  /**
   * Milliseconds since the state here is known to have held everything that was committed; infinite
   * where that is not known since the start.
   */
  get stateAgeMs(): number {
    const { consensus } = this.#options;
    if (consensus.isLeader) this.#leads(consensus.term);
    this.#noteApplied();
    return this.#freshness.ageMs;
  }

  /** Has the core take an input. */
  step(input: Input): void {
    const { consensus, clock } = this.#options;
    const ledTerm = consensus.isLeader ? consensus.term : null;
    consensus.step(input);
    if (ledTerm !== null && (!consensus.isLeader || consensus.term !== ledTerm)) {
      this.#leads(ledTerm);
      this.#heardAtMs = clock.nowMs();
    } else if (ledTerm === null && consensus.isLeader) this.#freshness.elected();
    if (input.type !== "message" || input.message.term !== consensus.term) return;
    const { from, message } = input;
    if (message.type === "appendEntriesRequest") {
      this.#heardAtMs = clock.nowMs();
      this.#noteApplied();
      this.#freshness.heard(message.term, message.leaderCommit);
    } else if (message.type === "installSnapshotRequest") this.#heardAtMs = clock.nowMs();
    else if (message.type === "appendEntriesResponse") this.#freshness.answered(from);
  }

  /** This node leads in `term`, or led until this step. */
  #leads(term: Term): void {
    const { commitIndex, configuration, nodeId } = this.#options.consensus;
    this.#noteApplied();
    this.#freshness.leads(nodeId, { term, commitIndex, configuration });
  }

  #noteApplied(): void {
    const { appliedIndex, appliedTerm, isRestoring } = this.#options.applyLoop;
    if (isRestoring) return;
    this.#freshness.applied(appliedIndex, appliedTerm);
  }
}
