/**
 * Leadership transfer (dissertation §3.10): the leader takes no more proposals, brings one voter up
 * to date and then asks it, by TimeoutNow, to stand for election at once. The election passes
 * stickiness, so the cluster has its next leader without waiting for anybody's timeout.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { NodeId } from "../types.ts";
import type { TransferFailure } from "./effects.ts";
import type { Input } from "./input.ts";
import type { ConsensusState } from "./state.ts";

/** Somebody wants another leader: `target`, or with null the voter that is furthest. */
export function stepTransferLeadership(
  state: ConsensusState,
  input: Input & { readonly type: "transferLeadership" },
): void {
  const { source } = input;
  if (state.role !== "leader") return refuse(state, source, "not_leader");
  if (input.target === state.nodeId) {
    const { currentTerm: term, nodeId: leaderId } = state;
    state.outbox.transferEnded({ source, failure: null, leaderId, term });
    return;
  }
  const target = input.target ?? furthestVoter(state);
  if (target === null) return refuse(state, source, "no_other_voter");
  if (!isVoterToBe(state, target)) return refuse(state, source, "not_a_voter");
  // Nobody could take over, and meanwhile nothing would be written.
  if (state.progress.get(target)?.isDown ?? false) return refuse(state, source, "target_down");
  beginTransfer(state, target, source);
}

/** Takes no more proposals, and brings `target` up to date. */
export function beginTransfer(state: ConsensusState, target: NodeId, source: unknown): void {
  failTransfer(state, "replaced");
  state.transfer = { target, source, timeoutNowSent: false };
  state.outbox.arm("transfer");
}

/**
 * Asks the target to stand once it has the whole log. This node has then applied the whole log
 * itself, so that its clients have their answers before it steps down. Called once a record of
 * effects, at a leader.
 */
export function advanceTransfer(state: ConsensusState): void {
  assert(state.role === "leader", () => `a ${state.role} does not hand over`);
  const { transfer } = state;
  if (transfer === null || transfer.timeoutNowSent) return;
  if (!isVoterToBe(state, transfer.target)) return failTransfer(state, "target_gone");
  const { lastIndex } = state.log;
  const matchIndex = state.progress.get(transfer.target)?.matchIndex ?? 0;
  if (matchIndex < lastIndex || state.appliableIndex < lastIndex) return;
  transfer.timeoutNowSent = true;
  sendTimeoutNow(state, transfer.target);
}

/**
 * Asks a voter to stand for election. From here on a quorum may elect it whatever it has promised,
 * so this node holds no lease any more in its term, not even if the transfer fails: TimeoutNow may
 * be late without bound. A later term is safe. The one election that TimeoutNow of this term starts
 * is that of the next term; when a leader of the next term or a later one exists, a quorum has left
 * the terms before and gives no second vote in its own, so that election cannot be won any more.
 */
export function sendTimeoutNow(state: ConsensusState, target: NodeId): void {
  assert(state.role === "leader", () => `a ${state.role} asks nobody to stand`);
  state.leaseVoid = true;
  state.outbox.send(target, { type: "timeoutNow", term: state.currentTerm });
}

/** The transfer has taken too long: a leader goes on as before. */
export function stepTransferTimer(state: ConsensusState): void {
  failTransfer(state, state.role === "leader" ? "timed_out" : "leader_unknown");
}

/** Another node leads: whether it was meant to or not, it is what there is to tell. */
export function completeTransfer(state: ConsensusState, leaderId: NodeId): void {
  const { transfer } = state;
  if (transfer === null) return;
  endTransfer(state);
  state.outbox.transferEnded({
    source: transfer.source,
    failure: null,
    leaderId,
    term: state.currentTerm,
  });
}

/** Ends the transfer under way, if any, without a new leader. */
export function failTransfer(state: ConsensusState, failure: TransferFailure): void {
  const { transfer } = state;
  if (transfer === null) return;
  endTransfer(state);
  refuse(state, transfer.source, failure);
}

/**
 * The voter whose log is known to be furthest: those before others that answered of late, and among
 * them those whose disk is not full; null where there is no other voter.
 */
export function furthestVoter(state: ConsensusState): NodeId | null {
  let best: { readonly id: NodeId; readonly fitness: number; readonly match: number } | null = null;
  for (const { id } of state.membership.latest.configuration.voters) {
    const progress = state.progress.get(id);
    if (progress === undefined) continue;
    const { isUp, storageFull, matchIndex: match } = progress;
    const fitness = (isUp ? 2 : 0) + (storageFull ? 0 : 1);
    const isBetter = best === null || fitness > best.fitness ||
      (fitness === best.fitness && match > best.match);
    if (isBetter) best = { id, fitness, match };
  }
  return best?.id ?? null;
}

function endTransfer(state: ConsensusState): void {
  state.transfer = null;
  state.outbox.cancel("transfer");
}

function refuse(state: ConsensusState, source: unknown, failure: TransferFailure): void {
  state.outbox.transferEnded({ source, failure });
}

/** A voter that a change under way removes would not lead for long. */
function isVoterToBe(state: ConsensusState, id: NodeId): boolean {
  return state.membership.latest.configuration.voters.some((member) => member.id === id);
}
