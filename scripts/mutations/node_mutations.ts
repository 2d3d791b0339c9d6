/**
 * Wrong changes around the core: storage, driver, state machine, client.
 *
 * @module
 */
import type { Mutation } from "./mutation.ts";

/** What must be durable, and is not. */
const storage: readonly Mutation[] = [
  {
    name: "log_sync_skipped",
    fault: "the log says durable without a sync",
    trap: 23,
    file: "src/log/segmented_log.ts",
    find: "segment.file.sync((error) => {",
    replace: "this.#runtime.clock.defer(() => {\n        const error: Error | null = null;",
  },
  {
    name: "hard_state_sync_skipped",
    fault: "term and vote are written and not synced",
    trap: 3,
    file: "src/log/hard_state_file.ts",
    find: "  for (const { position } of COPIES) {\n    file.write([bytes], position);\n" +
      "    await syncFile(file);",
    replace: "  for (const { position } of COPIES) {\n    file.write([bytes], position);",
  },
  {
    name: "hard_state_after_messages",
    fault: "votes leave before they are durable",
    trap: 3,
    file: "src/raft/effect_performer.ts",
    find: "    if (effects.hardState === null) {\n",
    replace: "    if (effects.hardState !== null) {\n" +
      "      this.#durable = effects.hardState;\n" +
      "      this.#performRest(effects);\n" +
      "      return this.#options.hardState.save(effects.hardState);\n" +
      "    }\n" +
      "    if (effects.hardState === null) {\n",
  },
  {
    name: "truncation_forgotten",
    fault: "entries that a leader replaced come back after a crash: the file is not cut",
    trap: 49,
    file: "src/log/segmented_log.ts",
    find: "  async #cutSuffix(lastIndexKept: Index): Promise<void> {\n",
    replace: "  async #cutSuffix(lastIndexKept: Index): Promise<void> {\n" +
      "    if (lastIndexKept > 0) return;\n",
  },
  {
    name: "unsynced_tail_trusted",
    fault: "recovery trusts what a failed sync may have left in memory alone",
    trap: 47,
    kinds: ["sync_error", "disk_errors", "power_loss", "kill"],
    file: "src/log/sync_file.ts",
    find: "    file.write([wanted], at);\n  }\n  await syncFile(file);",
    replace: "  }",
  },
];

/** What must not pass for whole. */
const damage: readonly Mutation[] = [
  {
    name: "damage_taken_for_torn",
    fault: "a bad last unit is cut although no sector of it is missing",
    trap: 48,
    kinds: ["damaged_rejoin"],
    file: "src/log/tail_verdict.ts",
    find: "if (unit.length < bytes || hasMissingSector(unit, stop)) {",
    replace: "if (unit.length <= bytes || hasMissingSector(unit, stop)) {",
  },
];

/** What the driver must not do. */
const driver: readonly Mutation[] = [
  {
    name: "entries_sent_after_deposition",
    fault: "entries read late go out under a term that is over",
    kinds: ["late_entries"],
    file: "src/raft/entry_sender.ts",
    find: "if (this.#options.leadingTerm() === message.term) {",
    replace: "if (message.term > 0) {",
  },
  {
    name: "lost_leadership_is_not_applied",
    fault: "a command in the log of a deposed leader is reported as not applied",
    trap: 53,
    file: "src/raft/proposals.ts",
    find: "new LeadershipLostError(reason)",
    replace: "new OverloadedError(reason)",
  },
  {
    name: "age_from_processing",
    fault: "the age of a state counts from when a leader's message is processed",
    file: "src/raft/leader_contact.ts",
    find:
      "if (moment === null) return;\n    this.#noteApplied();\n    this.#freshness.proven(moment,",
    replace: "if (moment === null) return;\n    this.#noteApplied();\n" +
      "    const { clock } = this.#options;\n" +
      "    const processed = { atMs: clock.nowMs(), wallMs: clock.wallMs() };\n" +
      "    this.#freshness.proven(processed,",
  },
  {
    name: "age_without_round",
    fault: "a leader calls a follower's moment proven that no quorum has confirmed",
    file: "src/consensus/age_proof.ts",
    find: "if (!confirmed) return;",
    replace: "void confirmed;",
  },
  {
    name: "read_before_applied",
    fault: "a confirmed read is served from a state that has not reached its index",
    trap: 41,
    file: "src/raft/reads.ts",
    find: "if (this.#confirmed[0]!.readIndex > this.#options.appliedIndex()) return;",
    replace: "void this.#options.appliedIndex();",
  },
];

/** Exactly once. */
const commands: readonly Mutation[] = [
  {
    name: "no_deduplication",
    fault: "a command that is sent again is applied again",
    trap: 52,
    file: "src/state_machine/command_gate.ts",
    find: "this.#table.remember(bytes, { index, term, result }, start);",
    replace: "",
  },
  {
    name: "retry_with_new_id",
    fault: "a client sends a command of unknown outcome again under a new id",
    trap: 53,
    file: "src/client/leader_operation.ts",
    find: "if (!this.#hasId && this.host.finder.leader !== null) this.#renewId();",
    replace: "if (this.host.finder.leader !== null) this.#renewId();",
  },
  {
    name: "unknown_outcome_forgotten",
    fault: "a client says not applied although an earlier attempt may have been",
    trap: 53,
    file: "src/client/leader_operation.ts",
    find: "if (failure.sent) this.#isUnknown = true;",
    replace: "",
  },
];

/** What a snapshot must carry, and what it must not skip. */
const snapshots: readonly Mutation[] = [
  {
    name: "snapshot_without_answers",
    fault: "the answers that were given are not part of a snapshot",
    trap: 52,
    kinds: ["kill", "leader_crash_in_batch", "resets", "power_loss"],
    file: "src/state_machine/command_gate.ts",
    find: "      this.#table = table;\n",
    replace: "      void table;\n",
  },
];

/** Time that is replicated. */
const time: readonly Mutation[] = [
  {
    name: "log_time_not_followed",
    fault: "the log's clock does not go on from what another leader wrote",
    trap: 52,
    file: "src/raft/effect_performer.ts",
    find: "      logTime.appended(lastTimestampMs(received));\n",
    replace: "      void lastTimestampMs(received);\n",
  },
];

/** What makes the states of nodes differ, though their logs are equal. */
const states: readonly Mutation[] = [
  {
    name: "expiry_by_the_local_clock",
    fault: "what expires does so by the clock of each node instead of the log's",
    file: "src/raft/apply_loop.ts",
    find: "    context.logTimeMs = header.timestampMs;\n",
    replace: "    context.logTimeMs = Math.floor(this.#options.clock.nowMs());\n",
  },
  {
    name: "snapshot_without_floor",
    fault: "a table of answers that was restored has forgotten which ids it dropped",
    trap: 52,
    file: "src/state_machine/deduplication_snapshot.ts",
    find: "this.#table.restoreCounters({ nowMs, floorMs, carriesSaved });",
    replace: "this.#table.restoreCounters({ nowMs, floorMs: 0, carriesSaved: 0 * floorMs });",
  },
];

/** All of them. */
export const nodeMutations: readonly Mutation[] = [
  ...storage,
  ...damage,
  ...driver,
  ...commands,
  ...snapshots,
  ...time,
  ...states,
];
