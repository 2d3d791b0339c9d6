/**
 * What becomes of nodes whose disks are full. Reads, votes and heartbeats need no room and go on. A
 * leader takes commands only while a quorum of the voters can store them: what is in the log may
 * be committed by whoever has room, so nobody could say any more that it was not applied. And a
 * leader that has no room itself hands over to a voter that has some.
 *
 * @module
 */
import type { NodeId } from "../types.ts";
import { beginTransfer, furthestVoter } from "./leadership_transfer.ts";
import { hasQuorum } from "./quorum.ts";
import type { ConsensusState } from "./state.ts";

/** This node's log has no room for more than it has prepared, or has room again. */
export function stepStorageRoom(state: ConsensusState, isFull: boolean): void {
  state.storageFull = isFull;
  handOverForRoom(state);
}

/** Whether too few voters could store what is proposed now. */
export function lacksRoom(state: ConsensusState): boolean {
  if (state.storageFull) return true;
  const { configuration } = state.membership.latest;
  if (!configuration.voters.some(({ id }) => isFull(state, id))) return false;
  // One that is down stores nothing either.
  return !hasQuorum(configuration, (id) => {
    if (id === state.nodeId) return true;
    return !isFull(state, id) && !(state.progress.get(id)?.isDown ?? false);
  });
}

/** The members that are known to have no room: this one, and at a leader the others. */
export function membersWithoutRoom(state: ConsensusState): NodeId[] {
  const others = [...state.progress].filter(([, { storageFull }]) => storageFull);
  const ids = others.map(([id]) => id);
  return state.storageFull ? [...ids, state.nodeId].sort((a, b) => a - b) : ids;
}

/** Has a voter lead that has room, where this leader has none. Tried once an election timeout. */
export function handOverForRoom(state: ConsensusState): void {
  if (state.role !== "leader" || !state.storageFull || state.transfer !== null) return;
  const target = furthestVoter(state);
  const progress = target === null ? undefined : state.progress.get(target);
  if (target === null || progress === undefined) return;
  // Its answer has said whether it has room.
  if (progress.isUp && !progress.storageFull) beginTransfer(state, target, null);
}

function isFull(state: ConsensusState, id: NodeId): boolean {
  return state.progress.get(id)?.storageFull ?? false;
}
