/**
 * What needs a majority has one. A leader was voted for by a quorum of the configuration in its
 * log, and an entry that a leader calls committed is durable in the logs of a quorum (§5.2, §5.3).
 * While a configuration is joint, that is a majority of the old voters and of the new ones (§6).
 *
 * A cluster that breaks this may do well for long: harm comes only if the wrong nodes crash next.
 *
 * Model: votes and entries count for the data directory that gave or holds them, by the instance
 * that a configuration names. It counts majorities itself, not as the code under test does.
 *
 * @module
 */
import type { Configuration, Index, InstanceId, Member, NodeId, Term } from "../../types.ts";
import { DurableCopy } from "./durable_copy.ts";
import { PropertyViolation } from "./property_violation.ts";

/** A configuration of a log, and its place. */
export interface ConfigurationAt {
  readonly index: Index;
  readonly configuration: Configuration;
}

/** The configurations of a leader's log. */
export interface LeaderConfigurations {
  /** All that the log holds, ascending; the last is in effect. */
  readonly all: readonly ConfigurationAt[];
  /** The one that was in effect before what happens in this event. */
  readonly before: ConfigurationAt | null;
}

/** A leader calls everything committed up to an entry of its own term. */
export interface LeaderCommit {
  readonly nodeId: NodeId;
  readonly index: Index;
  readonly term: Term;
  readonly configurations: LeaderConfigurations;
}

const PROPERTY = "Quorum rule";

/** Counts for one cluster. */
export class QuorumRule {
  readonly #copies = new Map<InstanceId, DurableCopy>();
  /** The instance that now holds each id, for configurations that name none. */
  readonly #instances = new Map<NodeId, InstanceId>();
  /** Who voted, by term and candidate. */
  readonly #votes = new Map<string, Set<InstanceId>>();
  #committedIndex: Index = 0;

  /** Everything up to here was committed by a leader. */
  get committedIndex(): Index {
    return this.#committedIndex;
  }

  /** The copy in a data directory, of the node that runs on it now. */
  copyOf(nodeId: NodeId, instanceId: InstanceId): DurableCopy {
    this.#instances.set(nodeId, instanceId);
    let copy = this.#copies.get(instanceId);
    if (copy === undefined) this.#copies.set(instanceId, copy = new DurableCopy());
    return copy;
  }

  /** A node says that it votes for a candidate. */
  onVote(voter: InstanceId, vote: { readonly term: Term; readonly candidateId: NodeId }): void {
    const name = `${vote.term}/${vote.candidateId}`;
    const voters = this.#votes.get(name);
    if (voters === undefined) this.#votes.set(name, new Set([voter]));
    else voters.add(voter);
  }

  /** A node leads, by the configuration in its log. */
  onLeader(nodeId: NodeId, term: Term, { configuration }: ConfigurationAt): void {
    const voters = this.#votes.get(`${term}/${nodeId}`) ?? new Set();
    const lacking = lackingHalf(configuration, (member) => voters.has(this.#instanceOf(member)));
    if (lacking === null) return;
    throw new PropertyViolation(
      PROPERTY,
      `node ${nodeId} leads in term ${term} without votes of a majority of nodes ${lacking}`,
    );
  }

  /** A leader calls an entry of its own term committed. */
  onCommit(commit: LeaderCommit): void {
    const { index, configurations: { all, before } } = commit;
    if (index <= this.#committedIndex || before === null) return;
    // A configuration that is committed was in effect, or a later one was, when that was counted.
    for (const { index: at } of all) {
      if (at > this.#committedIndex && at <= index) this.#check({ ...commit, index: at }, [before]);
    }
    // Others may have been counted before or after the leader began a change in the same event.
    const later = all.filter((one) => one.index > before.index);
    this.#check(commit, [before, ...later]);
    this.#committedIndex = index;
  }

  /** A follower calls everything up to here committed: it can only have that from a leader. */
  onFollowerCommit(nodeId: NodeId, index: Index): void {
    if (index <= this.#committedIndex) return;
    throw new PropertyViolation(
      PROPERTY,
      `node ${nodeId} takes entry ${index} for committed, leaders have committed up to ` +
        `${this.#committedIndex}`,
    );
  }

  #check({ nodeId, index, term }: LeaderCommit, configurations: readonly ConfigurationAt[]): void {
    let lacking: string | null = null;
    for (const { configuration } of configurations) {
      lacking = lackingHalf(configuration, (member) => {
        return this.#copies.get(this.#instanceOf(member))?.holds(index, term) === true;
      });
      if (lacking === null) return;
    }
    throw new PropertyViolation(
      PROPERTY,
      `leader ${nodeId} of term ${term} commits entry ${index}, which is not durable at a ` +
        `majority of nodes ${lacking}`,
    );
  }

  #instanceOf({ id, instanceId }: Member): InstanceId {
    return instanceId === "" ? this.#instances.get(id) ?? "" : instanceId;
  }
}

/** The voters of whom no majority fulfils `test`, or null where each half has one. */
function lackingHalf(
  { voters, votersOld }: Configuration,
  test: (member: Member) => boolean,
): string | null {
  for (const half of [voters, votersOld]) {
    if (half.length > 0 && 2 * half.filter(test).length <= half.length) {
      return half.map(({ id }) => id).join(", ");
    }
  }
  return null;
}
