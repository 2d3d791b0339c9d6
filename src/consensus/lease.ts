/**
 * The core's part of lease reads (dissertation §6.4.1). A leader's lease is a quorum's promise to
 * elect nobody for a while; the core says which round of messages those promises answer, and the
 * driver, which has the clock, how long they last: see raft/lease.ts.
 *
 * Who could be elected while the promises of a quorum last? A quorum would have to vote for it, and
 * every two quorums share a voter. If that voter is the leader itself, the leader has left its term
 * and serves no read any more; so it need not promise anything to itself. If it is another, it has
 * promised. Promises survive a crash, for a node elects nobody after its start for as long as the
 * longest one that it may have made: see raft/promises.ts.
 *
 * A configuration that this leader appends voids what was promised before: only rounds that start
 * under the latest one count. Whoever stands with an older one needs voters of it, and a quorum of
 * a joint configuration contains one of the older half; once the joint one is committed, nobody is
 * elected with what was before it.
 *
 * @module
 */
import { quorumIndex } from "./quorum.ts";
import type { ConsensusState } from "./state.ts";

/** Begins the next round of confirmation; the next message to each follower carries its number. */
export function startRound(state: ConsensusState): void {
  state.reads.readSequence += 1;
  if (state.promiseMs === 0) return;
  const { index } = state.membership.latest;
  if (state.leaseConfigurationIndex !== index) {
    state.leaseConfigurationIndex = index;
    state.leaseFirstRound = state.reads.readSequence;
  }
  const { currentTerm: term, reads: { readSequence } } = state;
  state.outbox.roundStarted({ term, readSequence });
  tellPromises(state);
}

/**
 * Whether a leader may answer from promises, as far as they last: it knows what is committed, has
 * asked nobody to lead in its place, and a round has been promised under the latest configuration.
 */
export function mayUseLease(state: ConsensusState): boolean {
  return state.committedInTerm && state.transfer === null && !state.leaseVoid &&
    state.leaseConfigurationIndex === state.membership.latest.index &&
    state.promisedRound >= state.leaseFirstRound;
}

/** Tells the latest round that a quorum has answered with promises. */
export function tellPromises(state: ConsensusState): void {
  if (state.promiseMs === 0) return;
  const readSequence = quorumIndex(state.membership.latest.configuration, (id) => {
    if (id === state.nodeId) return state.reads.readSequence;
    const progress = state.progress.get(id);
    return progress === undefined || progress.promiseMs === 0 ? 0 : progress.readSequence;
  });
  if (readSequence <= state.promisedRound) return;
  state.promisedRound = readSequence;
  // The shortest of all is no longer than the shortest of the quorum.
  let promiseMs = state.promiseMs;
  for (const progress of state.progress.values()) {
    if (progress.promiseMs > 0 && progress.readSequence >= readSequence) {
      promiseMs = Math.min(promiseMs, progress.promiseMs);
    }
  }
  state.outbox.roundPromised({ term: state.currentTerm, readSequence, promiseMs });
}
