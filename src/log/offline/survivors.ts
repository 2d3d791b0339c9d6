/**
 * What is left of a cluster that has lost its quorum: reads the data directories of its survivors,
 * and says which of them to go on with. Takes no lock and changes nothing.
 *
 * # Which one
 *
 * The one whose log is most up to date, by the term of its last entry and then by its index (§5.4.1
 * of the paper), among those that are not damaged. A log whose last entry is of a later term holds
 * everything that was committed in earlier ones, and of two in one term the longer one holds what
 * the shorter one does. So if every majority of the voters has one of the survivors in it, nothing
 * that was acknowledged is lost. Otherwise what those that are gone acknowledged among themselves
 * may be lost, and nobody can tell how much.
 *
 * @module
 */
import { hasQuorum, majority } from "../../consensus/quorum.ts";
import { BadDataError, StorageError } from "../../errors.ts";
import { FileError, type Runtime } from "../../runtime/runtime.ts";
import type { Configuration, Index, Member, NodeId, Term } from "../../types.ts";
import type { Identity } from "../../wire/storage_codec.ts";
import { verifyBackup } from "../backup_file.ts";
import {
  directoryHolder,
  findSnapshots,
  latestConfiguration,
  newestSnapshot,
  readHardStateCopies,
  readOwner,
} from "./directory_contents.ts";
import { type LogSummary, type StoredConfiguration, summarizeLog } from "./log_summary.ts";
import { LogView } from "./log_view.ts";

/** What one directory holds. */
export interface Survivor {
  readonly path: string;
  readonly identity: Identity;
  readonly term: Term;
  /** Whom it voted for in that term, or 0. */
  readonly votedFor: NodeId;
  /** The last entry of log or snapshot, and its term; as far as nothing is in doubt. */
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** The last entry that the newest snapshot covers, 0 for none. */
  readonly snapshotIndex: Index;
  readonly configuration: StoredConfiguration | null;
  /** What is wrong with it, for people; nobody goes on with it then. */
  readonly problems: readonly string[];
  /** Why it is no candidate although it is whole, or null. */
  readonly excluded: string | null;
  /** Whether a process uses it right now: what it holds may change. */
  readonly isInUse: boolean;
}

/** What to do. */
export interface RecoveryPlan {
  /** The one to go on with; null where none can be. */
  readonly keep: Survivor | null;
  /** The configuration of that one's log; its voters decide. */
  readonly configuration: StoredConfiguration | null;
  /** Whether these directories are a quorum of it: then there is nothing to recover. */
  readonly hasQuorum: boolean;
  /** Whether acknowledged writes may be lost by it. */
  readonly mayLose: boolean;
  /** The voters of whom no usable directory was given. */
  readonly missing: readonly NodeId[];
}

/**
 * Reads everything in the directory at `path`.
 *
 * @throws {BadDataError} If it is no data directory, or its identity cannot be used.
 */
export async function readSurvivor(
  runtime: Runtime,
  path: string,
  progressed: (doneBytes: number, totalBytes: number) => void = () => {},
): Promise<Survivor> {
  const identity = await readOwner(runtime, path);
  const problems: string[] = [];
  const attempt = async <Part>(read: () => Promise<Part>): Promise<Part | null> => {
    try {
      return await read();
    } catch (error) {
      const isFault = error instanceof BadDataError || error instanceof FileError ||
        error instanceof StorageError;
      if (!isFault) throw error;
      problems.push(error.message);
      return null;
    }
  };
  const hardState = await attempt(() => readState(runtime, path));
  const found = await attempt(() => findSnapshots(runtime, path)) ?? [];
  for (const { error } of found) if (error !== null) problems.push(error.message);
  const newest = newestSnapshot(found);
  const fileName = found.findLast(({ snapshot }) => snapshot !== null)?.fileName;
  if (fileName !== undefined) {
    await attempt(() => verifyBackup(runtime, `${path}/snapshots/${fileName}`));
  }
  const log = await attempt(() => readLog(runtime, path, progressed));
  for (const { message } of log?.problems ?? []) problems.push(message);
  const covered = newest?.meta.lastIncludedIndex ?? 0;
  if (log !== null && log.firstIndex > covered + 1) {
    problems.push(`the entries from ${covered + 1} to ${log.firstIndex - 1} are missing`);
  }
  const isLonger = log !== null && log.lastSoundIndex > covered;
  const lastTerm = isLonger ? log.lastSoundTerm : newest?.meta.lastIncludedTerm ?? 0;
  if (hardState !== null && hardState.currentTerm < lastTerm) {
    problems.push(`its term is ${hardState.currentTerm}, and that of its last entry ${lastTerm}`);
  }
  return {
    path,
    identity,
    term: hardState?.currentTerm ?? 0,
    votedFor: hardState?.votedFor ?? 0,
    lastIndex: isLonger ? log.lastSoundIndex : covered,
    lastTerm,
    snapshotIndex: covered,
    configuration: latestConfiguration(log ?? { configuration: null }, found),
    problems,
    excluded: exclusionOf(identity),
    isInUse: await directoryHolder(runtime, path) !== null,
  };
}

/** Compares survivors of one cluster, each member of it given once at most. */
export function planRecovery(survivors: readonly Survivor[]): RecoveryPlan {
  const usable = survivors.filter(({ problems, excluded, configuration }) =>
    problems.length === 0 && excluded === null && configuration !== null
  );
  const [keep] = usable.toSorted((a, b) => b.lastTerm - a.lastTerm || b.lastIndex - a.lastIndex);
  if (keep === undefined) {
    return { keep: null, configuration: null, hasQuorum: false, mayLose: true, missing: [] };
  }
  const { configuration: { voters, votersOld } } = keep.configuration!;
  const isGiven = (member: Member): boolean =>
    usable.some(({ identity }) =>
      identity.nodeId === member.id && identity.instanceId === member.instanceId
    );
  const given = new Set([...voters, ...votersOld].filter(isGiven).map(({ id }) => id));
  const halves = votersOld.length === 0 ? [voters] : [voters, votersOld];
  const missing = new Set(
    halves.flat().map(({ id }) => id).filter((id) => !given.has(id)),
  );
  return {
    keep,
    configuration: keep.configuration,
    hasQuorum: hasQuorum(keep.configuration!.configuration, (id) => given.has(id)),
    mayLose: halves.every((half) => hasMajorityOutside(half, given)),
    missing: [...missing].toSorted((a, b) => a - b),
  };
}

/** The voters of a configuration, also those who are leaving, ascending. */
export function votersOf({ voters, votersOld }: Configuration): NodeId[] {
  const ids = new Set([...voters, ...votersOld].map(({ id }) => id));
  return [...ids].toSorted((a, b) => a - b);
}

function hasMajorityOutside(half: readonly Member[], given: ReadonlySet<NodeId>): boolean {
  return half.filter(({ id }) => !given.has(id)).length >= majority(half.length);
}

function exclusionOf({ removed, born, recovery }: Identity): string | null {
  if (recovery !== null) return "recover apply was cut short in it: run it again";
  if (removed) return "it was removed from the cluster";
  return born ? null : "it never took part in the cluster";
}

async function readState(
  runtime: Runtime,
  path: string,
): Promise<{ readonly currentTerm: Term; readonly votedFor: NodeId }> {
  const { newest } = await readHardStateCopies(runtime, path);
  if (newest !== null) return newest.state;
  throw new BadDataError(`both copies of "${path}/hard_state" are bad`, []);
}

async function readLog(
  runtime: Runtime,
  path: string,
  onProgress: (doneBytes: number, totalBytes: number) => void,
): Promise<LogSummary> {
  const view = await LogView.open(runtime, path);
  try {
    return await summarizeLog(view, { checksRecords: true, onProgress });
  } finally {
    await view.close();
  }
}
