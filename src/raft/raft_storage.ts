/**
 * Opens what a node keeps on disk, and checks that its parts belong together.
 *
 * @module
 */
import { BadDataError, InvalidRequestError } from "../errors.ts";
import { type DataDirectory, openDataDirectory } from "../log/data_directory.ts";
import { checkHardState } from "../log/hard_state_file.ts";
import type { HardStateStore, Log } from "../log/log.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { IndexedConfiguration } from "../consensus/membership.ts";
import type { Address, ClusterId, Index, LogTimeMs, NodeId, Term, TermRun } from "../types.ts";
import { decodeConfiguration } from "../wire/storage_codec.ts";
import { deriveClusterId } from "./cluster_id.ts";
import type { Formation } from "./formation.ts";
import type { RaftOptions } from "./raft_options.ts";

/** The stores of a node. */
export interface RaftStorage {
  readonly directory: DataDirectory;
  readonly log: Log;
  readonly hardState: HardStateStore;
}

/** What a core starts from, of the log. */
export interface LogContents {
  readonly baseIndex: Index;
  readonly baseTerm: Term;
  readonly lastIndex: Index;
  readonly lastTimestampMs: LogTimeMs;
  readonly termRuns: readonly TermRun[];
  readonly configurations: readonly IndexedConfiguration[];
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
    const hardState = await directory.openHardState();
    opened.unshift(hardState);
    if (hardState.note !== null) options.logger?.warn(hardState.note);
    const log = options.openLog === undefined
      ? await directory.openLog(segments)
      : await options.openLog(directory);
    opened.unshift(log);
    // A birth that was cut off may have left the first entry of another list of nodes.
    if (!directory.identity.born) await log.truncateSuffix(log.firstIndex - 1);
    const { tornTailBytes } = log.recovery;
    if (tornTailBytes > 0) {
      options.logger?.warn("Cut a torn tail off the log: it was never durable", {
        bytes: tornTailBytes,
        lastIndex: log.lastIndex,
      });
    }
    checkTerm(hardState, log);
    return { directory, log, hardState };
  } catch (error) {
    for (const part of opened) await part.close();
    throw error;
  }
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
  if (identity.born) return;
  if (formation.kind === "existing") {
    throw new InvalidRequestError(
      `Cannot start node ${nodeId} as "${options.dataPath}" belongs to no cluster yet: ` +
        "want --bootstrap or --peers",
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
    : randomClusterId(runtime);
  if (clusterId === identity.clusterId) return;
  // Another list than before: what was learned under the old one is void.
  await directory.saveIdentity({ ...identity, clusterId, members: [] });
}

function randomClusterId(runtime: Runtime): ClusterId {
  const bytes = runtime.random.fill(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What a log holds, as a core starts from it; `formation` wrote what was not there at opening. */
export function logContents(log: Log, formation: Formation | null): LogContents {
  const baseIndex = log.firstIndex - 1;
  const common = { baseIndex, baseTerm: 0, lastIndex: log.lastIndex };
  const { termRuns, configurations, lastTimestampMs } = log.recovery;
  if (formation !== null) {
    return { ...common, ...formation.firstEntry() };
  }
  if (configurations.length === 0) {
    throw new BadDataError(
      "Cannot start the node as its log holds no configuration, yet the node has been a member",
      ["give the node the log that it had: a log in memory does not outlive its process"],
    );
  }
  return {
    ...common,
    lastTimestampMs,
    termRuns,
    configurations: configurations.map(({ index, payload }) => ({
      index,
      configuration: decodeConfiguration(payload),
    })),
  };
}

/** A vote or a term that is older than the log has been lost: this node could vote twice. */
function checkTerm(hardState: HardStateStore, log: Log): void {
  // The first entry is written before the first hard state; no vote was cast then.
  if (hardState.state.currentTerm === 0 && log.lastIndex <= 1) return;
  const term = log.recovery.termRuns.at(-1)?.term ?? 0;
  checkHardState(hardState.state, { term, index: log.lastIndex });
}
