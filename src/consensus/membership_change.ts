/**
 * The leader's side of changes of the members (§6 of the paper).
 *
 * A change that leaves the voters as they are is one entry. A change of voters goes through joint
 * consensus: a configuration that needs majorities of the old and of the new voters, and, once that
 * is committed, the new one alone. Whoever leads then appends the second entry, also a leader that
 * found the first one in its log; nothing can refuse it.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { type Configuration, EntryKind, type Index, type NodeId } from "../types.ts";
import { hasSameVoters, isSame, planChange, withPromoted } from "./configuration_change.ts";
import type { ChangeRefusal } from "./effects.ts";
import { followConfiguration } from "./followers.ts";
import type { Input } from "./input.ts";
import { sendTimeoutNow } from "./leadership_transfer.ts";
import { isVoter, memberOf } from "./quorum.ts";
import { becomeFollower } from "./role.ts";
import type { ConsensusState } from "./state.ts";

/** Somebody wants the members changed. */
export function stepChangeMembership(
  state: ConsensusState,
  input: Input & { readonly type: "changeMembership" },
): void {
  const { source } = input;
  const notNow = refusalOfTheMoment(state);
  if (notNow !== null) {
    state.outbox.changeEnded({ source, type: "refused", refusal: notNow });
    return;
  }
  const { latest } = state.membership;
  const plan = planChange(latest.configuration, input.changes, {
    isUp: (id) => isUp(state, id) && !input.unconnected?.includes(id),
    isCaughtUp: (id) => isCaughtUp(state, id),
    replaces: input.replaces ?? [],
    joinIndex: input.joinIndex ?? 0,
    force: input.force,
  });
  if (plan.target === null) {
    state.outbox.changeEnded({ source, type: "refused", refusal: plan.refusal });
  } else if (isSame(plan.target, latest.configuration)) {
    // A request that was carried out before, and came once more.
    state.outbox.changeEnded({ source, type: "done", configurationIndex: latest.index });
  } else {
    state.change = { source, index: begin(state, plan.target) };
  }
}

/** The leader's commit index has grown: goes on with the change under way. */
export function advanceMembership(state: ConsensusState): void {
  assert(state.role === "leader", () => `a ${state.role} changes no members`);
  const { latest } = state.membership;
  if (latest.index > state.commitIndex) return;
  const { configuration } = latest;
  if (configuration.votersOld.length > 0) {
    // "Once C_old,new has been committed … it is now safe for the leader to create a log entry
    // describing C_new and replicate it to the cluster (§6)."
    const index = append(state, { ...configuration, votersOld: [] });
    if (state.change !== null) state.change = { source: state.change.source, index };
    return;
  }
  if (state.change !== null) {
    const { source } = state.change;
    state.change = null;
    state.outbox.changeEnded({ source, type: "done", configurationIndex: latest.index });
  }
  if (isVoter(configuration, state.nodeId)) maybePromote(state);
  else handOver(state);
}

/** Makes learners voters that are to become so and have caught up. */
export function maybePromote(state: ConsensusState): void {
  if (state.role !== "leader" || refusalOfTheMoment(state) !== null) return;
  const { configuration } = state.membership.latest;
  const ready = configuration.promotions.filter((id) => isCaughtUp(state, id));
  if (ready.length > 0) begin(state, withPromoted(configuration, ready));
}

/** Why no change may begin now, whatever it is; null where one may. */
function refusalOfTheMoment(state: ConsensusState): ChangeRefusal | null {
  if (state.role !== "leader") {
    return { reason: "not_leader", message: "This node does not lead", why: [] };
  }
  if (state.membership.isChanging) {
    const message = "Another change of the members is under way: try again when it is done";
    return { reason: "in_progress", message, why: [] };
  }
  if (state.transfer !== null) {
    const message = "The leader is handing leadership over: try again when another one leads";
    return { reason: "in_progress", message, why: [] };
  }
  // A leader that has committed nothing in its term may not know of a change that another leader
  // has committed: two changes from one configuration could elect two leaders.
  if (state.committedInTerm) return null;
  const message = "The leader was elected just now and has committed nothing yet: try again";
  return { reason: "in_progress", message, why: [] };
}

/** Appends the first entry of a change, and returns its index. */
function begin(state: ConsensusState, target: Configuration): Index {
  assert(!state.membership.isChanging, "two changes of the members at once");
  assert(state.committedInTerm, () => `nothing is committed in term ${state.currentTerm}`);
  const current = state.membership.latest.configuration;
  const votersOld = hasSameVoters(current, target) ? [] : current.voters;
  return append(state, { ...target, votersOld });
}

/** Appends a configuration; it is in effect at once, and its size is never held against it. */
function append(state: ConsensusState, configuration: Configuration): Index {
  assert(configuration.voters.length > 0, "a configuration without voters");
  const index = state.log.lastIndex + 1;
  const before = state.membership.latest.configuration;
  state.log.append(state.currentTerm, 1);
  state.durability.appended(state.outbox.sequence, index);
  state.membership.append({ index, configuration });
  state.tracing?.changeConf(before);
  state.tracing?.applyConfChange();
  state.tracing?.appendedOwn();
  state.outbox.changeLog({
    type: "append",
    append: {
      firstIndex: index,
      lastIndex: index,
      term: state.currentTerm,
      kind: EntryKind.configuration,
      source: configuration,
    },
  });
  followConfiguration(state, index);
  return index;
}

/**
 * "The leader steps down (returns to follower state) once it has committed the C_new log entry"
 * that it is no voter of (§6). The voter that is furthest is asked to stand for election at once,
 * if it has everything.
 */
function handOver(state: ConsensusState): void {
  const { configuration } = state.membership.latest;
  const successor = configuration.voters.find(({ id }) =>
    isUp(state, id) && state.progress.get(id)?.matchIndex === state.log.lastIndex
  );
  if (successor !== undefined) sendTimeoutNow(state, successor.id);
  becomeFollower(state, state.currentTerm, null);
}

function isUp(state: ConsensusState, id: NodeId): boolean {
  return id === state.nodeId || (state.progress.get(id)?.isUp ?? false);
}

/**
 * A learner keeps up if it has got, within one election timeout, all that there was at its start:
 * a round of dissertation §4.2.1. It must know that it is a member, too: until then it would have
 * to ask again after a crash, and as a voter it may be the one without whom nobody can answer.
 */
function isCaughtUp(state: ConsensusState, id: NodeId): boolean {
  const progress = state.progress.get(id);
  if (progress === undefined || progress.leavingIndex !== null || !progress.isUp) return false;
  // A place that no data directory has taken yet: whoever answers there may answer for another.
  if (memberOf(state.membership.latest.configuration, id)?.instanceId === "") return false;
  return progress.matchIndex >= Math.max(state.roundTarget, state.membership.latest.index);
}
