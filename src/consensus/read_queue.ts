/**
 * Linearizable reads that wait (dissertation §6.4). At a leader: for a round of confirmation that
 * was sent after the read came. Elsewhere: for the leader's answer.
 *
 * @module
 */
import type { Index, NodeId } from "../types.ts";

/** A read at the leader. */
export interface LeaderRead {
  /** The follower that asks, or 0 for a read of this node's own. */
  readonly from: NodeId;
  readonly readId: number;
}

/** Reads that one round of confirmation answers together. */
export interface ReadRound {
  /** The commit index when the round was sent: taken first, confirmed after. */
  readonly readIndex: Index;
  /** Acknowledgements count from this readSequence on. */
  readonly readSequence: number;
  readonly reads: readonly LeaderRead[];
}

/** The reads of one node. */
export class ReadQueue {
  /** Leader: reads for the next round. */
  waiting: LeaderRead[] = [];
  /** Leader: the round under way; one at a time, so that reads gather for the next. */
  round: ReadRound | null = null;
  /** Leader: the number of the latest round; grows within a term. */
  readSequence = 0;
  /** Elsewhere: the reads that the leader was asked about. */
  readonly asked = new Set<number>();

  /** Forgets the reads that `peer` asked for: it restarted or gave up. */
  forget(peer: NodeId): void {
    this.waiting = this.waiting.filter((read) => read.from !== peer);
    const round = this.round;
    if (round === null) return;
    this.round = { ...round, reads: round.reads.filter((read) => read.from !== peer) };
  }

  /** Takes every read of the leader out. */
  drain(): LeaderRead[] {
    const reads = [...(this.round?.reads ?? []), ...this.waiting];
    this.round = null;
    this.waiting = [];
    this.readSequence = 0;
    return reads;
  }
}
