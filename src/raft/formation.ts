/**
 * The birth of a cluster from a list of nodes. A node without identity takes part in nothing before
 * it has exchanged hellos with every listed peer once, and has stored which data directory holds
 * each id. From then on another directory under a known id is refused: a node that was wiped would
 * come back as a voter that forgot its votes.
 *
 * "Exchanged" means both ways: this node knows every peer, and every peer has accepted this node. A
 * peer accepts only when it has stored whom it accepts. So whoever was born is known to all others
 * for good, and an empty directory in its place is accepted by none of them and never born.
 *
 * Each node then writes the same first entry: the configuration, with the data directory of every
 * member. It needs no leader, for all nodes know the same of each other.
 *
 * A crash at any time before `born` is stored starts formation again; what is stored of the others
 * stays. A first entry that was written by then is removed when the storage is opened, for the node
 * may be started with another list now; nothing can have been acknowledged behind it.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { IndexedConfiguration } from "../consensus/membership.ts";
import type { DataDirectory } from "../log/data_directory.ts";
import type { HardStateStore, Log } from "../log/log.ts";
import { type Address, type Configuration, EntryKind, type InstanceId } from "../types.ts";
import type { LogTimeMs, Member, NodeId, TermRun } from "../types.ts";
import { encodeConfiguration } from "../wire/storage_codec.ts";
import { encodeEntry } from "./batch_encoder.ts";

/** The log time of the first entry. */
const FIRST_LOG_TIME_MS = 1;

/** The term of the first entry, and of every node when the cluster is born. */
const FIRST_TERM = 1;

/** What formation works with. */
export interface FormationOptions {
  readonly directory: DataDirectory;
  readonly log: Log;
  readonly hardState: HardStateStore;
  /** Every node of the cluster, this one included. */
  readonly members: readonly { readonly id: NodeId; readonly address: Address }[];
}

/** The first entry, as a core starts from it. */
export interface FirstEntry {
  readonly lastTimestampMs: LogTimeMs;
  readonly termRuns: readonly TermRun[];
  readonly configurations: readonly IndexedConfiguration[];
}

/** Learns who holds which id, until everybody is known. */
export class Formation {
  readonly #options: FormationOptions;
  readonly #instances = new Map<NodeId, InstanceId>();
  /** Those of #instances that a crash cannot take back. */
  readonly #stored: Set<NodeId>;
  /** The nodes that know this one for good. */
  readonly #acceptedBy = new Set<NodeId>();
  /** One write to the identity at a time. */
  #saving: Promise<void> = Promise.resolve();
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  /** Resolves when everybody is known durably, and knows this node. */
  readonly complete: Promise<void>;

  /** Starts from what the identity holds already. */
  constructor(options: FormationOptions) {
    this.#options = options;
    const { identity } = options.directory;
    for (const member of identity.members) this.#instances.set(member.id, member.instanceId);
    this.#instances.set(identity.nodeId, identity.instanceId);
    this.#stored = new Set(this.#instances.keys());
    this.#acceptedBy.add(identity.nodeId);
    this.complete = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#check();
  }

  /** The ids of the nodes with which hellos were not exchanged both ways. */
  get missing(): NodeId[] {
    const ids = this.#options.members.map(({ id }) => id);
    return ids.filter((id) => !this.#instances.has(id) || !this.#acceptedBy.has(id));
  }

  /** Whether `id` is one of the nodes that form the cluster. */
  lists(id: NodeId): boolean {
    return this.#options.members.some((member) => member.id === id);
  }

  /** The directory that holds `id`, or null where that is not known. */
  instanceOf(id: NodeId): InstanceId | null {
    return this.#instances.get(id) ?? null;
  }

  /**
   * A hello told that `instanceId` holds `id`.
   *
   * @returns When that is stored, or null where it is already.
   */
  heard(id: NodeId, instanceId: InstanceId): Promise<void> | null {
    if (!this.#options.members.some((member) => member.id === id)) return null;
    const known = this.#instances.get(id);
    assert(known === undefined || known === instanceId, () => `node ${id} was accepted twice`);
    if (known === undefined) {
      this.#instances.set(id, instanceId);
      this.#saving = this.#saving.then(() => this.#save());
      this.#saving.then(() => {
        this.#stored.add(id);
        this.#check();
      }, (error) => this.#reject(error));
    }
    return this.#stored.has(id) ? null : this.#saving;
  }

  /** Node `id`, which `instanceId` holds, accepted the hello of this node: it knows it for good. */
  accepted(id: NodeId, instanceId: InstanceId): void {
    this.#acceptedBy.add(id);
    this.heard(id, instanceId)?.catch(() => {});
    this.#check();
  }

  /** Writes the first entry, the first term and, last, that the node has an identity. */
  async giveBirth(): Promise<void> {
    await this.#saving;
    const { directory, log, hardState } = this.#options;
    assert(this.missing.length === 0, () => `nodes ${this.missing.join(", ")} are not known`);
    assert(log.lastIndex === 0, () => `the log of an unborn node ends at ${log.lastIndex}`);
    log.append(encodeEntry(EntryKind.configuration, encodeConfiguration(this.#first()), {
      firstIndex: 1,
      term: FIRST_TERM,
      timestampMs: FIRST_LOG_TIME_MS,
    }));
    await new Promise<void>((resolve, reject) => {
      log.sync((error) => error === null ? resolve() : reject(error));
    });
    if (hardState.state.currentTerm < FIRST_TERM) {
      await hardState.save({ currentTerm: FIRST_TERM, votedFor: 0 });
    }
    await directory.saveIdentity({
      ...directory.identity,
      members: this.#members(),
      born: true,
    });
  }

  /** The entry that {@linkcode giveBirth} writes, as a core starts from it. */
  firstEntry(): FirstEntry {
    return {
      lastTimestampMs: FIRST_LOG_TIME_MS,
      termRuns: [{ term: FIRST_TERM, firstIndex: 1 }],
      configurations: [{ index: 1, configuration: this.#first() }],
    };
  }

  #check(): void {
    const isStored = this.#options.members.every(({ id }) => this.#stored.has(id));
    if (isStored && this.missing.length === 0) this.#resolve();
  }

  /** The first configuration: the same on every node, to the byte. */
  #first(): Configuration {
    return { voters: this.#members(), votersOld: [], learners: [], promotions: [] };
  }

  #members(): Member[] {
    return this.#options.members
      .filter(({ id }) => this.#instances.has(id))
      .map(({ id, address }) => ({ id, address, instanceId: this.#instances.get(id)! }))
      .sort((a, b) => a.id - b.id);
  }

  async #save(): Promise<void> {
    const { directory } = this.#options;
    await directory.saveIdentity({ ...directory.identity, members: this.#members() });
  }
}
