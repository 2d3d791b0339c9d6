/**
 * The changes of the members that were asked for at this node and wait for their outcome.
 *
 * @module
 */
import { unreachable } from "../assert.ts";
import type { ChangeOutcome, ChangeRefusal } from "../consensus/effects.ts";
import {
  ChangeInProgressError,
  InvalidRequestError,
  LeadershipLostError,
  NotFoundError,
  type NotLeaderError,
  type RaftError,
  RefusedError,
} from "../errors.ts";
import type { Index, InstanceId, MemberChange } from "../types.ts";

/** A change of the members, all at once. */
export interface MembershipRequest {
  readonly changes: readonly MemberChange[];
  /** Also where the voters that are up would be no quorum afterwards. */
  readonly force: boolean;
  /** With `rejoin`: the data directories that the member may be known by. */
  readonly replaces?: readonly InstanceId[];
  /**
   * Of a node that asks to join: the configuration that took it in before. Where it is no member
   * any more it was removed since, and is not added again. 0 unless given.
   */
  readonly joinIndex?: Index;
}

interface MemberRequest {
  readonly resolve: (configurationIndex: Index) => void;
  readonly reject: (error: RaftError) => void;
}

/** Those who wait. */
export class MemberRequests {
  readonly #waiting = new Set<MemberRequest>();
  readonly #notLeader: () => NotLeaderError;

  /** Creates an empty set; `notLeader` names the leader to go to. */
  constructor(notLeader: () => NotLeaderError) {
    this.#notLeader = notLeader;
  }

  /** Has `step` hand a request to the core; resolves when the change is committed. */
  begin(step: (source: unknown) => void): Promise<Index> {
    return new Promise((resolve, reject) => {
      const request: MemberRequest = { resolve, reject };
      this.#waiting.add(request);
      step(request);
    });
  }

  /** The core told how a request ended. */
  ended(outcome: ChangeOutcome): void {
    const request = outcome.source as MemberRequest;
    if (!this.#waiting.delete(request)) return;
    switch (outcome.type) {
      case "done":
        return request.resolve(outcome.configurationIndex);
      case "refused":
        return request.reject(this.#refusal(outcome.refusal));
      case "lost":
        return request.reject(
          new LeadershipLostError(
            "Leadership ended while the change was in the log: it may be completed or replaced",
          ),
        );
      default:
        unreachable(outcome);
    }
  }

  /** The node stops. */
  fail(): void {
    for (const { reject } of this.#waiting) {
      reject(
        new LeadershipLostError("The node stopped before the change ended: it may be completed"),
      );
    }
    this.#waiting.clear();
  }

  #refusal({ reason, message, why, fix = [] }: ChangeRefusal): RaftError {
    switch (reason) {
      case "not_leader":
        return this.#notLeader();
      case "in_progress":
        return new ChangeInProgressError(message);
      case "not_found":
        return new NotFoundError(message);
      case "invalid":
        return new InvalidRequestError(message);
      case "refused":
        return new RefusedError(message, why, { fix });
      default:
        return unreachable(reason);
    }
  }
}
