/**
 * §5.4.2 of the paper: "Raft never commits log entries from previous terms by counting replicas.
 * Only log entries from the leader's current term are committed by counting replicas". What a
 * leader says to be committed, beyond what it knew when it was elected, ends with an entry of its
 * own term.
 *
 * Breaking the rule does harm in rare orders of events only (Figure 8), so it is checked itself.
 *
 * @module
 */
import type { Message } from "../../consensus/messages.ts";
import type { Index, NodeId, Term } from "../../types.ts";
import type { ObservedLog } from "./observations.ts";
import { PropertyViolation } from "./property_violation.ts";

/** What one node says to be committed. */
export class CommitRule {
  readonly #nodeId: NodeId;
  #term: Term = 0;
  #commitIndex: Index = 0;

  /** Creates the check of a node that has not led. */
  constructor(nodeId: NodeId) {
    this.#nodeId = nodeId;
  }

  /** A message goes out while the log is as given. */
  onSaid(message: Message, log: ObservedLog): void {
    if (message.type !== "appendEntriesRequest") return;
    const { term, leaderCommit } = message;
    if (term !== this.#term) {
      // The first message of a leader tells what it had learned as a follower.
      this.#term = term;
      this.#commitIndex = leaderCommit;
    }
    if (leaderCommit <= this.#commitIndex) return;
    this.#commitIndex = leaderCommit;
    const entry = log.entries[leaderCommit - log.lastIncludedIndex - 1];
    if (entry === undefined || entry.term === term) return;
    throw new PropertyViolation(
      "Commit rule",
      `leader ${this.#nodeId} of term ${term} commits up to entry ${leaderCommit}, which is of ` +
        `term ${entry.term}`,
    );
  }
}
