/**
 * The data directory of a node.
 *
 * ```
 * DATA/
 *   identity       who this node is, and the version of the format (identity_file.ts)
 *   hard_state     term and vote, twice (hard_state_file.ts)
 *   log/           segments, and nothing else (segmented_log.ts)
 *   spare/         segments in preparation; emptied at each start
 *   snapshots/     snapshots (snapshot_directory.ts)
 *   lock.*         who uses the directory right now
 *   creating       only while the directory is being made
 *   restoring      only while it is being made from a snapshot (restore_directory.ts)
 * ```
 *
 * # Creation
 *
 * Under the lock: `creating` is made and synced, then directories, hard state and the first segment
 * of the log, then the identity, and last `creating` is removed. The identity is the commit point.
 *
 * Crash cases: with `creating` and without identity the directory is unfinished; nobody has learned
 * its instance id. What there is of log and hard state is removed, and creation starts again. With
 * both the directory is complete, and `creating` is removed. A directory that has a log or a hard
 * state and neither `identity` nor `creating` has lost its identity, and is refused, as is one that
 * holds other things: it belongs to somebody else.
 *
 * From then on log and hard state must be there: one that is missing is not made again, for it has
 * held what was acknowledged.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { BadDataError, DeniedError } from "../errors.ts";
import { SEGMENT_BYTES_DEFAULT } from "../limits.ts";
import type { FileLock, FileSystem, Runtime } from "../runtime/runtime.ts";
import type { NodeId } from "../types.ts";
import type { Identity } from "../wire/storage_codec.ts";
import { DAMAGED_IDENTITY_FIX } from "./damaged_directory.ts";
import {
  makeSubdirectories,
  randomId,
  REJOINING_MARK,
  RESTORING_MARK,
  syncAncestors,
  takeLock,
} from "./directory_steps.ts";
import { HardStateFile } from "./hard_state_file.ts";
import { DATA_FORMAT_VERSION, readIdentity, writeIdentity } from "./identity_file.ts";
import { openLogFiles } from "./open_log_files.ts";
import { SegmentedLog } from "./segmented_log.ts";
import { SnapshotDirectory } from "./snapshot_directory.ts";

/** The options of {@linkcode openDataDirectory}. */
export interface OpenDataDirectoryOptions {
  /** The directory; it and those above it are created where they do not exist. */
  readonly path: string;
  /** The id that the node has or gets; another one in the directory is refused. */
  readonly nodeId: NodeId;
  /** The name of the cluster; another one in the directory is refused. */
  readonly clusterName?: string;
  /** The size of the first segment of a new log. */
  readonly segmentBytes?: number;
  /** Whether to open one that is being made the start of a new cluster, to go on with that. */
  readonly isRecovering?: boolean;
}

/** What the identity of a new directory says besides who it is. */
const NEW_STATE = {
  born: false,
  removed: false,
  members: [],
  recovery: null,
  formerClusterIds: [],
  deviatesSince: 0,
  replaces: [],
  joinIndex: 0,
  promiseMs: null,
};

/** Names that may be in a directory that is otherwise empty. */
const IGNORED_NAMES: ReadonlySet<string> = new Set(["lost+found"]);

/** Names that show that a directory was ours. */
const OWN_NAMES: ReadonlySet<string> = new Set(["hard_state", "log", "spare", "snapshots", "cut"]);

/**
 * Opens a data directory under its lock, or creates it.
 *
 * @throws {BadDataError} If it is damaged, not ours, of a newer version, or in use.
 * @throws {DeniedError} If it belongs to another node or cluster than the options say.
 */
export async function openDataDirectory(
  runtime: Runtime,
  options: OpenDataDirectoryOptions,
): Promise<DataDirectory> {
  const { path, nodeId } = options;
  assert(Number.isSafeInteger(nodeId) && nodeId >= 1, () => `the node id is ${nodeId}`);
  assert(path !== "", "the path is empty");
  await runtime.files.makeDirectory(path);
  // Looked at before the lock leaves its traces in somebody else's directory, and again under it.
  await inspect(runtime.files, path);
  const lock = await takeLock(runtime.files, path);
  try {
    const { hasIdentity, mark } = await inspect(runtime.files, path);
    // What a killed process left may be seen and yet not be durable.
    if (!hasIdentity || mark !== null) await syncAncestors(runtime.files, path);
    await runtime.files.syncDirectory(path);
    if (!hasIdentity) await create(runtime, options);
    else if (mark !== null) await finishCreation(runtime.files, path, mark);
    const identity = await readIdentity(runtime, path);
    checkOwner(identity, options);
    if (options.isRecovering !== true) checkNoRecovery(identity, path);
    return new DataDirectory(runtime, { path, lock, identity, isNew: !hasIdentity });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** An open data directory. */
export class DataDirectory {
  /** Where it is. */
  readonly path: string;
  /** Whether it was created just now. */
  readonly isNew: boolean;
  readonly #runtime: Runtime;
  readonly #lock: FileLock;
  #identity: Identity;
  #isClosed = false;

  /** Takes over a held lock; {@linkcode openDataDirectory} does it. */
  constructor(
    runtime: Runtime,
    parts: { path: string; lock: FileLock; identity: Identity; isNew: boolean },
  ) {
    this.#runtime = runtime;
    this.path = parts.path;
    this.isNew = parts.isNew;
    this.#lock = parts.lock;
    this.#identity = parts.identity;
  }

  /** Who this node is, as it was last saved. */
  get identity(): Identity {
    return this.#identity;
  }

  /** Makes `identity` durable, in one step; node, instance and format never change. */
  async saveIdentity(identity: Identity): Promise<void> {
    const { nodeId, instanceId } = this.#identity;
    assert(!this.#isClosed, () => `"${this.path}" is closed`);
    assert(identity.nodeId === nodeId, () => `node id ${identity.nodeId}, want ${nodeId}`);
    assert(
      identity.instanceId === instanceId,
      () => `instance ${identity.instanceId}, ${instanceId}`,
    );
    assert(!this.#identity.born || identity.born, "a node that was born stays so");
    await writeIdentity(this.#runtime, this.path, identity);
    this.#identity = identity;
  }

  /**
   * Makes this directory that of another cluster, or notes that it is becoming that. Whoever calls
   * it answers for what the log and the snapshots then say.
   */
  async replaceIdentity(identity: Identity): Promise<void> {
    const { nodeId } = this.#identity;
    assert(!this.#isClosed, () => `"${this.path}" is closed`);
    assert(identity.nodeId === nodeId, () => `node id ${identity.nodeId}, want ${nodeId}`);
    await writeIdentity(this.#runtime, this.path, identity);
    this.#identity = identity;
  }

  /** Opens the log, which must be there. */
  openLog(options: { readonly segmentBytes?: number } = {}): Promise<SegmentedLog> {
    assert(!this.#isClosed, () => `"${this.path}" is closed`);
    return SegmentedLog.open(this.#runtime, { ...options, path: this.path, create: false });
  }

  /** Opens the hard state, which must be there. */
  openHardState(): Promise<HardStateFile> {
    assert(!this.#isClosed, () => `"${this.path}" is closed`);
    return HardStateFile.open(this.#runtime, `${this.path}/hard_state`);
  }

  /** Opens the snapshots. */
  openSnapshots(): Promise<SnapshotDirectory> {
    assert(!this.#isClosed, () => `"${this.path}" is closed`);
    return SnapshotDirectory.open(this.#runtime, this.path);
  }

  /** Gives the lock back; log, hard state and snapshots are closed before. */
  async close(): Promise<void> {
    assert(!this.#isClosed, () => `"${this.path}" is closed already`);
    this.#isClosed = true;
    await this.#lock.release();
  }
}

/** What a directory is, by the names in it; refuses one that is not ours. */
async function inspect(
  files: FileSystem,
  path: string,
): Promise<{ hasIdentity: boolean; mark: string | null }> {
  const names = await files.readDirectory(path);
  const hasIdentity = names.includes("identity");
  const mark = names.find((name) => name === "creating" || name === RESTORING_MARK) ?? null;
  if (names.includes(REJOINING_MARK)) throw rejoinCutShort(path);
  if (mark === RESTORING_MARK && !hasIdentity) throw restoreCutShort(path);
  if (hasIdentity || mark !== null) return { hasIdentity, mark };
  const others = names.filter((name) => !IGNORED_NAMES.has(name) && !name.startsWith("lock"));
  if (others.length === 0) return { hasIdentity, mark };
  if (others.some((name) => OWN_NAMES.has(name))) {
    throw new BadDataError(
      `Cannot use "${path}": its file "identity" is missing`,
      DAMAGED_IDENTITY_FIX,
    );
  }
  throw new BadDataError(
    `Cannot use "${path}" as a data directory: it is not empty, and holds "${others[0]}"`,
    ["name a directory that is empty or does not exist yet"],
  );
}

/** Makes everything, with the identity as the commit point. */
async function create(runtime: Runtime, options: OpenDataDirectoryOptions): Promise<void> {
  const { path, nodeId, clusterName = "", segmentBytes = SEGMENT_BYTES_DEFAULT } = options;
  const { files } = runtime;
  await (await files.open(`${path}/creating`, "write")).close();
  await files.syncDirectory(path);
  await makeSubdirectories(files, path);
  await HardStateFile.create(runtime, `${path}/hard_state`);
  const log = await openLogFiles(runtime, { path, segmentBytes, create: true });
  assert(log.segments.length === 1, () => `the new log has ${log.segments.length} segments`);
  for (const segment of log.segments) await segment.retire();
  await log.store.close();
  const instanceId = randomId(runtime);
  assert(instanceId.length === 32, () => `the instance id is "${instanceId}"`);
  const fields = { formatVersion: DATA_FORMAT_VERSION, clusterId: "", clusterName, nodeId };
  await writeIdentity(runtime, path, { ...fields, ...NEW_STATE, instanceId });
  await finishCreation(files, path, "creating");
}

/** Removes the mark of a directory that is complete. */
async function finishCreation(files: FileSystem, path: string, mark: string): Promise<void> {
  await files.remove(`${path}/${mark}`);
  await files.syncDirectory(path);
}

/** Refuses the directory of another node or cluster. */
function checkOwner(identity: Identity, options: OpenDataDirectoryOptions): void {
  const { path, nodeId, clusterName } = options;
  assert(identity.nodeId >= 1, () => `the node id is ${identity.nodeId}`);
  if (identity.nodeId !== nodeId) {
    throw new DeniedError(
      `Cannot use "${path}" for node ${nodeId}: it belongs to node ${identity.nodeId}`,
    );
  }
  if (clusterName === undefined || identity.clusterName === "") return;
  if (identity.clusterName !== clusterName) {
    throw new DeniedError(
      `Cannot use "${path}" for cluster "${clusterName}": it belongs to cluster ` +
        `"${identity.clusterName}"`,
    );
  }
}

/** Refuses a directory that is neither of its old cluster any more nor of the new one yet. */
function checkNoRecovery({ nodeId, clusterId, recovery }: Identity, path: string): void {
  if (recovery === null) return;
  throw new BadDataError(
    `Cannot use "${path}": raft recover apply was cut short in it, and may be half done`,
    [`run it again: raft recover apply --data ${path} --id ${nodeId} --confirm ${clusterId}`],
  );
}

function rejoinCutShort(path: string): BadDataError {
  return new BadDataError(
    `Cannot use "${path}": raft recover rejoin was cut short in it, and is not complete`,
    [`run it again: raft recover rejoin --data ${path}`],
  );
}

function restoreCutShort(path: string): BadDataError {
  return new BadDataError(
    `Cannot use "${path}": raft snapshot restore was cut short in it, and is not complete`,
    [`run it again: raft snapshot restore FILE --data ${path} --id N`],
  );
}
