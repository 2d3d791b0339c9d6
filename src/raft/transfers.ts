/**
 * Transfers of leadership that somebody waits for.
 *
 * @module
 */
import type { TransferFailure, TransferOutcome } from "../consensus/effects.ts";
import {
  LeadershipLostError,
  type NotLeaderError,
  type RaftError,
  RefusedError,
} from "../errors.ts";
import type { NodeId, Term } from "../types.ts";

/** Who leads after a transfer. */
export interface TransferResult {
  readonly leaderId: NodeId;
  readonly term: Term;
}

/** One transfer; the core hands it back with the outcome. */
export interface PendingTransfer {
  /** Whom the caller wants, or null for whoever is furthest. */
  readonly target: NodeId | null;
  readonly result: Promise<TransferResult>;
  readonly resolve: (result: TransferResult) => void;
  readonly reject: (error: RaftError) => void;
}

/** The transfers of one node. */
export class Transfers {
  readonly #notLeader: () => NotLeaderError;
  readonly #pending = new Set<PendingTransfer>();

  /** Creates an empty set. */
  constructor(notLeader: () => NotLeaderError) {
    this.#notLeader = notLeader;
  }

  /**
   * Has `submit` ask the core for a transfer. One under way that would do as well is shared:
   * whoever wants any other leader takes the next.
   */
  request(
    target: NodeId | null,
    submit: (source: PendingTransfer) => void,
  ): Promise<TransferResult> {
    for (const transfer of this.#pending) {
      if (target === null || target === transfer.target) return transfer.result;
    }
    let settle: Pick<PendingTransfer, "resolve" | "reject"> | null = null;
    const result = new Promise<TransferResult>((resolve, reject) => settle = { resolve, reject });
    // Whoever asked may have gone.
    result.catch(() => {});
    const transfer: PendingTransfer = { target, result, ...settle! };
    this.#pending.add(transfer);
    submit(transfer);
    return result;
  }

  /** The core says how a transfer ended; for one that it began by itself nobody waits. */
  outcome(outcome: TransferOutcome): void {
    const transfer = outcome.source as PendingTransfer;
    if (!this.#pending.delete(transfer)) return;
    if (outcome.failure === null) {
      transfer.resolve({ leaderId: outcome.leaderId, term: outcome.term });
    } else {
      transfer.reject(this.#error(outcome.failure, transfer.target));
    }
  }

  /** Rejects everything. */
  failAll(error: () => RaftError): void {
    for (const transfer of this.#pending) transfer.reject(error());
    this.#pending.clear();
  }

  #error(failure: TransferFailure, target: NodeId | null): RaftError {
    const whom = target === null ? "" : ` to node ${target}`;
    const refused = (why: string) =>
      new RefusedError(`Cannot transfer leadership${whom}: ${why}`, []);
    switch (failure) {
      case "not_leader":
        return this.#notLeader();
      case "not_a_voter":
        return refused("it is not a voter");
      case "no_other_voter":
        return refused("there is no other voter");
      case "target_down":
        return refused(
          target === null
            ? "no other voter is connected to the leader"
            : "it is not connected to the leader",
        );
      case "replaced":
        return refused("another transfer was asked for meanwhile");
      case "target_gone":
        return refused("it is no voter any more");
      case "timed_out":
        return refused("nobody took over within an election timeout, so this node leads on");
      case "elected_again":
        return refused("this node was elected again");
      case "leader_unknown":
        return new LeadershipLostError(
          `Handed leadership over${whom}, and heard of no leader within an election timeout`,
        );
    }
  }
}
