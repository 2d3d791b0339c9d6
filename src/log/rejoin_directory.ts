/**
 * Makes a damaged data directory one on which its node rejoins its cluster: as a new instance,
 * without a vote, that fetches from the others what it has lost.
 *
 * Nothing of it is deleted: what there was of log, hard state and snapshots is put aside, in
 * `replaced-INSTANCE/` of the directory, with a copy of the identity: that is a data directory by
 * itself, which every tool reads. What of it is provably good is copied back (sound_parts.ts says
 * what that is, and why it may be): so the others need not send it again. The identity names the
 * instances that the new one takes the place of, by which the leader knows it.
 *
 * # What a crash leaves
 *
 * Under the lock: `replaced-INSTANCE` is made with the identity in it, then the mark `rejoining`;
 * then the old files are renamed, one by one; then the identity of the new instance is written,
 * which is the commit point; then snapshot, log and hard state are made, and last the mark is
 * removed. No node starts under it, and running this again completes it: before the commit point
 * (there is a `replaced-` of the present instance) the files that are left are put aside as well;
 * after it, what was begun of the new ones is made anew from what lies aside, which nobody changes.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { RefusedError } from "../errors.ts";
import { REPLACED_INSTANCES_MAX, SEGMENT_BYTES_DEFAULT } from "../limits.ts";
import type { FileSystem, Runtime } from "../runtime/runtime.ts";
import type { InstanceId, Term } from "../types.ts";
import type { Identity } from "../wire/storage_codec.ts";
import {
  makeSubdirectories,
  randomId,
  REJOINING_MARK,
  SUBDIRECTORIES,
  takeLock,
} from "./directory_steps.ts";
import { HardStateFile } from "./hard_state_file.ts";
import { readIdentity, writeIdentity } from "./identity_file.ts";
import type { HardState } from "./log.ts";
import {
  makeEmptyLog,
  soundBytesMax,
  soundHardState,
  type SoundParts,
  takeOverSoundParts,
} from "./sound_parts.ts";

/** What is set up anew. */
export interface RejoinOptions {
  readonly path: string;
  /** Whether there is a reason: damage was found, or the operator insists. */
  readonly isNeeded: boolean;
  /** Why it must not be begun, or null; what was cut short is completed nevertheless. */
  readonly objection?: RefusedError | null;
  /** Whether nothing of the old files is to be used, however good it is. */
  readonly keepsNothing?: boolean;
  /** The size of new segments of the log. */
  readonly segmentBytes?: number;
  /** Told how far the copying of what is kept is. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** There is no room for a copy of what is good: nothing was changed. */
export class NoRoomToKeepError extends RefusedError {}

/** A directory that was set up anew. */
export interface RejoinOutcome {
  readonly identity: Identity;
  /** Where the old files are. */
  readonly asidePath: string;
  /** What of them is used; null where there was nothing to do, for it was done before. */
  readonly kept: SoundParts | null;
}

/**
 * Carries it out, or completes what was cut short.
 *
 * @throws {BadDataError} If the identity is damaged, or the directory is in use.
 * @throws {RefusedError} If there is no reason for it, the node never belonged to a cluster, or
 * there is an objection; a NoRoomToKeepError where there is no room for a copy.
 * @throws {FileError} If there is no such directory.
 */
export async function rejoinDirectory(
  runtime: Runtime,
  options: RejoinOptions,
): Promise<RejoinOutcome> {
  const { path, objection = null } = options;
  const { files } = runtime;
  // Looked at before the lock leaves its traces in somebody else's directory, and again under it.
  await readIdentity(runtime, path);
  const lock = await takeLock(files, path);
  try {
    let identity = await readIdentity(runtime, path);
    const names = await files.readDirectory(path);
    const isMarked = names.includes(REJOINING_MARK);
    const isCommitted = isMarked && !names.includes(asideName(identity.instanceId));
    if (!isMarked && isDone(identity, options)) return outcomeOf(path, identity, null);
    if (!isMarked && objection !== null) throw objection;
    if (!isMarked) await checkRoom(runtime, options);
    if (!isCommitted) identity = await replace(runtime, path, identity);
    const kept = await makeNew(runtime, identity, options);
    await files.remove(`${path}/${REJOINING_MARK}`);
    await files.syncDirectory(path);
    return outcomeOf(path, identity, kept);
  } finally {
    await lock.release();
  }
}

function asideName(instanceId: InstanceId): string {
  return `replaced-${instanceId}`;
}

function outcomeOf(path: string, identity: Identity, kept: SoundParts | null): RejoinOutcome {
  return { identity, asidePath: `${path}/${asideName(replacedBy(identity))}`, kept };
}

/** The instance that this one takes the place of. */
function replacedBy({ instanceId, replaces }: Identity): InstanceId {
  const replaced = replaces.at(-1);
  assert(replaced !== undefined, () => `instance ${instanceId} takes nobody's place`);
  return replaced;
}

/** Whether it was done before; refuses what is not to be done. */
function isDone(identity: Identity, { path, isNeeded }: RejoinOptions): boolean {
  const { nodeId, born, removed, recovery, replaces, deviatesSince } = identity;
  const isRejoining = replaces.length > 0;
  const fault = removed
    ? [`node ${nodeId} was removed from its cluster`, "let an empty directory join instead"]
    : recovery !== null
    ? ["it is becoming the start of a new cluster", "run raft recover apply again"]
    : !born && !isRejoining
    ? [`node ${nodeId} never took part in a cluster`, "start it with an empty directory"]
    : null;
  if (fault !== null) throw refusal(path, fault[0]!, { fix: [fault[1]!] });
  if (isNeeded || deviatesSince > 0) return false;
  if (isRejoining) return true;
  throw refusal(path, "nothing is wrong with it", {
    why: [`node ${nodeId} would forget what it has promised for no reason`],
    fix: ["start the node as it is, or say that you mean it: --force"],
  });
}

function refusal(
  path: string,
  reason: string,
  { why = [], fix }: { readonly why?: readonly string[]; readonly fix: readonly string[] },
): RefusedError {
  return new RefusedError(`Cannot let "${path}" rejoin: ${reason}`, why, { fix });
}

/** Puts the old files aside and makes the directory that of another instance. */
async function replace(runtime: Runtime, path: string, before: Identity): Promise<Identity> {
  const { files } = runtime;
  const aside = `${path}/${asideName(before.instanceId)}`;
  await files.makeDirectory(aside);
  await files.syncDirectory(path);
  await writeIdentity(runtime, aside, before);
  await (await files.open(`${path}/${REJOINING_MARK}`, "write")).close();
  await files.syncDirectory(path);
  for (const name of SUBDIRECTORIES) await moveFiles(files, path, { aside, name });
  const names = await files.readDirectory(path);
  if (names.includes("hard_state")) await files.rename(`${path}/hard_state`, `${aside}/hard_state`);
  await files.syncDirectory(aside);
  await files.syncDirectory(path);
  const instanceId = randomId(runtime);
  assert(instanceId !== before.instanceId, () => `instance ${instanceId} again`);
  const replaces = [...before.replaces, before.instanceId].slice(-REPLACED_INSTANCES_MAX);
  const identity = { ...before, instanceId, born: false, deviatesSince: 0, replaces };
  await writeIdentity(runtime, path, identity);
  return identity;
}

/** Puts the files of one directory aside, durably there before they are gone here. */
async function moveFiles(
  files: FileSystem,
  path: string,
  { aside, name }: { readonly aside: string; readonly name: string },
): Promise<void> {
  await files.makeDirectory(`${path}/${name}`);
  const found = await files.readDirectory(`${path}/${name}`);
  await files.makeDirectory(`${aside}/${name}`);
  await files.syncDirectory(aside);
  for (const file of found) {
    await files.rename(`${path}/${name}/${file}`, `${aside}/${name}/${file}`);
  }
  await files.syncDirectory(`${aside}/${name}`);
  await files.syncDirectory(`${path}/${name}`);
}

/** Refuses to begin where what is good could not be copied: once begun it must be completed. */
async function checkRoom(runtime: Runtime, options: RejoinOptions): Promise<void> {
  const { path, keepsNothing = false, segmentBytes = SEGMENT_BYTES_DEFAULT } = options;
  if (keepsNothing) return;
  const freeBytes = await runtime.files.freeBytes(path);
  // One more segment to write to, and one that takes its place where the copied log is cut again.
  const neededBytes = await soundBytesMax(runtime, path) + 2 * segmentBytes;
  if (freeBytes === null || freeBytes >= neededBytes) return;
  throw new NoRoomToKeepError(
    `Cannot let "${path}" rejoin: there is no room to copy what is good of it`,
    [
      `up to ${neededBytes} bytes are copied, and ${freeBytes} are free`,
      "the old files stay: nothing of them is deleted",
    ],
    { fix: ["make room", "or have the others send everything again: --keep-nothing"] },
  );
}

/** Snapshot, log and hard state; what was begun of them is made anew. */
async function makeNew(
  runtime: Runtime,
  identity: Identity,
  options: RejoinOptions,
): Promise<SoundParts> {
  const { path, segmentBytes = SEGMENT_BYTES_DEFAULT, keepsNothing = false } = options;
  const { onProgress = () => {} } = options;
  const { files } = runtime;
  await makeSubdirectories(files, path);
  const aside = asideName(replacedBy(identity));
  const from = `${path}/${aside}`;
  const isThere = (await files.readDirectory(path)).includes(aside);
  const before = isThere ? await readIdentity(runtime, from) : null;
  const hardState = isThere ? await soundHardState(runtime, from) : null;
  const reason = keepsNothing
    ? "so it was asked for"
    : before === null
    ? `"${aside}" is gone`
    : before.deviatesSince > 0
    ? "its state was found to differ from that of the others"
    : null;
  if (before === null || reason !== null) {
    await makeEmptyLog(runtime, { path, segmentBytes }, 1);
    await makeHardState(runtime, path, { hardState, term: 0 });
    return { snapshotIndex: 0, lastIndex: 0, damage: null, reason: reason ?? "" };
  }
  const takeOver = { from, path, segmentBytes, onProgress };
  const { parts, term } = await takeOverSoundParts(runtime, before, takeOver);
  await makeHardState(runtime, path, { hardState, term });
  return parts;
}

/** The term and the vote that are known, and no term below that of the last entry. */
async function makeHardState(
  runtime: Runtime,
  path: string,
  { hardState, term }: { readonly hardState: HardState | null; readonly term: Term },
): Promise<void> {
  await HardStateFile.create(runtime, `${path}/hard_state`);
  const known = hardState ?? { currentTerm: 0, votedFor: 0 };
  const file = await HardStateFile.open(runtime, `${path}/hard_state`);
  try {
    await file.save(known.currentTerm >= term ? known : { currentTerm: term, votedFor: 0 });
  } finally {
    await file.close();
  }
}
