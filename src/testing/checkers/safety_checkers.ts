/**
 * All state-based checkers behind one door.
 *
 * @module
 */
import type { NodeId } from "../../types.ts";
import { AcknowledgedDurability } from "./acknowledged_durability.ts";
import { AcknowledgementRule } from "./acknowledgement_rule.ts";
import { ElectionSafety } from "./election_safety.ts";
import { LeaderCompleteness } from "./leader_completeness.ts";
import { LogMatching } from "./log_matching.ts";
import type {
  AcknowledgeObservation,
  AppendObservation,
  ApplyObservation,
  CommitObservation,
  LeaderObservation,
  Observations,
  ObservedLog,
  RestoreObservation,
} from "./observations.ts";
import { checkRead, type ReadObservation } from "./read_recency.ts";
import { PromiseRule } from "./promise_rule.ts";
import { QuorumRule } from "./quorum_rule.ts";
import { StaleAge } from "./stale_age.ts";
import { StateMachineSafety } from "./state_machine_safety.ts";
import { VoteRule } from "./vote_rule.ts";

/** Passes each observation to every checker that it concerns. */
export class SafetyCheckers implements Observations {
  /** At most one leader a term. */
  readonly electionSafety = new ElectionSafety();
  /** Logs that agree at an entry agree up to it. */
  readonly logMatching = new LogMatching();
  /** Later leaders have what was committed. */
  readonly leaderCompleteness = new LeaderCompleteness();
  /** Nobody applies anything else at an index. */
  readonly stateMachineSafety = new StateMachineSafety();
  /** What was acknowledged stays. */
  readonly acknowledgedDurability = new AcknowledgedDurability();
  /** Leaders are elected, and entries committed, by quorums. */
  readonly quorumRule = new QuorumRule();
  /** Votes go to logs that are up to date. */
  readonly voteRule = new VoteRule();
  /** What is acknowledged is the leader's. */
  readonly acknowledgementRule = new AcknowledgementRule();
  /** Nobody is elected against a promise. */
  readonly promiseRule = new PromiseRule();
  /** A stale read is no older than it says. */
  readonly staleAge = new StaleAge();

  /** A node won an election. */
  onLeader(observation: LeaderObservation): void {
    this.electionSafety.onLeader(observation);
    this.leaderCompleteness.onLeader(observation);
  }

  /** A node wrote an entry to its log. */
  onAppended(observation: AppendObservation): void {
    this.logMatching.onAppended(observation);
  }

  /** A node learned that an entry is committed. */
  onCommitted(observation: CommitObservation): void {
    this.leaderCompleteness.onCommitted(observation);
  }

  /** A node applied an entry. */
  onApplied(observation: ApplyObservation): void {
    this.stateMachineSafety.onApplied(observation);
    this.acknowledgedDurability.onApplied(observation);
  }

  /** A state machine was set to a state of before. */
  onRestored(observation: RestoreObservation): void {
    this.stateMachineSafety.onRestored(observation);
    this.acknowledgedDurability.onRestored(observation);
  }

  /** A client was told that its command took effect. */
  onAcknowledged(observation: AcknowledgeObservation): void {
    this.acknowledgedDurability.onAcknowledged(observation);
  }

  /** A linearizable read was answered. */
  onRead(observation: ReadObservation): void {
    checkRead(observation);
  }

  /** At the end, faults over and the cluster at rest: the logs agree and nothing is missing. */
  checkAtRest(logs: ReadonlyMap<NodeId, ObservedLog>): void {
    this.logMatching.checkLogs(logs);
    this.acknowledgedDurability.checkCaughtUp([...logs.keys()]);
  }
}
