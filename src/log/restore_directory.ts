/**
 * Makes a data directory from a snapshot file: the first node of a new cluster that begins with the
 * state of another one.
 *
 * The new cluster has an id of its own, so that no member of the old one takes part in it. Keys,
 * revisions, leases, sessions and answers are those of the snapshot; the log starts behind it. The
 * only member is this node. Where it is reached is not known yet: its address is empty, and the
 * node sets it when it leads.
 *
 * # What a crash leaves
 *
 * Under the lock: `restoring` is made and synced, then the directories, hard state, log and
 * snapshot, then the identity, and last `restoring` is removed. The identity is the commit point.
 * With `restoring` and without identity the directory is unfinished: no node starts in it, and
 * restoring into it again begins anew. With both it is complete. So the two marks of an unfinished
 * directory are told apart: what was to be restored does not become an empty node.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { RefusedError } from "../errors.ts";
import type { FileSystem, Runtime } from "../runtime/runtime.ts";
import type { ClusterId, InstanceId, NodeId } from "../types.ts";
import type { Identity } from "../wire/storage_codec.ts";
import { type BackupProgress, readBackup, verifyBackup } from "./backup_file.ts";
import {
  makeSubdirectories,
  randomId,
  RESTORING_MARK,
  syncAncestors,
  takeLock,
} from "./directory_steps.ts";
import { HardStateFile } from "./hard_state_file.ts";
import { DATA_FORMAT_VERSION, writeIdentity } from "./identity_file.ts";
import { openLogFiles } from "./open_log_files.ts";
import { SEGMENT_BYTES_DEFAULT } from "../limits.ts";
import type { SnapshotMeta } from "./snapshot_format.ts";
import { snapshotName } from "./snapshot_names.ts";
import type { StoredSnapshot } from "./snapshot_store.ts";
import { copySnapshotFile } from "./snapshot_writer.ts";

/** What is restored, and where. */
export interface RestoreOptions {
  /** The snapshot file. */
  readonly file: string;
  /** The data directory, which must be empty or not exist, or be one whose restoring was cut. */
  readonly path: string;
  readonly nodeId: NodeId;
  readonly clusterName: string;
  /** The size of the first segment of the log. */
  readonly segmentBytes?: number;
  /** Told how far the verification, then the copy, is. */
  readonly progressed?: (step: "verify" | "copy", progress: BackupProgress) => void;
}

/** A directory that was made from a snapshot. */
export interface RestoredDirectory {
  /** The snapshot that was restored. */
  readonly from: SnapshotMeta;
  /** The length of its file. */
  readonly totalBytes: number;
  readonly clusterId: ClusterId;
  readonly instanceId: InstanceId;
}

/** Names that may be in a directory that is otherwise empty. */
const IGNORED_NAMES: ReadonlySet<string> = new Set(["lost+found"]);

/**
 * Verifies every byte of the snapshot, then makes the directory.
 *
 * @throws {BadDataError} If the file is no whole snapshot, or the directory is in use.
 * @throws {RefusedError} If the directory holds anything.
 * @throws {FileError} If there is no such file.
 */
export async function restoreDirectory(
  runtime: Runtime,
  options: RestoreOptions,
): Promise<RestoredDirectory> {
  const { file, path, nodeId, progressed = () => {} } = options;
  assert(Number.isSafeInteger(nodeId) && nodeId >= 1, () => `the node id is ${nodeId}`);
  const { files } = runtime;
  const verified = await verifyBackup(runtime, file, (progress) => progressed("verify", progress));
  await files.makeDirectory(path);
  // Looked at before the lock leaves its traces in somebody else's directory, and again under it.
  await checkEmpty(files, path);
  const lock = await takeLock(files, path);
  try {
    await checkEmpty(files, path);
    await syncAncestors(files, path);
    return await make(runtime, options, verified);
  } finally {
    await lock.release();
  }
}

async function make(
  runtime: Runtime,
  options: RestoreOptions,
  { meta: from, totalBytes }: StoredSnapshot,
): Promise<RestoredDirectory> {
  const { path, nodeId, clusterName } = options;
  const { files } = runtime;
  const mark = `${path}/${RESTORING_MARK}`;
  await (await files.open(mark, "write")).close();
  await files.syncDirectory(path);
  await makeSubdirectories(files, path);
  const clusterId = randomId(runtime);
  const instanceId = randomId(runtime);
  assert(clusterId !== from.clusterId, () => `the new cluster has the id of the old, ${clusterId}`);
  const members = [{ id: nodeId, address: "", instanceId }];
  await HardStateFile.create(runtime, `${path}/hard_state`);
  const hardState = await HardStateFile.open(runtime, `${path}/hard_state`);
  // Nobody has voted in the new cluster; but no term of its is older than what it begins with.
  await hardState.save({ currentTerm: from.lastIncludedTerm, votedFor: 0 });
  await hardState.close();
  await makeLog(runtime, options, from.lastIncludedIndex + 1);
  await copySnapshot(runtime, options, {
    ...from,
    snapshotId: randomId(runtime),
    clusterId,
    configurationIndex: from.lastIncludedIndex,
    configuration: { voters: members, votersOld: [], learners: [], promotions: [] },
  });
  const identity: Identity = {
    formatVersion: DATA_FORMAT_VERSION,
    clusterId,
    clusterName,
    nodeId,
    instanceId,
    born: true,
    removed: false,
    members,
    recovery: null,
    // Members of the old cluster that reach this node in the place of one of theirs are told so.
    formerClusterIds: [from.clusterId],
    deviatesSince: 0,
    replaces: [],
    joinIndex: 0,
    promiseMs: null,
  };
  await writeIdentity(runtime, path, identity);
  await files.remove(mark);
  await files.syncDirectory(path);
  return { from, totalBytes, clusterId, instanceId };
}

/** An empty log, whose first entry will be `firstIndex`. */
async function makeLog(
  runtime: Runtime,
  { path, segmentBytes = SEGMENT_BYTES_DEFAULT }: RestoreOptions,
  firstIndex: number,
): Promise<void> {
  const log = await openLogFiles(runtime, { path, segmentBytes, create: true, firstIndex });
  assert(log.segments.length === 1, () => `the new log has ${log.segments.length} segments`);
  for (const segment of log.segments) await segment.retire();
  await log.store.close();
}

/** Copies the state under another header, durably. */
async function copySnapshot(
  runtime: Runtime,
  { file: source, path, progressed = () => {} }: RestoreOptions,
  meta: SnapshotMeta,
): Promise<void> {
  const { files } = runtime;
  const directory = `${path}/snapshots`;
  const name = `${directory}/${snapshotName({ ...meta, state: "writing" })}`;
  const target = await files.open(name, "create");
  try {
    const chunks = readBackup(runtime, source, (progress) => progressed("copy", progress));
    await copySnapshotFile(target, { meta, chunks });
  } finally {
    await target.close();
  }
  await files.rename(name, `${directory}/${snapshotName({ ...meta, state: "snapshot" })}`);
  await files.syncDirectory(directory);
}

/** Refuses a directory that holds anything but the remains of a restoring that was cut short. */
async function checkEmpty(files: FileSystem, path: string): Promise<void> {
  const names = await files.readDirectory(path);
  if (names.includes(RESTORING_MARK) && !names.includes("identity")) return;
  const other = names.find((name) => !IGNORED_NAMES.has(name) && !name.startsWith("lock"));
  if (other === undefined) return;
  throw new RefusedError(
    `Cannot restore into "${path}": it is not empty`,
    [`it holds "${other}"`],
    { fix: ["a restored node begins with nothing else: name a directory that does not exist yet"] },
  );
}
