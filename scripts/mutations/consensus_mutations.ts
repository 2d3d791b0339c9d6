/**
 * Wrong changes of the core.
 *
 * @module
 */
import type { Mutation } from "./mutation.ts";

/** Votes and terms. */
const elections: readonly Mutation[] = [
  {
    name: "two_votes_in_a_term",
    fault: "a node votes for everybody who asks",
    file: "src/consensus/request_vote.ts",
    find: "if (state.votedFor !== 0 && state.votedFor !== from) return false;",
    replace: "",
  },
  {
    name: "vote_not_persisted",
    fault: "a vote is given and not made durable",
    trap: 3,
    file: "src/consensus/request_vote.ts",
    find: "state.outbox.saveHardState(state.currentTerm, from);",
    replace: "",
  },
  {
    name: "up_to_date_ignores_term",
    fault: "the longer log wins, whatever its last term",
    trap: 5,
    file: "src/consensus/request_vote.ts",
    find: "if (request.lastLogTerm !== lastTerm) return request.lastLogTerm > lastTerm;",
    replace: "void lastTerm;",
  },
  {
    name: "up_to_date_ignores_index",
    fault: "between equal last terms the length of the log does not count",
    trap: 5,
    file: "src/consensus/request_vote.ts",
    find: "return request.lastLogIndex >= lastIndex;",
    replace: "return lastIndex >= 0;",
  },
  {
    name: "everybody_is_up_to_date",
    fault: "votes are granted without a look at the candidate's log",
    trap: 5,
    file: "src/consensus/request_vote.ts",
    find: "if (!isUpToDate(state, request)) return false;",
    replace: "",
  },
  {
    name: "term_forgets_no_vote",
    fault: "a new term does not free the vote, so that a late vote counts in a term of its own",
    trap: 6,
    file: "src/consensus/request_vote.ts",
    find: "if (response.voteGranted && response.term !== electionTerm) return;",
    replace: "",
  },
  {
    name: "majority_is_half",
    fault: "half of an even number of voters is a majority",
    file: "src/consensus/quorum.ts",
    find: "return Math.floor(voters / 2) + 1;",
    replace: "return Math.max(1, Math.ceil(voters / 2));",
  },
];

/** Replication and commitment. */
const replication: readonly Mutation[] = [
  {
    name: "commit_old_term_by_counting",
    fault: "an entry of an older term is committed by counting (Figure 8 of the paper)",
    trap: 1,
    file: "src/consensus/commit.ts",
    find: "if (state.log.term(index) !== state.currentTerm) return;",
    replace: "",
  },
  {
    name: "match_from_last_index",
    fault: "a follower acknowledges the end of its log, not what the request proved",
    trap: 16,
    file: "src/consensus/append_entries.ts",
    find: "const index = Math.min(state.verifiedIndex, state.durability.durableIndex);",
    replace: "const index = state.durability.durableIndex;",
  },
  {
    name: "ack_before_sync",
    fault: "a follower acknowledges what is not durable",
    trap: 23,
    file: "src/consensus/append_entries.ts",
    find: "const index = Math.min(state.verifiedIndex, state.durability.durableIndex);",
    replace: "const index = state.verifiedIndex;",
  },
  {
    name: "leader_counts_itself_before_sync",
    fault: "a leader counts entries that it has not synced",
    trap: 24,
    file: "src/consensus/commit.ts",
    find: "if (id === state.nodeId) return state.durability.durableIndex;",
    replace: "if (id === state.nodeId) return state.log.lastIndex;",
  },
  {
    name: "follower_commits_its_own_tail",
    fault: "a follower commits up to leaderCommit, also where its log was not compared",
    trap: 17,
    file: "src/consensus/append_entries.ts",
    find: "advanceCommitIndex(state, Math.min(request.leaderCommit, lastNewIndex));",
    replace: "advanceCommitIndex(state, Math.min(request.leaderCommit, state.log.lastIndex));",
  },
  {
    name: "previous_entry_not_checked",
    fault: "entries are appended without a look at the one before them",
    file: "src/consensus/append_entries.ts",
    find: "if (!state.log.matches(request.prevLogIndex, request.prevLogTerm)) {",
    replace: "if (request.prevLogIndex > state.log.lastIndex) {",
  },
  {
    name: "conflict_not_truncated",
    fault: "an entry of another term at the same index is taken for the same",
    trap: 19,
    file: "src/consensus/append_entries.ts",
    find: "if (index > log.lastIndex || log.term(index) !== runs[i]!.term) return index;",
    replace: "if (index > log.lastIndex) return index;",
  },
  {
    name: "indexes_sorted_as_text",
    fault: "the quorum's index comes from a sort of texts: 100 before 9",
    trap: 22,
    file: "src/consensus/quorum.ts",
    find: "reached.sort((a, b) => a - b);",
    replace: "reached.sort();",
  },
  {
    name: "late_completion_counts",
    fault: "the completion of a sync covers entries that replaced those it was of (ABA)",
    trap: 25,
    file: "src/consensus/durability.ts",
    find: "append.lastIndex = Math.min(append.lastIndex, lastIndexKept);",
    replace: "",
  },
  {
    name: "durable_index_survives_truncation",
    fault: "entries that replace durable ones count as durable at once",
    trap: 25,
    file: "src/consensus/durability.ts",
    find: "this.#durableIndex = Math.min(this.#durableIndex, lastIndexKept);",
    replace: "",
  },
];

/** Promises that leases rest on. */
const leases: readonly Mutation[] = [
  {
    name: "lease_survives_timeout_now",
    fault: "a leader that has asked another to lead goes on with its lease",
    trap: 42,
    kinds: ["leadership_transfer", "slow_network"],
    file: "src/consensus/lease.ts",
    find: "return state.committedInTerm && state.transfer === null && !state.leaseVoid &&",
    replace: "return state.committedInTerm &&",
  },
  {
    name: "lease_outlasts_the_promise",
    fault: "a lease is longer than the promises that it rests on",
    trap: 42,
    file: "src/raft/lease.ts",
    find: "return Math.max(0, promiseMs * (1 - LEASE_DRIFT_SHARE) - LEASE_DRIFT_MS);",
    replace: "return Math.max(LEASE_DRIFT_MS, promiseMs * (3 + LEASE_DRIFT_SHARE));",
  },
  {
    name: "promise_not_kept",
    fault: "a voter that has forgotten its leader forgets its promise as well",
    trap: 42,
    kinds: ["deposed_leader", "slow_network"],
    file: "src/consensus/request_vote.ts",
    find: "if ((hearsLeader(state) || state.promised) && !request.leadershipTransfer) {",
    replace: "if (hearsLeader(state) && !request.leadershipTransfer) {",
  },
  {
    name: "promise_forgotten_in_a_crash",
    fault: "a node that starts again may vote at once, whatever it has promised",
    trap: 42,
    kinds: ["deposed_leader", "slow_network"],
    file: "src/consensus/state.ts",
    find: "this.promised = options.mayHavePromised ?? false;",
    replace: "this.promised = false;",
  },
];

/** Linearizable reads. */
const reads: readonly Mutation[] = [
  {
    name: "read_without_confirmation",
    fault: "a leader answers reads without a proof that it still leads",
    trap: 40,
    file: "src/consensus/read_index.ts",
    find: "  if (!confirmed) return;\n",
    replace: "",
  },
  {
    name: "read_confirmed_by_older_answer",
    fault: "an answer to a message that was sent before the read confirms it",
    trap: 40,
    kinds: ["deposed_leader", "leader_isolation", "leader_swap"],
    file: "src/consensus/read_index.ts",
    find: ">= round.readSequence;",
    replace: ">= round.readSequence - 1;",
  },
];

/** Reads of a leader that is new. */
const newLeaderReads: readonly Mutation[] = [
  {
    name: "read_before_commit_in_term",
    fault: "a new leader answers reads before it knows what is committed",
    trap: 39,
    file: "src/consensus/read_index.ts",
    find: "reads.waiting.length === 0 || !state.committedInTerm) return;",
    replace: "reads.waiting.length === 0) return;",
  },
];

/** Members and snapshots. */
const configurations: readonly Mutation[] = [
  {
    name: "rejoined_member_votes_at_once",
    fault: "a member whose data were lost votes on the new directory before it has caught up",
    kinds: ["damaged_rejoin"],
    file: "src/consensus/configuration_change.ts",
    find: "voter: false, promote: voter || promote });",
    replace: "voter, promote });",
  },
  {
    name: "joint_needs_new_majority_only",
    fault: "a joint configuration decides by the new voters alone",
    trap: 36,
    file: "src/consensus/quorum.ts",
    find: "    : [configuration.voters, configuration.votersOld];",
    replace: "    : [configuration.voters];",
  },
  {
    name: "configuration_not_rolled_back",
    fault: "a configuration that was truncated stays in effect",
    trap: 33,
    file: "src/consensus/append_entries.ts",
    find: "  state.membership.truncateSuffix(lastIndexKept);\n",
    replace: "",
  },
  {
    name: "voters_change_at_once",
    fault: "voters change in one step, whatever majorities the two configurations have",
    trap: 34,
    file: "src/consensus/membership_change.ts",
    find: "const votersOld = hasSameVoters(current, target) ? [] : current.voters;",
    replace: "const votersOld: typeof current.voters = [];",
  },
  {
    name: "joining_node_votes",
    fault: "a node with an empty directory votes under the id of the one that was removed",
    trap: 14,
    simulator: "cores",
    cores: { replacements: true },
    file: "src/consensus/request_vote.ts",
    find: "  if (!state.hasJoined) {\n",
    replace: "  if (request.term < 0) {\n",
  },
  {
    name: "snapshot_without_configuration",
    fault: "the configuration of a snapshot does not take effect",
    trap: 35,
    file: "src/consensus/install_snapshot.ts",
    find: "  state.membership.reset({ index: configurationIndex, configuration });\n",
    replace: "  void configuration;\n",
  },
  {
    name: "session_ignored",
    fault: "an answer to an earlier membership of the same id counts",
    trap: 27,
    simulator: "cores",
    cores: { replacements: true },
    file: "src/consensus/replication.ts",
    find: "if (progress === undefined || response.session !== progress.session) return;",
    replace: "if (progress === undefined) return;",
  },
  {
    name: "snapshot_keeps_another_log",
    fault: "a log that is as long as a snapshot is taken for equal to it",
    trap: 43,
    simulator: "cores",
    cores: { snapshots: true },
    file: "src/consensus/install_snapshot.ts",
    find: "    state.log.matches(lastIncludedIndex, lastIncludedTerm);",
    replace: "    (lastIncludedTerm > 0 && lastIncludedIndex <= state.log.lastIndex);",
  },
];

/** All of them. */
export const consensusMutations: readonly Mutation[] = [
  ...elections,
  ...replication,
  ...leases,
  ...reads,
  ...newLeaderReads,
  ...configurations,
];
