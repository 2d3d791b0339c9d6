/**
 * Majorities of a configuration: of the voters, and of the old voters as well while it is joint (§6
 * of the paper). Every count of votes, acknowledgements and confirmations goes through here, so
 * that a learner is never counted and a joint configuration never forgotten.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Configuration, Index, Member, NodeId } from "../types.ts";

/** How a vote stands. */
export type VoteResult = "won" | "lost" | "pending";

/** The count of voters that is a majority of `voters`. */
export function majority(voters: number): number {
  assert(voters > 0, "a majority of no voters does not exist");
  return Math.floor(voters / 2) + 1;
}

/** Whether a majority, of both halves where the configuration is joint, fulfils `test`. */
export function hasQuorum(
  configuration: Configuration,
  test: (id: NodeId) => boolean,
): boolean {
  return halves(configuration).every((voters) =>
    count(voters, (member) => !isLost(configuration, member) && test(member.id)) >=
      majority(voters.length)
  );
}

/** How an election stands, given the answers so far. */
export function voteResult(
  configuration: Configuration,
  votes: ReadonlyMap<NodeId, boolean>,
): VoteResult {
  if (hasQuorum(configuration, (id) => votes.get(id) === true)) return "won";
  // Lost once those who may still grant, with those who did, are no quorum.
  return hasQuorum(configuration, (id) => votes.get(id) !== false) ? "pending" : "lost";
}

/** The largest index that a quorum has reached, given what each voter has. */
export function quorumIndex(
  configuration: Configuration,
  indexOf: (id: NodeId) => Index,
): Index {
  const indexes = halves(configuration).map((voters) => {
    const reached = voters.map((member) =>
      isLost(configuration, member) ? -Infinity : indexOf(member.id)
    );
    // Ascending by number: a bare sort would compare as text and commit too much.
    reached.sort((a, b) => a - b);
    return reached[reached.length - majority(reached.length)]!;
  });
  return Math.min(...indexes);
}

/** Whether `id` has a vote. */
export function isVoter(configuration: Configuration, id: NodeId): boolean {
  return halves(configuration).some((voters) =>
    voters.some((member) => member.id === id && !isLost(configuration, member))
  );
}

/** The entry of a member, the newer one where the configuration is joint, or null. */
export function memberOf(configuration: Configuration, id: NodeId): Member | null {
  const { voters, learners, votersOld } = configuration;
  // In the order in which they count: it is asked for each message, so no list is made.
  for (const list of [voters, learners, votersOld]) {
    for (const member of list) {
      if (member.id === id) return member;
    }
  }
  return null;
}

/** Every member once, by ascending id. */
export function allMembers(configuration: Configuration): Member[] {
  const { voters, learners, votersOld } = configuration;
  if (votersOld.length + learners.length === 0) return [...voters].sort((a, b) => a.id - b.id);
  const members = new Map<NodeId, Member>();
  for (const list of [votersOld, learners, voters]) {
    for (const member of list) members.set(member.id, member);
  }
  return [...members.values()].sort((a, b) => a.id - b.id);
}

function halves(configuration: Configuration): (readonly Member[])[] {
  return configuration.votersOld.length === 0
    ? [configuration.voters]
    : [configuration.voters, configuration.votersOld];
}

/**
 * Whether the data directory of an old voter is lost: the member comes back on another one in this
 * very change. Who answers under its id now knows nothing of what the lost one promised, and counts
 * for nothing among the old voters.
 */
function isLost({ votersOld, voters, learners }: Configuration, voter: Member): boolean {
  if (votersOld.length === 0) return false;
  const isOther = ({ id, instanceId }: Member) =>
    id === voter.id && instanceId !== voter.instanceId;
  // Only a learner can be bound to another directory; a place is bound while it has no vote.
  return voter.instanceId !== "" && votersOld.includes(voter) &&
    (learners.some(isOther) || voters.some(isOther));
}

function count(voters: readonly Member[], test: (member: Member) => boolean): number {
  let total = 0;
  for (const member of voters) {
    if (test(member)) total += 1;
  }
  return total;
}
