/**
 * Opens what a node keeps on disk, and checks that its parts belong together.
 *
 * @module
 */
import { BadDataError, InvalidRequestError } from "../errors.ts";
import { DAMAGED_DIRECTORY_FIX } from "../log/damaged_directory.ts";
import { type DataDirectory, openDataDirectory } from "../log/data_directory.ts";
import { checkHardState } from "../log/hard_state_file.ts";
import type { HardStateStore, Log } from "../log/log.ts";
import { foreignInstance } from "../log/log_owner.ts";
import type { SnapshotMeta } from "../log/snapshot_format.ts";
import type { SnapshotStore } from "../log/snapshot_store.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Address, NodeId } from "../types.ts";
import { decodeConfiguration } from "../wire/storage_codec.ts";
import { deriveClusterId } from "./cluster_id.ts";
import { checkNoGap } from "./log_contents.ts";
import { allowPromises } from "./promises.ts";
import { removedError } from "./members.ts";
import type { NodeStart } from "./observer.ts";
import { type RaftOptions, timingOf } from "./raft_options.ts";
import { randomHexId } from "./random_id.ts";

/** The stores of a node. */
export interface RaftStorage {
  readonly directory: DataDirectory;
  readonly log: Log;
  readonly hardState: HardStateStore;
  readonly snapshots: SnapshotStore;
}

/**
 * Opens the data directory with its log and hard state; rejects with the reason where it cannot.
 */
export async function openStorage(runtime: Runtime, options: RaftOptions): Promise<RaftStorage> {
  const { segmentBytes } = options;
  const segments = segmentBytes === undefined ? {} : { segmentBytes };
  const directory = await openDataDirectory(runtime, {
    path: options.dataPath,
    nodeId: options.nodeId,
    ...segments,
    ...(options.clusterName === undefined ? {} : { clusterName: options.clusterName }),
  });
  const opened: { close(): Promise<void> }[] = [directory];
  try {
    await chooseCluster(runtime, directory, options);
    await allowPromises(directory, timingOf(options), options.logger);
    const hardState = await directory.openHardState();
    opened.unshift(hardState);
    if (hardState.note !== null) options.logger?.warn(hardState.note);
    const log = options.openLog === undefined
      ? await directory.openLog(segments)
      : await options.openLog(directory);
    opened.unshift(log);
    // A birth that was cut off may have left the first entry of another list of nodes.
    // What a node that joins has got of the log it has acknowledged, so that stays.
    const { born, replaces } = directory.identity;
    const isForming = !born && replaces.length === 0 && options.formation.kind !== "join";
    if (isForming) await log.truncateSuffix(log.firstIndex - 1);
    const { tornTailBytes } = log.recovery;
    if (tornTailBytes > 0) {
      options.logger?.warn("Cut a torn tail off the log: it was never durable", {
        bytes: tornTailBytes,
        lastIndex: log.lastIndex,
      });
    }
    const snapshots = await directory.openSnapshots();
    opened.unshift(snapshots);
    const meta = snapshots.latest?.meta ?? null;
    checkSnapshot(directory, meta);
    checkNoGap(log, meta);
    checkOwner(directory, log, meta);
    checkTerm(hardState, log, meta);
    return { directory, log, hardState, snapshots };
  } catch (error) {
    for (const part of opened) await part.close();
    throw error;
  }
}

/** Closes everything, the port as well; returns the first failure, if there is one. */
export async function closeStorage(
  { log, hardState, snapshots, directory }: RaftStorage,
  port: { close(): Promise<void> },
): Promise<Error | null> {
  const steps = [port, log, hardState, snapshots].map((part) => part.close());
  const ends = await Promise.allSettled(steps);
  // Last, for whoever gets the directory next must not meet what this node still does to it.
  ends.push(...await Promise.allSettled([directory.close()]));
  const failed = ends.find((step) => step.status === "rejected");
  return (failed?.reason as Error | undefined) ?? null;
}

/** The nodes that form the cluster together; empty for a node that has an identity. */
export function formingMembers(
  options: RaftOptions,
  address: Address,
): readonly { readonly id: NodeId; readonly address: Address }[] {
  const { formation, nodeId } = options;
  return formation.kind === "peers" ? formation.peers : [{ id: nodeId, address }];
}

/** Gives a directory without a cluster the id of the one that it is to form. */
async function chooseCluster(
  runtime: Runtime,
  directory: DataDirectory,
  options: RaftOptions,
): Promise<void> {
  const { identity } = directory;
  const { formation, nodeId } = options;
  if (identity.removed) throw removedError(identity);
  if (identity.born || identity.replaces.length > 0 || formation.kind === "join") return;
  if (formation.kind === "existing") {
    throw new InvalidRequestError(
      `Cannot start node ${nodeId} as "${options.dataPath}" belongs to no cluster yet: ` +
        "want --bootstrap, --peers or --join",
    );
  }
  if (formation.kind === "peers" && !formation.peers.some((peer) => peer.id === nodeId)) {
    throw new InvalidRequestError(
      `Cannot start node ${nodeId} as it is not among the peers: ` +
        formation.peers.map((peer) => peer.id).join(", "),
    );
  }
  const clusterId = formation.kind === "peers"
    ? deriveClusterId(identity.clusterName, formation.peers)
    : randomHexId(runtime.random);
  if (clusterId === identity.clusterId) return;
  // Another list than before: what was learned under the old one is void.
  await directory.saveIdentity({ ...identity, clusterId, members: [] });
}

/** What a node starts from, as it is told to an observer. */
export function nodeStart({ log, snapshots, hardState, directory }: RaftStorage): NodeStart {
  return {
    log,
    snapshot: snapshots.latest?.meta ?? null,
    hardState: hardState.state,
    instanceId: directory.identity.instanceId,
  };
}

/** A snapshot of another cluster is not the state of this one. */
function checkSnapshot(directory: DataDirectory, snapshot: SnapshotMeta | null): void {
  const { clusterId } = directory.identity;
  if (snapshot === null || snapshot.clusterId === clusterId) return;
  throw new BadDataError(
    `Cannot use "${directory.path}": its snapshot of index ${snapshot.lastIncludedIndex} belongs ` +
      `to cluster ${snapshot.clusterId}, the directory to ${clusterId || "none"}`,
    ["put the snapshots of one node only into its data directory"],
  );
}

/** The log of another directory is not that of this one, though it may look like its beginning. */
function checkOwner(
  { path, identity }: DataDirectory,
  log: Log,
  snapshot: SnapshotMeta | null,
): void {
  const inLog = log.recovery.configurations.map(({ payload }) => decodeConfiguration(payload));
  const configurations = snapshot === null ? inLog : [snapshot.configuration, ...inLog];
  const foreign = foreignInstance(identity, configurations);
  if (foreign === null) return;
  throw new BadDataError(
    `Cannot use "${path}": by its log and snapshots the data directory of node ` +
      `${identity.nodeId} is ${foreign}, and this one is ${identity.instanceId}: they are of ` +
      "another directory",
    ["directories mixed up? put its own log and snapshots back", ...DAMAGED_DIRECTORY_FIX],
  );
}

/**
 * A vote or a term that is older than the log, or the snapshot, has been lost: this node could vote
 * twice.
 */
export function checkTerm(
  hardState: HardStateStore,
  log: Log,
  snapshot: SnapshotMeta | null,
): void {
  // The first entry is written before the first hard state; no vote was cast then.
  if (hardState.state.currentTerm === 0 && log.lastIndex <= 1 && snapshot === null) return;
  const term = log.recovery.termRuns.at(-1)?.term ?? 0;
  checkHardState(hardState.state, { term, index: log.lastIndex });
  if (snapshot === null) return;
  const { lastIncludedTerm, lastIncludedIndex } = snapshot;
  checkHardState(hardState.state, { term: lastIncludedTerm, index: lastIncludedIndex });
}
