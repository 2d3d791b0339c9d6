/**
 * The leader's intake: proposals become entries at the end of its log (§5.3).
 *
 * @module
 */
import { assert } from "../assert.ts";
import { UNCOMMITTED_BYTES_MAX } from "../limits.ts";
import { EntryKind } from "../types.ts";
import type { Input } from "./input.ts";
import type { ConsensusState } from "./state.ts";
import { lacksRoom } from "./storage_room.ts";

/** Takes a batch as a whole, or refuses it as a whole. Only a leader takes anything. */
export function stepPropose(
  state: ConsensusState,
  proposal: Input & { readonly type: "propose" },
): void {
  assert(proposal.count > 0, () => `cannot propose ${proposal.count} entries`);
  // A configuration would have to take effect here, where it is appended.
  assert(
    proposal.kind === EntryKind.command || proposal.kind === EntryKind.tick,
    () => `cannot propose entries of kind ${proposal.kind}`,
  );
  if (state.role !== "leader") {
    state.outbox.refuse({ source: proposal.source, reason: "not_leader" });
    return;
  }
  if (state.transfer !== null) {
    state.outbox.refuse({ source: proposal.source, reason: "transferring" });
    return;
  }
  // A tick is as small as an entry can be, and what is due must not wait for somebody's disk.
  if (proposal.kind === EntryKind.command && lacksRoom(state)) {
    state.outbox.refuse({ source: proposal.source, reason: "no_room" });
    return;
  }
  // An empty tail takes a batch of any size, so that a large one cannot starve.
  if (
    state.uncommittedBytes > 0 && state.uncommittedBytes + proposal.bytes > UNCOMMITTED_BYTES_MAX
  ) {
    state.outbox.refuse({ source: proposal.source, reason: "overloaded" });
    return;
  }
  const firstIndex = state.log.lastIndex + 1;
  const lastIndex = firstIndex + proposal.count - 1;
  state.log.append(state.currentTerm, proposal.count);
  state.durability.appended(state.outbox.sequence, lastIndex);
  state.tracing?.replicate(proposal.count);
  state.uncommitted.push({ lastIndex, bytes: proposal.bytes });
  state.uncommittedBytes += proposal.bytes;
  state.outbox.changeLog({
    type: "append",
    append: {
      firstIndex,
      lastIndex,
      term: state.currentTerm,
      kind: proposal.kind,
      source: proposal.source,
    },
  });
}
