/**
 * Whether a log is that of the directory it lies in. Nothing in a segment names its cluster or its
 * node, but the configurations do: they bind the node's id to the instance of its directory, and no
 * two directories are the same instance. So files that were mixed up are found by them.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import { type Configuration, EntryKind, type Index, type InstanceId } from "../types.ts";
import { decodeConfiguration, type Identity } from "../wire/storage_codec.ts";
import type { EntryHeader } from "./log.ts";
import { recordPayload } from "./record.ts";
import type { SnapshotMeta } from "./snapshot_format.ts";

/** What a configuration says of the node of a directory. */
type Binding = "own" | "another" | "unbound" | "none";

/** Follows the configurations of a log that goes on from a snapshot, or from nothing. */
export class LogOwner {
  readonly #identity: Identity;
  /** Where the snapshot has its configuration; 0 where there is no snapshot. */
  readonly #snapshotAt: Index;
  /** What the last configuration so far says, and where it is. */
  #latest: { readonly binding: Binding; readonly source: string } | null = null;
  /** What is wrong whatever follows, or null. */
  #fault: string | null = null;

  constructor(identity: Identity, snapshot: SnapshotMeta | null) {
    this.#identity = identity;
    this.#snapshotAt = snapshot?.configurationIndex ?? 0;
    if (snapshot === null) return;
    const binding = bindingOf(identity, snapshot.configuration);
    this.#latest = { binding, source: "the configuration in its snapshot" };
  }

  /** From where on the log is to be read at least, where it holds that. */
  get fromIndex(): Index {
    return this.#snapshotAt;
  }

  /** Takes a record of the log, which starts at `offset`; they come in ascending order. */
  take(bytes: Uint8Array, offset: number, { index, kind }: EntryHeader): void {
    // What is older than the snapshot's configuration may be of another instance of the node.
    if (index < this.#snapshotAt) return;
    if (kind === EntryKind.configuration) {
      const source = `the configuration of index ${index} in its log`;
      const configuration = decode(recordPayload(bytes, offset).slice());
      if (configuration === null) this.#fault ??= `${source} cannot be read`;
      else this.#latest = { binding: bindingOf(this.#identity, configuration), source };
    } else if (index === this.#snapshotAt) {
      this.#fault ??= `its log holds no configuration at index ${index}, and its snapshot does`;
    }
  }

  /** Why nothing proves that what was taken so far is of this directory; null where it is. */
  objection(): string | null {
    if (this.#fault !== null) return this.#fault;
    if (this.#latest === null) return "its log holds no configuration";
    const { binding, source } = this.#latest;
    const { nodeId } = this.#identity;
    if (binding === "own") return null;
    if (binding === "none") return `${source} does not name node ${nodeId}`;
    if (binding === "unbound") return `${source} names no data directory for node ${nodeId}`;
    return `${source} names another data directory for node ${nodeId}`;
  }
}

/**
 * The instance that the configurations bind the node of a directory to where it is another one, so
 * that log or snapshot must be of another directory; null where nothing says so.
 *
 * Judged is only an instance that its cluster began with: its own configuration is in its log, or a
 * later one in its snapshot, from its first day on. One that joined or rejoined may have nothing so
 * far but what was before it.
 */
export function foreignInstance(
  { born, nodeId, instanceId, members, replaces, joinIndex }: Identity,
  configurations: readonly Configuration[],
): InstanceId | null {
  const isFounder = born && replaces.length === 0 && joinIndex === 0 &&
    members.some((member) => member.id === nodeId && member.instanceId === instanceId);
  if (!isFounder) return null;
  const found = configurations.flatMap((configuration) => instancesOf(nodeId, configuration));
  if (found.includes(instanceId)) return null;
  return found.findLast((instance) => instance !== "") ?? null;
}

function bindingOf(
  { nodeId, instanceId, replaces }: Identity,
  configuration: Configuration,
): Binding {
  const found = instancesOf(nodeId, configuration);
  if (found.length === 0) return "none";
  // While it asks to rejoin its cluster knows it by one of those that it takes the place of.
  if (found.some((instance) => instance === instanceId || replaces.includes(instance))) {
    return "own";
  }
  return found.every((instance) => instance === "") ? "unbound" : "another";
}

/** What a configuration binds an id to: two instances while it is joint, where one was lost. */
function instancesOf(
  nodeId: number,
  { voters, votersOld, learners }: Configuration,
): InstanceId[] {
  return [...votersOld, ...voters, ...learners]
    .filter(({ id }) => id === nodeId)
    .map(({ instanceId }) => instanceId);
}

function decode(payload: Uint8Array): Configuration | null {
  try {
    return decodeConfiguration(payload);
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
