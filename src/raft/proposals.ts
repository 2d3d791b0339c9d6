/**
 * The commands that this node's clients proposed: those that wait for the log, and those that are
 * in it and wait to be applied.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { LeadershipLostError, OverloadedError, type RaftError } from "../errors.ts";
import { PROPOSALS_WAITING_BYTES_MAX, PROPOSALS_WAITING_MAX } from "../limits.ts";
import type { ProposalReadings } from "../observability/node_readings.ts";
import type { Index, Term } from "../types.ts";

/** How a command was applied. The object may be reused after the call that passes it. */
export interface ProposalOutcome {
  readonly index: Index;
  readonly term: Term;
  /** True if the command had been applied before and this is its first answer. */
  readonly duplicate: boolean;
  readonly result: Uint8Array;
}

/** Takes the answer of a proposal: exactly one call for each `requestId`. */
export interface ProposalSink {
  /** The command was applied. */
  proposalApplied(requestId: number, outcome: ProposalOutcome): void;
  /** It was not answered; `error.applied` says what that means. */
  proposalFailed(requestId: number, error: RaftError): void;
}

/** A command, and who waits for its answer. */
export interface Proposal {
  readonly commandId: Uint8Array;
  readonly command: Uint8Array;
  readonly sink: ProposalSink;
  readonly requestId: number;
}

/** Proposals that the core takes or refuses as one. */
export interface ProposalBatch {
  readonly proposals: readonly Proposal[];
  /** The index of the first one, once it is in the log. */
  firstIndex: Index;
}

/** The proposals of one node. */
export class Proposals {
  #waiting: Proposal[] = [];
  #waitingBytes = 0;
  /** In the log, ascending by firstIndex; those before #head are answered. */
  #logged: ProposalBatch[] = [];
  #head = 0;
  #loggedCount = 0;
  #refusedCount = 0;
  #unknownCount = 0;

  /** What became of the commands so far. */
  get readings(): ProposalReadings {
    const logged = this.#logged.slice(this.#head);
    const inLog = logged.reduce((sum, { proposals }) => sum + proposals.length, 0);
    return {
      logged: this.#loggedCount,
      pending: this.#waiting.length + inLog,
      refused: this.#refusedCount,
      unknown: this.#unknownCount,
    };
  }

  /** Whether commands wait for the log. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Whether every command was answered. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#logged.length === 0;
  }

  /** Takes a command, or answers that the queue is full. */
  add(proposal: Proposal): void {
    const bytes = proposal.command.length;
    // A queue that is empty takes a command of any size.
    const full = this.#waiting.length >= PROPOSALS_WAITING_MAX ||
      (this.#waitingBytes > 0 && this.#waitingBytes + bytes > PROPOSALS_WAITING_BYTES_MAX);
    if (full) {
      this.#refusedCount += 1;
      const message = `Cannot take the command as ${this.#waiting.length} wait for the log`;
      proposal.sink.proposalFailed(proposal.requestId, new OverloadedError(message));
      return;
    }
    this.#waiting.push(proposal);
    this.#waitingBytes += bytes;
  }

  /** Takes waiting commands out, about `bytesMax` of them and at least one. */
  takeWaiting(bytesMax: number): Proposal[] {
    assert(this.#waiting.length > 0, "no proposal waits");
    if (this.#waitingBytes <= bytesMax) {
      const all = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      return all;
    }
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length) {
      const next = this.#waiting[count]!.command.length;
      if (count > 0 && bytes + next > bytesMax) break;
      bytes += next;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    const taken = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return taken;
  }

  /** Notes that a batch is in the log from `firstIndex` on. */
  logged(batch: ProposalBatch, firstIndex: Index): void {
    batch.firstIndex = firstIndex;
    this.#loggedCount += batch.proposals.length;
    this.#logged.push(batch);
  }

  /**
   * Takes out the proposal that the entry at `index` carries, or null where it is nobody's here.
   */
  takeLogged(index: Index): Proposal | null {
    const batch = this.#logged[this.#head];
    if (batch === undefined || index < batch.firstIndex) return null;
    const position = index - batch.firstIndex;
    assert(position < batch.proposals.length, () => `entry ${index} was skipped`);
    if (position === batch.proposals.length - 1) this.#advance();
    return batch.proposals[position]!;
  }

  /** So many commands that were taken out to be logged were refused instead. */
  refused(count: number): void {
    this.#refusedCount += count;
  }

  /** Answers everything that waits for the log with `error`: nothing of it was applied. */
  failWaiting(error: () => RaftError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#refusedCount += waiting.length;
    for (const proposal of waiting) proposal.sink.proposalFailed(proposal.requestId, error());
  }

  /** Answers everything in the log as unknown: another leader may commit it or replace it. */
  failLogged(appliedIndex: Index, reason: string): void {
    const batches = this.#logged.slice(this.#head);
    this.#logged = [];
    this.#head = 0;
    for (const { firstIndex, proposals } of batches) {
      for (let i = Math.max(0, appliedIndex + 1 - firstIndex); i < proposals.length; i += 1) {
        const { sink, requestId } = proposals[i]!;
        this.#unknownCount += 1;
        sink.proposalFailed(requestId, new LeadershipLostError(reason));
      }
    }
  }

  #advance(): void {
    this.#head += 1;
    if (this.#head === this.#logged.length) {
      this.#logged = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#logged = this.#logged.slice(this.#head);
      this.#head = 0;
    }
  }
}
