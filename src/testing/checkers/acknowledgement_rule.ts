/**
 * §5.3 of the paper: matchIndex is the "index of highest log entry known to be replicated". What a
 * follower acknowledges is in its leader's log, and equal: it must not speak of a tail of its own
 * that the leader has never seen, nor of a log that is only as long as the leader's.
 *
 * @module
 */
import type { Index, NodeId, Term } from "../../types.ts";
import { PropertyViolation } from "./property_violation.ts";

/** The log of a leader, as it is now. */
export interface LeaderLog {
  readonly lastIndex: Index;
  /** The term of an entry, or null where it is not known. */
  termAt(index: Index): Term | null;
}

/** A follower tells a leader how far their logs are equal. */
export interface Acknowledgement {
  readonly nodeId: NodeId;
  readonly leaderId: NodeId;
  /** The term of the leader. */
  readonly term: Term;
  readonly index: Index;
  /** The term of the follower's entry at `index`, or null where it is not known. */
  readonly entryTerm: Term | null;
}

/** Compares logs. */
export class AcknowledgementRule {
  readonly #leaders = new Map<NodeId, { readonly term: Term; readonly log: LeaderLog }>();

  /** A node leads, and its log grows from here on; with term 0, it does not. */
  onRole(nodeId: NodeId, term: Term, log: LeaderLog): void {
    if (term === 0) this.#leaders.delete(nodeId);
    else this.#leaders.set(nodeId, { term, log });
  }

  /** A follower answers. */
  onAcknowledged({ nodeId, leaderId, term, index, entryTerm }: Acknowledgement): void {
    const leader = this.#leaders.get(leaderId);
    if (leader?.term !== term) return;
    const wanted = leader.log.termAt(index);
    const isInLog = index <= leader.log.lastIndex;
    if (isInLog && (wanted === null || entryTerm === null || wanted === entryTerm)) return;
    throw new PropertyViolation(
      "Acknowledgement rule",
      `node ${nodeId} acknowledges entry ${index} of term ${entryTerm} to leader ${leaderId} of ` +
        `term ${term}, which has ${isInLog ? `term ${wanted}` : "nothing"} there`,
    );
  }
}
