/**
 * Whom a leader sends to: the members of the configuration in effect, and those who leave, until
 * they know that they do.
 *
 * @module
 */
import type { Index, Member, NodeId } from "../types.ts";
import { Progress } from "./progress.ts";
import { allMembers } from "./quorum.ts";
import type { ConsensusState } from "./state.ts";

/**
 * Lets a leader's view of the others follow the configuration in effect. Members of an earlier one
 * that is not replaced by a committed one are sent to as well: they leave, and are to learn of it.
 *
 * @param nextIndex The entry that new followers are sent first; it is found out what they lack.
 */
export function followConfiguration(state: ConsensusState, nextIndex: Index): void {
  const { held, latest } = state.membership;
  const members = new Set(allMembers(latest.configuration).map(({ id }) => id));
  for (const { configuration } of held) {
    for (const member of allMembers(configuration)) {
      const { id } = member;
      if (id === state.nodeId) continue;
      if (members.has(id)) state.leavers.delete(id);
      // Who comes back, or on another data directory, is a new follower: what was known is void.
      const session = state.membership.sessionOf(id);
      if (state.progress.get(id)?.session !== session) {
        state.progress.set(id, new Progress(nextIndex, session));
      }
      if (members.has(id)) continue;
      state.progress.get(id)!.leavingIndex ??= latest.index;
      state.leavers.set(id, member);
    }
  }
}

/** At a quorum check: forgets those who left, once they were told or were not there to be told. */
export function dropLeavers(state: ConsensusState): void {
  for (const [id, progress] of state.progress) {
    const { leavingIndex } = progress;
    if (leavingIndex === null || state.commitIndex < leavingIndex) continue;
    if (progress.leavingTold || !progress.recentlyActive) drop(state, id);
    else progress.leavingTold = progress.commitIndexSent >= leavingIndex;
  }
}

/** Forgets one who left, for its connection was lost: it is gone, or it will ask. */
export function dropLeaver(state: ConsensusState, id: NodeId): void {
  const leavingIndex = state.progress.get(id)?.leavingIndex ?? null;
  if (leavingIndex !== null && state.commitIndex >= leavingIndex) drop(state, id);
}

/** Everybody to whom this node may have something to say, by what its log knows. */
export function knownPeers(state: ConsensusState): Member[] {
  const peers = new Map<NodeId, Member>(state.leavers);
  for (const { configuration } of state.membership.held) {
    for (const member of allMembers(configuration)) peers.set(member.id, member);
  }
  peers.delete(state.nodeId);
  return [...peers.values()];
}

function drop(state: ConsensusState, id: NodeId): void {
  state.progress.delete(id);
  state.leavers.delete(id);
  state.membership.version += 1;
}
