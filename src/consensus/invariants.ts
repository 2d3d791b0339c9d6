/**
 * What must be true of a core after every step, each beside its sentence. Checked in production
 * too: a node that finds one broken stops before it can do harm.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index, NodeId, Term } from "../types.ts";
import type { Role } from "./effects.ts";
import type { ConsensusState } from "./state.ts";

/** What {@linkcode checkDelta} compares with. */
export interface Observed {
  readonly currentTerm: Term;
  readonly votedFor: NodeId;
  readonly role: Role;
  readonly commitIndex: Index;
  readonly baseIndex: Index;
  readonly lastIndex: Index;
}

/** Notes what a step may only change in certain ways. */
export function observe(state: ConsensusState): Observed {
  return {
    currentTerm: state.currentTerm,
    votedFor: state.votedFor,
    role: state.role,
    commitIndex: state.commitIndex,
    baseIndex: state.log.baseIndex,
    lastIndex: state.log.lastIndex,
  };
}

/** What holds at every moment. */
export function checkBasic(state: ConsensusState): void {
  const { log, commitIndex, durability } = state;
  // The terms in the log do not exceed the current term.
  assert(
    log.lastTerm <= state.currentTerm,
    () => `last term ${log.lastTerm} > ${state.currentTerm}`,
  );
  // What is committed is in the log, and what a snapshot covers is committed.
  assert(commitIndex <= log.lastIndex, () => `commit ${commitIndex} > last ${log.lastIndex}`);
  assert(commitIndex >= log.baseIndex, () => `commit ${commitIndex} < base ${log.baseIndex}`);
  // What a snapshot covers is applied, and durable in the snapshot.
  assert(log.baseIndex <= state.appliableIndex, () => `base ${log.baseIndex} is not appliable`);
  assert(log.baseIndex <= durability.durableIndex, () => `base ${log.baseIndex} is not durable`);
  // "A server always uses the latest configuration in its log" (§6), or in the snapshot before it.
  const { latest } = state.membership;
  assert(
    latest.index <= log.lastIndex,
    () => `configuration ${latest.index} > last ${log.lastIndex}`,
  );
  // Nobody applies what is not committed, or not durable here.
  assert(state.appliableIndex <= commitIndex, () => `appliable ${state.appliableIndex} > commit`);
  assert(
    durability.durableIndex <= log.lastIndex,
    () => `durable ${durability.durableIndex} > last`,
  );
  if (state.role === "leader") checkLeader(state);
  else {
    // Only a leader has a view of others.
    assert(state.progress.size === 0, () => `a ${state.role} has progress`);
    assert(state.leaderId !== state.nodeId, () => `a ${state.role} takes itself for the leader`);
  }
  if (state.role === "candidate") {
    // A candidate has voted for itself.
    assert(state.votedFor === state.nodeId, () => `a candidate voted for ${state.votedFor}`);
  }
}

/** What holds between the moments before and after a step. */
export function checkDelta(before: Observed, state: ConsensusState): void {
  // "currentTerm: latest term server has seen (increases monotonically)" (Figure 2).
  assert(state.currentTerm >= before.currentTerm, () => `term fell to ${state.currentTerm}`);
  // "commitIndex: index of highest log entry known to be committed (increases monotonically)".
  assert(
    state.commitIndex >= before.commitIndex,
    () => `commit index fell to ${state.commitIndex}`,
  );
  // What a snapshot covers stays covered.
  assert(state.log.baseIndex >= before.baseIndex, () => `the base fell to ${state.log.baseIndex}`);
  if (state.currentTerm !== before.currentTerm) return;
  // A vote, once given, stays for the term (§5.2).
  assert(
    before.votedFor === 0 || state.votedFor === before.votedFor,
    () => `vote changed from ${before.votedFor} to ${state.votedFor} in term ${state.currentTerm}`,
  );
  if (before.role !== "leader" || state.role !== "leader") return;
  // "Leader Append-Only: a leader never overwrites or deletes entries in its log" (Figure 3).
  assert(
    state.log.lastIndex >= before.lastIndex,
    () => `a leader's log shrank to ${state.log.lastIndex}`,
  );
  // Nor does it install a snapshot: what it forgets was in its log, and committed.
  assert(
    state.log.baseIndex <= before.commitIndex,
    () =>
      `a leader's log starts behind ${state.log.baseIndex}, committed was ${before.commitIndex}`,
  );
}

function checkLeader(state: ConsensusState): void {
  assert(state.leaderId === state.nodeId, () => `a leader follows ${state.leaderId}`);
  for (const [id, progress] of state.progress) {
    assert(
      progress.matchIndex <= state.log.lastIndex,
      () => `match of ${id} is ${progress.matchIndex}, the log ends at ${state.log.lastIndex}`,
    );
    assert(
      progress.nextIndex > progress.matchIndex && progress.nextIndex <= state.log.lastIndex + 1,
      () => `next of ${id} is ${progress.nextIndex}, its match ${progress.matchIndex}`,
    );
    // A follower that needs entries which are compacted gets a snapshot, and no other does.
    assert(
      (progress.mode === "snapshot") === (progress.nextIndex <= state.log.baseIndex),
      () => `${id} is in ${progress.mode}, next ${progress.nextIndex}, base ${state.log.baseIndex}`,
    );
  }
}
