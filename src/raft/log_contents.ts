/**
 * What a core starts from: the log and the newest snapshot, which must fit together.
 *
 * # What a crash leaves
 *
 * A node makes a snapshot durable, by itself or from its leader, before it changes its log: the
 * snapshot is the commit point. So at a start the log may still be that of before:
 *
 * - It holds what the snapshot covers, or the end of it: nothing was removed yet, or only a part.
 *   It stays as it is.
 * - It ends before the snapshot, or has an entry of another term where the snapshot ends: the
 *   snapshot came from a leader. Nothing in this log is needed; it is emptied, and starts behind
 *   the snapshot.
 * - It starts behind the snapshot with a gap: no crash leaves that. It is refused.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { IndexedConfiguration } from "../consensus/membership.ts";
import { memberOf } from "../consensus/quorum.ts";
import { BadDataError } from "../errors.ts";
import { DAMAGED_DIRECTORY_FIX } from "../log/damaged_directory.ts";
import type { Log } from "../log/log.ts";
import type { SnapshotMeta } from "../log/snapshot_format.ts";
import type { Index, LogTimeMs, Term, TermRun } from "../types.ts";
import { decodeConfiguration, type Identity } from "../wire/storage_codec.ts";
import type { Formation } from "./formation.ts";

/** For a node that waits to be told of a configuration: it neither votes nor campaigns. */
const NOBODY: IndexedConfiguration = {
  index: 0,
  configuration: { voters: [], votersOld: [], learners: [], promotions: [] },
};

/** What a core starts from. */
export interface LogContents {
  readonly baseIndex: Index;
  readonly baseTerm: Term;
  readonly lastIndex: Index;
  /** What is known to be committed: what the snapshot covers. */
  readonly commitIndex: Index;
  readonly lastTimestampMs: LogTimeMs;
  readonly termRuns: readonly TermRun[];
  readonly configurations: readonly IndexedConfiguration[];
}

/**
 * Refuses a log that does not reach back to the snapshot, or to its first entry without one.
 *
 * @throws {BadDataError} If entries are missing.
 */
export function checkNoGap(log: Log, snapshot: SnapshotMeta | null): void {
  const covered = snapshot?.lastIncludedIndex ?? 0;
  if (log.firstIndex <= covered + 1) return;
  const what = snapshot === null
    ? "there is no snapshot"
    : `the newest snapshot ends at ${covered}`;
  throw new BadDataError(
    `Cannot use the log: it starts at index ${log.firstIndex}, and ${what}: the entries from ` +
      `index ${covered + 1} on are missing`,
    DAMAGED_DIRECTORY_FIX,
  );
}

/**
 * Empties a log that does not go on from the snapshot, durably. The state of the snapshot must have
 * been verified before.
 *
 * @returns Whether it was emptied.
 */
export async function discardStaleLog(log: Log, snapshot: SnapshotMeta): Promise<boolean> {
  const { lastIncludedIndex, lastIncludedTerm } = snapshot;
  assert(log.firstIndex <= lastIncludedIndex + 1, () => `the log starts at ${log.firstIndex}`);
  if (log.firstIndex === lastIncludedIndex + 1) return false;
  const term = log.lastIndex < lastIncludedIndex ? null : termAt(log, lastIncludedIndex);
  if (term === lastIncludedTerm) return false;
  await restartLog(log, lastIncludedIndex);
  return true;
}

/**
 * Empties a log, durably; its next entry is the one behind `lastIncludedIndex`. The log is empty
 * when this returns, and entries may be appended before it resolves.
 */
export async function restartLog(log: Log, lastIncludedIndex: Index): Promise<void> {
  // In two steps, for a prefix that is cut leaves what is behind it. A crash between them leaves
  // an empty log, which is restarted at the next start.
  const steps = [log.truncateSuffix(log.firstIndex - 1)];
  if (log.firstIndex <= lastIncludedIndex) steps.push(log.truncatePrefix(lastIncludedIndex + 1));
  assert(log.firstIndex === lastIncludedIndex + 1, () => `the log starts at ${log.firstIndex}`);
  await Promise.all(steps);
}

/**
 * What a core starts from, of a log that goes on from the snapshot; `formation` wrote what was not
 * there at opening.
 */
export function logContents(
  log: Log,
  { snapshot, formation, isJoining, isOnDisk }: {
    readonly snapshot: SnapshotMeta | null;
    readonly formation: Formation | null;
    readonly isJoining: boolean;
    /** Whether the log is that of the data directory, and none that the program was given. */
    readonly isOnDisk: boolean;
  },
): LogContents {
  const { lastIndex } = log;
  if (formation !== null) {
    return { baseIndex: 0, baseTerm: 0, commitIndex: 0, lastIndex, ...formation.firstEntry() };
  }
  const base = baseOf(log, snapshot);
  const isEmpty = lastIndex < log.firstIndex;
  const configurations = configurationsOf(log, snapshot);
  if (isJoining && configurations.length === 0) configurations.push(NOBODY);
  if (configurations.length === 0) {
    throw new BadDataError(
      "Cannot start the node as its log holds no configuration, yet the node has been a member",
      isOnDisk
        ? DAMAGED_DIRECTORY_FIX
        : ["give the node the log that it had: a log in memory does not outlive its process"],
    );
  }
  return {
    ...base,
    lastIndex,
    commitIndex: snapshot?.lastIncludedIndex ?? 0,
    lastTimestampMs: isEmpty ? snapshot?.logTimeMs ?? 0 : log.recovery.lastTimestampMs,
    termRuns: termRunsAfter(log, base.baseIndex),
    configurations,
  };
}

/**
 * Whether a configuration of the log or the snapshot has this node, and is none of a membership
 * before the one that it was last taken in for: it need not ask to join.
 */
export function knowsMember(
  { configurations }: LogContents,
  { nodeId, instanceId, joinIndex }: Pick<Identity, "nodeId" | "instanceId" | "joinIndex">,
): boolean {
  return configurations.some(({ index, configuration }) =>
    index >= joinIndex && memberOf(configuration, nodeId)?.instanceId === instanceId
  );
}

/**
 * The entry that the core takes as the one before its first. The first entry held serves where its
 * predecessor's term is not known any more.
 */
function baseOf(
  log: Log,
  snapshot: SnapshotMeta | null,
): { readonly baseIndex: Index; readonly baseTerm: Term } {
  const { firstIndex } = log;
  if (firstIndex === 1) return { baseIndex: 0, baseTerm: 0 };
  assert(snapshot !== null, () => `the log starts at ${firstIndex} without a snapshot`);
  const { lastIncludedIndex, lastIncludedTerm } = snapshot;
  if (firstIndex > lastIncludedIndex) {
    return { baseIndex: lastIncludedIndex, baseTerm: lastIncludedTerm };
  }
  return { baseIndex: firstIndex, baseTerm: termAt(log, firstIndex) };
}

/** The term of an entry that was held when the log was opened. */
function termAt(log: Log, index: Index): Term {
  assert(index >= log.firstIndex, () => `index ${index} is before ${log.firstIndex}`);
  assert(index <= log.lastIndex, () => `index ${index} is after ${log.lastIndex}`);
  const run = log.recovery.termRuns.findLast(({ firstIndex }) => firstIndex <= index);
  assert(run !== undefined, () => `no term is known of index ${index}`);
  return run.term;
}

/** The terms of the entries behind `baseIndex`. */
function termRunsAfter(log: Log, baseIndex: Index): TermRun[] {
  const firstIndex = baseIndex + 1;
  if (firstIndex > log.lastIndex) return [];
  const behind = log.recovery.termRuns.filter((run) => run.firstIndex > firstIndex);
  return [{ term: termAt(log, firstIndex), firstIndex }, ...behind];
}

/** The configuration of the snapshot, and those of the log behind it. */
function configurationsOf(log: Log, snapshot: SnapshotMeta | null): IndexedConfiguration[] {
  const isEmpty = log.lastIndex < log.firstIndex;
  const covered = snapshot?.lastIncludedIndex ?? 0;
  const inLog = (isEmpty ? [] : log.recovery.configurations)
    .filter(({ index }) => index > covered && index <= log.lastIndex)
    .map(({ index, payload }) => ({ index, configuration: decodeConfiguration(payload) }));
  if (snapshot === null) return inLog;
  const { configurationIndex: index, configuration } = snapshot;
  return [{ index, configuration }, ...inLog];
}
