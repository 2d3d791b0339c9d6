/**
 * Makes the data directory of a node whose cluster has lost its quorum for good the start of a new
 * cluster, with this node as the only member.
 *
 * The new cluster has an id of its own: that is what locks the old members out, whatever they hold
 * and whenever they come back. The directory becomes another instance, and a configuration of this
 * node alone is appended to its log, in a term that is higher than any that it knows. The node was
 * never elected in that term, and need not be: nobody else can be in the new cluster. Keys,
 * sessions and answers stay, and so do entries that were never committed.
 *
 * # What a crash leaves
 *
 * Under the lock, after everything was verified: the snapshot is copied beside, under a header of
 * the new cluster. Then the identity is replaced by one that names the new cluster as `recovery`:
 * no node starts under that mark, neither as a member of the old cluster nor of the new. Then the
 * copy gets its name, the hard state is saved, and the entry is appended. The identity without the
 * mark is the last step. Each step finds out whether it was done, so running it again completes it;
 * what was begun before the mark counts for nothing.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { hasQuorum, memberOf } from "../consensus/quorum.ts";
import { BadDataError, RefusedError } from "../errors.ts";
import { FORMER_CLUSTERS_MAX } from "../limits.ts";
import { readBackup, verifyBackup } from "../log/backup_file.ts";
import { type DataDirectory, openDataDirectory } from "../log/data_directory.ts";
import { randomId } from "../log/directory_steps.ts";
import type { HardStateFile } from "../log/hard_state_file.ts";
import { readOwner } from "../log/offline/directory_contents.ts";
import type { SegmentedLog } from "../log/segmented_log.ts";
import type { SnapshotMeta } from "../log/snapshot_format.ts";
import { parseSnapshotName, snapshotName } from "../log/snapshot_names.ts";
import { copySnapshotFile } from "../log/snapshot_writer.ts";
import { syncLog } from "../log/sync_log.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ClusterId, Configuration, Index, LogTimeMs, NodeId, Term } from "../types.ts";
import { EntryKind } from "../types.ts";
import {
  decodeConfiguration,
  encodeConfiguration,
  type Identity,
  type IdentityRecovery,
} from "../wire/storage_codec.ts";
import { encodeEntry } from "./batch_encoder.ts";
import { checkNoGap, discardStaleLog } from "./log_contents.ts";
import { checkTerm } from "./raft_storage.ts";

/** What is recovered. */
export interface RecoverOptions {
  readonly path: string;
  readonly nodeId: NodeId;
  /**
   * The id of the cluster that is given up, or its name where it was never recovered before: by it
   * the operator says that this cluster is meant.
   */
  readonly confirm: string;
  /** The size of further segments of the log. */
  readonly segmentBytes?: number;
}

/** What was made of the directory. */
export interface RecoverOutcome {
  readonly clusterId: ClusterId;
  readonly clusterName: string;
  readonly formerClusterId: ClusterId;
  /** The last entry of the old cluster that is kept. */
  readonly lastIndex: Index;
  /** Its term. */
  readonly lastTerm: Term;
  /** The members of the old cluster that were locked out. */
  readonly lockedOut: readonly NodeId[];
  /** Whether there was nothing to do, for it was done before. */
  readonly wasDone: boolean;
}

/** The stores of a directory that is being recovered, open and verified. */
interface Parts {
  readonly directory: DataDirectory;
  readonly log: SegmentedLog;
  readonly hardState: HardStateFile;
  readonly snapshot: SnapshotMeta | null;
}

/** How far the log and the snapshot reach. */
interface Extent {
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  readonly logTimeMs: LogTimeMs;
  readonly configuration: Configuration;
  /** Whether it is an entry of the log, and not only of the snapshot. */
  readonly isInLog: boolean;
}

/**
 * Carries it out, or completes what was cut short.
 *
 * @throws {RefusedError} If `confirm` does not name its cluster, or there is nothing to recover.
 * @throws {BadDataError} If the directory is damaged or in use, or there is none.
 * @throws {DeniedError} If it belongs to another node.
 */
export async function recoverDirectory(
  runtime: Runtime,
  options: RecoverOptions,
): Promise<RecoverOutcome> {
  const { path, nodeId } = options;
  // Opening would make a directory that does not exist.
  await readOwner(runtime, path);
  const directory = await openDataDirectory(runtime, { path, nodeId, isRecovering: true });
  const opened: { close(): Promise<void> }[] = [directory];
  try {
    const { identity } = directory;
    const former = identity.formerClusterIds.at(-1);
    const isDone = identity.recovery === null && former === options.confirm;
    const snapshots = await directory.openSnapshots();
    const snapshot = snapshots.latest?.meta ?? null;
    await snapshots.close();
    const hardState = await directory.openHardState();
    opened.unshift(hardState);
    const { segmentBytes } = options;
    const log = await directory.openLog(segmentBytes === undefined ? {} : { segmentBytes });
    opened.unshift(log);
    const parts: Parts = { directory, log, hardState, snapshot };
    const extent = await verify(runtime, parts);
    if (isDone) return outcomeOf(identity, extent, { former: options.confirm, wasDone: true });
    checkWanted(identity, extent, options);
    return await apply(runtime, parts, extent);
  } finally {
    for (const part of opened) await part.close();
  }
}

/** Reads everything, as a node does at its start, and finds out how far it reaches. */
async function verify(runtime: Runtime, parts: Parts): Promise<Extent> {
  const { directory: { path, identity }, log, hardState, snapshot } = parts;
  if (snapshot !== null) {
    const { clusterId } = snapshot;
    if (clusterId !== identity.clusterId && clusterId !== identity.recovery?.clusterId) {
      throw new BadDataError(
        `Cannot use "${path}": its snapshot belongs to cluster ${clusterId}, the directory to ` +
          `${identity.clusterId}`,
        ["put the snapshots of one node only into its data directory"],
      );
    }
    await verifyBackup(runtime, snapshotPath(path, snapshot, "snapshot"));
  }
  checkNoGap(log, snapshot);
  checkTerm(hardState, log, snapshot);
  const isStale = snapshot !== null && await discardStaleLog(log, snapshot);
  const last = isStale ? undefined : log.recovery.termRuns.at(-1);
  const configurations = isStale ? [] : log.recovery.configurations;
  const payload = configurations.at(-1)?.payload;
  const hasEntries = log.lastIndex >= log.firstIndex && last !== undefined;
  const configuration = payload === undefined
    ? snapshot?.configuration
    : decodeConfiguration(payload);
  if (configuration === undefined) {
    throw new RefusedError(`Cannot recover "${path}": its log holds no configuration`, []);
  }
  return {
    lastIndex: Math.max(log.lastIndex, snapshot?.lastIncludedIndex ?? 0),
    lastTerm: hasEntries ? last.term : snapshot?.lastIncludedTerm ?? 0,
    logTimeMs: hasEntries ? log.recovery.lastTimestampMs : snapshot?.logTimeMs ?? 0,
    configuration,
    isInLog: payload !== undefined,
  };
}

/** Refuses what was not confirmed, and what needs no recovery. */
function checkWanted(identity: Identity, extent: Extent, options: RecoverOptions): void {
  const { path, nodeId, confirm } = options;
  const { clusterId, clusterName, recovery } = identity;
  const { lastIndex, lastTerm, configuration: { voters, votersOld } } = extent;
  const ids = [...voters, ...votersOld].map(({ id }) => id);
  if (identity.removed || !identity.born) {
    const what = identity.removed ? "was removed from its cluster" : "never took part in a cluster";
    throw new RefusedError(`Cannot recover "${path}": node ${nodeId} ${what}`, [], {
      fix: ["recover from another member: raft recover plan DIR…"],
    });
  }
  if (recovery === null && hasQuorum(extent.configuration, (id) => id === nodeId)) {
    throw new RefusedError(
      `Cannot recover "${path}": node ${nodeId} is a quorum of its cluster by itself`,
      [],
      { fix: [`start it: raft start --id ${nodeId} --data ${path}`] },
    );
  }
  if (confirm === clusterId) return;
  // The name outlives a recovery. Said once more it would end the new cluster as well.
  const isFirst = identity.formerClusterIds.length === 0;
  if (isFirst && confirm === clusterName && clusterName !== "") return;
  const wanted = isFirst ? "id or its name" : "id, as it was recovered before";
  throw new RefusedError(
    confirm === ""
      ? `recovery gives up the old cluster for good: it wants --confirm with its ${wanted}`
      : `--confirm ${confirm} does not name the cluster in "${path}": it wants its ${wanted}`,
    [
      `node ${nodeId} of cluster "${clusterName}", ${clusterId}`,
      `its last entry is ${lastIndex}, of term ${lastTerm}; what the others have behind it is lost`,
      `voters: ${[...new Set(ids)].join(", ")}; all but node ${nodeId} are locked out for good`,
    ],
    {
      fix: [
        "compare what is left of the others first: raft recover plan DIR…",
        `then: raft recover apply --data ${path} --id ${nodeId} --confirm ${clusterId}`,
      ],
    },
  );
}

/** Does every step that was not done. */
async function apply(runtime: Runtime, parts: Parts, extent: Extent): Promise<RecoverOutcome> {
  const { directory, snapshot } = parts;
  const { identity } = directory;
  const target = identity.recovery ??
    { clusterId: randomId(runtime), instanceId: randomId(runtime) };
  assert(target.clusterId !== identity.clusterId, () => `both clusters are ${target.clusterId}`);
  const { nodeId } = identity;
  const known = memberOf(extent.configuration, nodeId) ??
    identity.members.find(({ id }) => id === nodeId);
  const self = { id: nodeId, address: known?.address ?? "", instanceId: target.instanceId };
  const alone = { voters: [self], votersOld: [], learners: [], promotions: [] };
  const needsCopy = snapshot !== null && snapshot.clusterId !== target.clusterId;
  const copy = needsCopy
    ? await copySnapshot(runtime, directory.path, { snapshot, target, alone })
    : snapshot;
  if (identity.recovery === null) {
    await directory.replaceIdentity({ ...identity, recovery: target });
  }
  if (copy !== null) await publishSnapshot(runtime, directory.path, { copy, isNew: needsCopy });
  await appendConfiguration(parts, extent, alone);
  const former = [...identity.formerClusterIds, identity.clusterId];
  const recovered: Identity = {
    ...identity,
    ...target,
    members: [self],
    recovery: null,
    // There is nobody left whose state this one could differ from.
    deviatesSince: 0,
    formerClusterIds: former.slice(-FORMER_CLUSTERS_MAX),
  };
  await directory.replaceIdentity(recovered);
  return outcomeOf(recovered, extent, { former: identity.clusterId, wasDone: false });
}

/** Writes the snapshot beside, under a header of the new cluster; it counts for nothing yet. */
async function copySnapshot(
  runtime: Runtime,
  path: string,
  { snapshot, target, alone }: {
    readonly snapshot: SnapshotMeta;
    readonly target: IdentityRecovery;
    readonly alone: Configuration;
  },
): Promise<SnapshotMeta> {
  const { clusterId } = target;
  const meta = { ...snapshot, clusterId, configuration: alone, snapshotId: randomId(runtime) };
  const file = await runtime.files.open(snapshotPath(path, meta, "writing"), "create");
  try {
    const chunks = readBackup(runtime, snapshotPath(path, snapshot, "snapshot"));
    await copySnapshotFile(file, { meta, chunks });
  } finally {
    await file.close();
  }
  return meta;
}

/** Has the copy replace all other snapshots. */
async function publishSnapshot(
  runtime: Runtime,
  path: string,
  { copy, isNew }: { readonly copy: SnapshotMeta; readonly isNew: boolean },
): Promise<void> {
  const { files } = runtime;
  const directory = `${path}/snapshots`;
  if (isNew) {
    await files.rename(snapshotPath(path, copy, "writing"), snapshotPath(path, copy, "snapshot"));
    await files.syncDirectory(directory);
  }
  for (const name of await files.readDirectory(directory)) {
    const parsed = parseSnapshotName(name);
    if (parsed === null || parsed.snapshotId === copy.snapshotId) continue;
    await files.remove(`${directory}/${name}`);
  }
  await files.syncDirectory(directory);
}

/** Appends the configuration of this node alone, in a new term, unless it is the last one there. */
async function appendConfiguration(
  { log, hardState, directory }: Parts,
  { lastIndex, lastTerm, logTimeMs, configuration, isInLog }: Extent,
  alone: Configuration,
): Promise<void> {
  const { id, instanceId } = alone.voters[0]!;
  if (isInLog && memberOf(configuration, id)?.instanceId === instanceId) return;
  assert(log.lastIndex === lastIndex, () => `the log ends at ${log.lastIndex}, not ${lastIndex}`);
  assert(directory.identity.recovery !== null, "an entry is appended under the mark only");
  const term = Math.max(hardState.state.currentTerm, lastTerm) + 1;
  await hardState.save({ currentTerm: term, votedFor: id });
  log.append(encodeEntry(EntryKind.configuration, encodeConfiguration(alone), {
    firstIndex: lastIndex + 1,
    term,
    timestampMs: logTimeMs,
  }));
  await syncLog(log);
}

function outcomeOf(
  { clusterId, clusterName, nodeId }: Identity,
  { lastIndex, lastTerm, configuration }: Extent,
  { former, wasDone }: { readonly former: ClusterId; readonly wasDone: boolean },
): RecoverOutcome {
  const { voters, votersOld, learners } = configuration;
  const ids = new Set([...voters, ...votersOld, ...learners].map(({ id }) => id));
  ids.delete(nodeId);
  return {
    clusterId,
    clusterName,
    formerClusterId: former,
    lastIndex,
    lastTerm,
    lockedOut: [...ids].sort((a, b) => a - b),
    wasDone,
  };
}

function snapshotPath(
  path: string,
  snapshot: Pick<SnapshotMeta, "lastIncludedIndex" | "snapshotId">,
  state: "snapshot" | "writing",
): string {
  const { lastIncludedIndex, snapshotId } = snapshot;
  return `${path}/snapshots/${snapshotName({ lastIncludedIndex, snapshotId, state })}`;
}
