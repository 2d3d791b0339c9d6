/**
 * §5.4.1 of the paper: "the voter denies its vote if its own log is more up-to-date than that of
 * the candidate. Raft determines which of two logs is more up-to-date by comparing the index and
 * term of the last entries in the logs."
 *
 * A vote that breaks the rule does harm only if it decides an election and what the winner lacks
 * was committed.
 *
 * @module
 */
import type { Index, NodeId, Term } from "../../types.ts";
import type { ObservedLog } from "./observations.ts";
import { PropertyViolation } from "./property_violation.ts";

/** Where a log ends. */
interface LogEnd {
  readonly index: Index;
  readonly term: Term;
}

/** Compares the logs of candidates and voters. */
export class VoteRule {
  /** Where the logs of candidates ended, by term and candidate. */
  readonly #candidates = new Map<string, LogEnd>();

  /** A node stands for election. */
  onCandidate(nodeId: NodeId, term: Term, log: ObservedLog): void {
    this.#candidates.set(`${term}/${nodeId}`, endOf(log));
  }

  /** A node votes for a candidate, its log being as it was when it decided. */
  onVote(voterId: NodeId, candidateId: NodeId, term: Term, log: ObservedLog): void {
    const candidate = this.#candidates.get(`${term}/${candidateId}`);
    if (candidate === undefined) return;
    const own = endOf(log);
    const isUpToDate = candidate.term > own.term ||
      (candidate.term === own.term && candidate.index >= own.index);
    if (isUpToDate) return;
    throw new PropertyViolation(
      "Vote rule",
      `node ${voterId}, whose log ends with entry ${own.index} of term ${own.term}, votes in ` +
        `term ${term} for ${candidateId}, whose log ends with ${candidate.index} of term ` +
        `${candidate.term}`,
    );
  }
}

function endOf({ lastIncludedIndex, lastIncludedTerm, entries }: ObservedLog): LogEnd {
  return entries.at(-1) ?? { index: lastIncludedIndex, term: lastIncludedTerm };
}
