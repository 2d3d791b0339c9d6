/**
 * Steps the core, and notes what each step tells of the contact with the leader: when it was heard,
 * and how old the state here is.
 *
 * @module
 */
import type { Consensus } from "../consensus/consensus.ts";
import type { Input } from "../consensus/input.ts";
import { hasQuorum } from "../consensus/quorum.ts";
import type { Clock, Random } from "../runtime/runtime.ts";
import type { Index, Term } from "../types.ts";
import { AgeTokens } from "./age_tokens.ts";
import { Freshness } from "./freshness.ts";

/** What the contact is read from. */
export interface LeaderContactOptions {
  readonly clock: Clock;
  readonly consensus: Consensus;
  readonly random: Random;
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
  readonly #tokens: AgeTokens;
  readonly #freshness: Freshness;
  #heardAtMs = -Infinity;
  /** The token that the core puts into answers, and the latest one that was proven. */
  #token = 0;
  #provenToken = 0;

  /** Nobody was heard yet. */
  constructor(options: LeaderContactOptions) {
    this.#options = options;
    this.#tokens = new AgeTokens(options.clock, options.random.uint32());
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
    const { clock, consensus } = this.#options;
    if (consensus.isLeader && this.#isAlone) {
      const now = { atMs: clock.nowMs(), wallMs: clock.wallMs() };
      this.#freshness.proven(now, consensus.term, consensus.commitIndex);
    }
    this.#noteApplied();
    return this.#freshness.ageMs;
  }

  /** Has the core take an input. */
  step(input: Input): void {
    const { consensus, clock } = this.#options;
    const ledTerm = consensus.isLeader ? consensus.term : null;
    const isRequest = input.type === "message" && input.message.type === "appendEntriesRequest";
    // The moment comes before anything that the step makes known.
    if (isRequest || (input.type === "timer" && input.timer === "heartbeat")) {
      this.#tellToken(clock.nowMs());
    }
    consensus.step(input);
    if (consensus.isLeader) {
      this.#proven(consensus.provenToken, consensus.term, consensus.commitIndex);
    }
    if (ledTerm !== null && (!consensus.isLeader || consensus.term !== ledTerm)) {
      this.#heardAtMs = clock.nowMs();
    }
    if (input.type !== "message" || input.message.term !== consensus.term) return;
    const { message } = input;
    if (message.type === "appendEntriesRequest") {
      this.#heardAtMs = clock.nowMs();
      this.#proven(message.provenToken, message.term, message.leaderCommit);
    } else if (message.type === "installSnapshotRequest") this.#heardAtMs = clock.nowMs();
  }

  /** A single voter is its own quorum: nobody commits anything without it, at any moment. */
  get #isAlone(): boolean {
    const { configuration, nodeId } = this.#options.consensus;
    return hasQuorum(configuration, (id) => id === nodeId);
  }

  #tellToken(nowMs: number): void {
    const token = this.#tokens.at(nowMs);
    if (token === this.#token) return;
    this.#token = token;
    this.#options.consensus.step({ type: "ageToken", token });
  }

  /** The first message that tells a token says all: the next ones know of later commits, too. */
  #proven(token: number, term: Term, commitIndex: Index): void {
    if (token === this.#provenToken) return;
    this.#provenToken = token;
    const moment = this.#tokens.momentOf(token);
    if (moment === null) return;
    this.#noteApplied();
    this.#freshness.proven(moment, term, commitIndex);
  }

  #noteApplied(): void {
    const { appliedIndex, appliedTerm, isRestoring } = this.#options.applyLoop;
    if (isRestoring) return;
    this.#freshness.applied(appliedIndex, appliedTerm);
  }
}
