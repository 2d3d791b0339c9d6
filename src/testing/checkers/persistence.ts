/**
 * Figure 2 of the paper, "Persistent state on all servers": "Updated on stable storage before
 * responding to RPCs". What a node has said binds it after a crash as well: a term, a vote in it,
 * and the entries that it acknowledged.
 *
 * @module
 */
import type { Message } from "../../consensus/messages.ts";
import type { HardState } from "../../log/log.ts";
import type { Index, NodeId, Term } from "../../types.ts";
import type { ObservedLog } from "./observations.ts";
import { PropertyViolation } from "./property_violation.ts";

const PROPERTY = "Persistence";

/** What one node has said, through all its lives. */
export class Persistence {
  readonly #nodeId: NodeId;
  #term: Term = 0;
  /** Whom it voted for in that term; 0 where it told nobody of a vote. */
  #votedFor: NodeId = 0;
  /** The last entry that it acknowledged and has not removed since. */
  #acknowledged: { readonly index: Index; readonly term: Term } = { index: 0, term: 0 };

  /** Creates the check of a node that has said nothing. */
  constructor(nodeId: NodeId) {
    this.#nodeId = nodeId;
  }

  /** A message goes out, to a node, while the log is as given. */
  onSaid(message: Message, log: ObservedLog, to: NodeId): void {
    const isQuestion = (message.type === "requestVoteRequest" ||
      message.type === "requestVoteResponse") && message.preVote;
    if (isQuestion) return;
    if (message.term > this.#term) {
      this.#term = message.term;
      this.#votedFor = 0;
    }
    if (message.term < this.#term) return;
    if (message.type === "requestVoteRequest") this.#vote(this.#nodeId);
    if (message.type === "requestVoteResponse" && message.voteGranted) this.#vote(to);
    if (message.type === "appendEntriesResponse" && message.accepted) {
      this.#acknowledge(message.matchIndex, log);
    }
    if (message.type === "installSnapshotResponse" && message.status === "installed") {
      this.#acknowledge(message.lastIncludedIndex, log);
    }
  }

  /** A snapshot of the leader's replaced the log, as far as it went. */
  onInstalled(): void {
    this.#acknowledged = { index: 0, term: 0 };
  }

  /** The end of the log was removed, as a leader wanted it. */
  onTruncated(lastIndexKept: Index): void {
    if (this.#acknowledged.index > lastIndexKept) this.#acknowledged = { index: 0, term: 0 };
  }

  /** The node starts again: this is what it finds. */
  onRestored(found: HardState, log: ObservedLog): void {
    const { currentTerm, votedFor } = found;
    const forgot = currentTerm < this.#term ||
      (currentTerm === this.#term && this.#votedFor !== 0 && votedFor !== this.#votedFor);
    if (forgot) {
      throw new PropertyViolation(
        PROPERTY,
        `node ${this.#nodeId} spoke in term ${this.#term}, with a vote for ${this.#votedFor}, ` +
          `and starts in term ${currentTerm} with a vote for ${votedFor}`,
      );
    }
    const { index, term } = this.#acknowledged;
    if (index <= log.lastIncludedIndex) return;
    const entry = log.entries[index - log.lastIncludedIndex - 1];
    if (entry?.term === term) return;
    throw new PropertyViolation(
      PROPERTY,
      `node ${this.#nodeId} acknowledged entry ${index} of term ${term}, and starts with ` +
        `${entry === undefined ? "nothing" : `term ${entry.term}`} there`,
    );
  }

  #acknowledge(index: Index, log: ObservedLog): void {
    const { lastIncludedIndex, lastIncludedTerm, entries } = log;
    const isBase = index === lastIncludedIndex;
    const term = isBase ? lastIncludedTerm : entries[index - lastIncludedIndex - 1]?.term;
    if (term !== undefined && index > this.#acknowledged.index) {
      this.#acknowledged = { index, term };
    }
  }

  #vote(candidate: NodeId): void {
    if (this.#votedFor !== 0 && this.#votedFor !== candidate) {
      throw new PropertyViolation(
        PROPERTY,
        `node ${this.#nodeId} votes for ${candidate} in term ${this.#term}, where it has voted ` +
          `for ${this.#votedFor}`,
      );
    }
    this.#votedFor = candidate;
  }
}
