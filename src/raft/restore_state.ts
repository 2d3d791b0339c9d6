/**
 * Sets a state machine to what the newest snapshot carries, when a node starts.
 *
 * @module
 */
import type { SnapshotMeta } from "../log/snapshot_format.ts";
import type { Logger } from "../observability/logger.ts";
import type { CommandGate } from "../state_machine/command_gate.ts";
import { type AppliedPosition, NOTHING_APPLIED } from "./apply_loop.ts";
import { discardStaleLog } from "./log_contents.ts";
import type { RaftStorage } from "./raft_storage.ts";

/**
 * Restores the state machine and the remembered answers, and empties a log that does not go on from
 * the snapshot.
 *
 * @returns Where the state machine stands.
 * @throws {BadDataError} If the snapshot is damaged: then nothing was changed on disk.
 */
export async function restoreState(
  { log, snapshots }: RaftStorage,
  { gate, logger }: { readonly gate: CommandGate; readonly logger: Logger },
): Promise<AppliedPosition> {
  const snapshot = snapshots.latest;
  if (snapshot === null) return NOTHING_APPLIED;
  await gate.restoreSnapshot(snapshots.state(snapshot));
  const { meta } = snapshot;
  const index = meta.lastIncludedIndex;
  logger.info("Restored the state from a snapshot", { index, bytes: snapshot.totalBytes });
  if (await discardStaleLog(log, meta)) {
    logger.warn("Emptied the log: the snapshot replaces it", { index });
  }
  return positionOf(meta);
}

/** Where a state machine stands that was set to a snapshot. */
export function positionOf(meta: SnapshotMeta): AppliedPosition {
  return {
    index: meta.lastIncludedIndex,
    term: meta.lastIncludedTerm,
    logTimeMs: meta.logTimeMs,
    configuration: { index: meta.configurationIndex, configuration: meta.configuration },
    appliedBytes: 0,
  };
}
