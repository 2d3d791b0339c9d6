/**
 * Makes a damaged data directory one on which its node rejoins its cluster: as a new instance,
 * without a vote, that fetches everything from the others.
 *
 * Nothing of it is deleted: what there was of log, hard state and snapshots is put aside, in
 * `replaced-INSTANCE/` of the directory, with a copy of the identity: that is a data directory by
 * itself, which every tool reads. Nothing of it is used either, for nobody can say of a
 * damaged directory what else is wrong with it; only who the node is and who the members are is
 * kept. The identity names the instances that the new one takes the place of, by which the leader
 * knows it.
 *
 * # What a crash leaves
 *
 * Under the lock: `replaced-INSTANCE` is made with the identity in it, then the mark `rejoining`;
 * then the old files are renamed, one by one; then the identity of the new instance is written,
 * which is the commit point; then hard state and log are made, and last the mark is removed. No
 * node starts under it, and running this again completes it: before the commit point (there is a
 * `replaced-` of the present instance) the files that are left are put aside as well; after it,
 * what was begun of the new ones is made anew.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { RefusedError } from "../errors.ts";
import { REPLACED_INSTANCES_MAX, SEGMENT_BYTES_DEFAULT } from "../limits.ts";
import type { FileSystem, Runtime } from "../runtime/runtime.ts";
import type { InstanceId } from "../types.ts";
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
import { openLogFiles } from "./open_log_files.ts";

/** What is set up anew. */
export interface RejoinOptions {
  readonly path: string;
  /** Whether there is a reason: damage was found, or the operator insists. */
  readonly isNeeded: boolean;
  /** Why it must not be begun, or null; what was cut short is completed nevertheless. */
  readonly objection?: RefusedError | null;
  /** The size of the first segment of the log. */
  readonly segmentBytes?: number;
}

/** A directory that was set up anew. */
export interface RejoinOutcome {
  readonly identity: Identity;
  /** Where the old files are. */
  readonly asidePath: string;
  /** Whether there was nothing to do, for it was done before. */
  readonly wasDone: boolean;
}

/**
 * Carries it out, or completes what was cut short.
 *
 * @throws {BadDataError} If the identity is damaged, or the directory is in use.
 * @throws {RefusedError} If there is no reason for it, the node never belonged to a cluster, or
 * there is an objection.
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
    if (!isMarked && isDone(identity, options)) return outcomeOf(path, identity, true);
    if (!isMarked && objection !== null) throw objection;
    if (!isCommitted) identity = await replace(runtime, path, identity);
    await makeNew(runtime, options);
    await files.remove(`${path}/${REJOINING_MARK}`);
    await files.syncDirectory(path);
    return outcomeOf(path, identity, false);
  } finally {
    await lock.release();
  }
}

function asideName(instanceId: InstanceId): string {
  return `replaced-${instanceId}`;
}

function outcomeOf(path: string, identity: Identity, wasDone: boolean): RejoinOutcome {
  const replaced = identity.replaces.at(-1);
  assert(replaced !== undefined, () => `instance ${identity.instanceId} takes nobody's place`);
  return { identity, asidePath: `${path}/${asideName(replaced)}`, wasDone };
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

/** An empty log and a hard state without a vote; what was begun of them is made anew. */
async function makeNew(runtime: Runtime, options: RejoinOptions): Promise<void> {
  const { path, segmentBytes = SEGMENT_BYTES_DEFAULT } = options;
  await makeSubdirectories(runtime.files, path);
  await HardStateFile.create(runtime, `${path}/hard_state`);
  const log = await openLogFiles(runtime, { path, segmentBytes, create: true });
  assert(log.segments.length === 1, () => `the new log has ${log.segments.length} segments`);
  for (const segment of log.segments) await segment.retire();
  await log.store.close();
}
