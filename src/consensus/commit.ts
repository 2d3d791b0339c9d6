/**
 * The commit rule, whole.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index } from "../types.ts";
import { advanceMembership } from "./membership_change.ts";
import { quorumIndex } from "./quorum.ts";
import { maybeStartReadRound } from "./read_index.ts";
import type { ConsensusState } from "./state.ts";

/**
 * "If there exists an N such that N > commitIndex, a majority of matchIndex[i] ≥ N, and
 * log[N].term == currentTerm: set commitIndex = N (§5.3, §5.4)." An entry of an older term is never
 * committed by counting, only by a later one of this term (Figure 8).
 */
export function maybeCommit(state: ConsensusState): void {
  assert(state.role === "leader", () => `a ${state.role} does not commit by counting`);
  const index = quorumIndex(state.membership.latest.configuration, (id) => {
    // The leader counts itself as far as its own log is durable, no further.
    if (id === state.nodeId) return state.durability.durableIndex;
    return state.progress.get(id)?.matchIndex ?? 0;
  });
  if (index <= state.commitIndex) return;
  if (state.log.term(index) !== state.currentTerm) return;
  advanceCommitIndex(state, index);
  state.tracing?.note("Commit");
  while (state.uncommitted.length > 0 && state.uncommitted[0]!.lastIndex <= index) {
    state.uncommittedBytes -= state.uncommitted.shift()!.bytes;
  }
  if (!state.commitNoticeArmed && state.progress.size > 0) {
    state.commitNoticeArmed = true;
    state.outbox.arm("commitNotice");
  }
  maybeStartReadRound(state);
  advanceMembership(state);
}

/** Notes that everything up to `index` is committed. Never falls. */
export function advanceCommitIndex(state: ConsensusState, index: Index): void {
  assert(
    index <= state.log.lastIndex,
    () => `commit ${index} is after the last ${state.log.lastIndex}`,
  );
  if (index <= state.commitIndex) return;
  state.commitIndex = index;
  state.membership.committed(index);
  offerAppliable(state);
}

/** Lets entries be applied that are committed and durable here. */
export function offerAppliable(state: ConsensusState): void {
  const index = Math.min(state.commitIndex, state.durability.durableIndex);
  if (index <= state.appliableIndex) return;
  state.appliableIndex = index;
  state.outbox.appliable(index);
}
