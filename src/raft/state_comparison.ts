/**
 * Finds out when states that should be equal are not: a defect that makes commands do different
 * things on different nodes, a snapshot that was restored wrongly, memory that forgot.
 *
 * After each agreed entry (agreed_entries.ts), and where nothing was applied for a while, a node
 * takes hashes of its state and tells them to every other one; each compares by itself, so it does
 * not matter who leads. What most voters have is taken for right. A node that differs from them
 * _deviates_: it stops serving. Where no majority has the same (two voters that differ), nobody can
 * say who is right: nobody stops, and all raise an alarm.
 *
 * An alarm stays until somebody acts: until a node that it names is replaced, or comes back on a
 * directory that was set up anew (`raft recover rejoin`). A node that deviates remembers it in its
 * directory, and tells it with each hash.
 *
 * @module
 */
import { allMembers, majority } from "../consensus/quorum.ts";
import { STATE_HASH_INTERVAL_MS, STATE_HASHES_KEPT } from "../limits.ts";
import type { Logger } from "../observability/logger.ts";
import type { Clock, TimerHandle } from "../runtime/runtime.ts";
import type { GateHash } from "../state_machine/command_gate.ts";
import type { Configuration, Index, InstanceId, NodeId, Term } from "../types.ts";
import type { Transport } from "../transport/transport.ts";
import type { Alarm } from "../wire/client_messages.ts";
import { STATE_HASH_PROTOCOL } from "../wire/hello.ts";
import type { StateHashes, StateHashMessage } from "../wire/state_hash_codec.ts";

/** How the hash of the tables is made: command_gate.ts. */
const TABLES_VERSION = 1;

/** The node of an alarm where no majority says who is right. */
const NOBODY: NodeId = 0;

/** What the comparison of states is told, and tells. */
export interface StateComparisonSettings {
  readonly nodeId: NodeId;
  /** The entry at which this node was found to deviate in an earlier life; 0 where it was not. */
  readonly deviatesSince: Index;
  /** This node deviates since the entry with this index: it must serve no more. */
  readonly deviates: (index: Index) => void;
  /** Told of each alarm that is raised. */
  readonly raised?: ((alarm: Alarm) => void) | undefined;
}

/** What states are compared with. */
export interface StateComparisonOptions extends StateComparisonSettings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly transport: Pick<Transport, "send" | "peerReply" | "isConnected" | "flush">;
  readonly consensus: { readonly configuration: Configuration; readonly term: Term };
  /** Hashes of the state as it is now. */
  readonly stateHash: () => GateHash;
  /** The last entry applied; -1 while the state may not be asked. */
  readonly appliedIndex: () => Index;
}

interface RaisedAlarm extends Alarm {
  /** The nodes that it is about, by their data directories: it ends when one is another. */
  readonly nodes: ReadonlyMap<NodeId, InstanceId | "">;
}

/** The states of one cluster, as one node sees them. */
export class StateComparison {
  readonly #options: StateComparisonOptions;
  /** What was told of the state after each entry, this node's own hashes included. */
  readonly #told = new Map<Index, Map<NodeId, StateHashes>>();
  /** By the node that deviates, or NOBODY. */
  readonly #alarms = new Map<NodeId, RaisedAlarm>();
  /** The data directories that the members had when they told something. */
  #instances: ReadonlyMap<NodeId, InstanceId | ""> = new Map();
  #deviatesSince: Index;
  /** The last entry after which this node took hashes. */
  #takenIndex: Index = 0;
  /** What was applied last when the timer was set. */
  #armedIndex: Index = 0;
  #timer: TimerHandle | null = null;
  #isClosed = false;

  /** Starts to compare; what an earlier life found is an alarm from the start. */
  constructor(options: StateComparisonOptions) {
    this.#options = options;
    const { nodeId, deviatesSince } = options;
    this.#deviatesSince = deviatesSince;
    this.#noteInstances();
    if (deviatesSince > 0) this.#add(this.#alarmAbout(nodeId, deviatesSince));
  }

  /** What somebody must act upon. */
  get alarms(): readonly Alarm[] {
    const alarms = [...this.#alarms.values()];
    return alarms.map(({ nodeId, index, message }) => ({ nodeId, index, message }));
  }

  /** The entry at which this node was found to deviate; 0 where it was not. */
  get deviatesSince(): Index {
    return this.#deviatesSince;
  }

  /** The agreed entry `index` was applied just now, and nothing behind it. */
  agreed(index: Index): void {
    this.#take(index);
  }

  /** Entries were applied: where no more follow for a while, the state is compared as it is. */
  applied(index: Index): void {
    if (this.#timer !== null || this.#isClosed || index <= this.#takenIndex) return;
    this.#armedIndex = index;
    this.#timer = this.#options.clock.setTimer(() => this.#expired(), STATE_HASH_INTERVAL_MS);
  }

  /** A snapshot replaced the state: what this node found of the one before is void. */
  restored(): void {
    for (const told of this.#told.values()) told.delete(this.#options.nodeId);
    this.#takenIndex = 0;
  }

  /** A peer can be told from now on. */
  connected(peer: NodeId): void {
    for (const [index, told] of this.#told) {
      const own = told.get(this.#options.nodeId);
      if (own !== undefined) this.#tell(peer, index, own);
    }
  }

  /** A peer told what its state was. */
  heard(from: NodeId, message: StateHashMessage): void {
    const { index, tables, tablesVersion, machine, machineVersion, deviatesSince } = message;
    if (this.#isClosed || !this.#instances.has(from)) return;
    if (deviatesSince > 0) this.#raise(from, deviatesSince);
    this.#note(index, from, { tables, tablesVersion, machine, machineVersion });
    // Where everybody has come to rest, the state is that after this entry.
    if (index === this.#options.appliedIndex() && index !== this.#takenIndex) this.#take(index);
    else this.#compare(index);
  }

  /** The members have changed: an alarm about a directory that was replaced is over. */
  membersChanged(): void {
    const before = this.#instances;
    this.#noteInstances();
    for (const [about, { nodes }] of this.#alarms) {
      const isOver = [...nodes].some(([id, instanceId]) => this.#instanceOf(id) !== instanceId);
      if (isOver && about !== this.#options.nodeId) this.#alarms.delete(about);
    }
    for (const [id, instanceId] of before) {
      if (this.#instances.get(id) === instanceId) continue;
      for (const told of this.#told.values()) told.delete(id);
    }
  }

  /** Ends. */
  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) this.#options.clock.clearTimer(this.#timer);
  }

  #expired(): void {
    this.#timer = null;
    const index = this.#options.appliedIndex();
    if (index < 0) return;
    if (index === this.#armedIndex) this.#take(index);
    else this.applied(index);
  }

  /** Takes hashes of the state, which is that after entry `index`. */
  #take(index: Index): void {
    if (this.#isClosed) return;
    this.#takenIndex = index;
    const { nodeId, stateHash, consensus, transport } = this.#options;
    const { tables, machine } = stateHash();
    const own: StateHashes = {
      tables,
      tablesVersion: TABLES_VERSION,
      machine: machine?.value ?? 0,
      machineVersion: machine?.version ?? 0,
    };
    this.#note(index, nodeId, own);
    for (const { id } of allMembers(consensus.configuration)) {
      if (id !== nodeId) this.#tell(id, index, own);
    }
    transport.flush();
    // Whoever has not told of the earlier ones by now was waited for long enough.
    for (const told of [...this.#told.keys()]) this.#compare(told);
  }

  #tell(peer: NodeId, index: Index, hashes: StateHashes): void {
    const { transport, consensus } = this.#options;
    const protocol = transport.peerReply(peer)?.protocol ?? 0;
    if (protocol < STATE_HASH_PROTOCOL || !transport.isConnected(peer)) return;
    const { term } = consensus;
    const deviatesSince = this.#deviatesSince;
    transport.send(peer, { type: "stateHash", term, index, ...hashes, deviatesSince }, []);
  }

  #note(index: Index, from: NodeId, hashes: StateHashes): void {
    const told = this.#told.get(index) ?? new Map<NodeId, StateHashes>();
    told.set(from, hashes);
    this.#told.set(index, told);
    if (this.#told.size <= STATE_HASHES_KEPT) return;
    this.#told.delete([...this.#told.keys()].reduce((least, one) => Math.min(least, one)));
  }

  /** Compares what is known of the state after an entry; nothing, where this node is not there. */
  #compare(index: Index): void {
    const told = this.#told.get(index);
    const own = told?.get(this.#options.nodeId);
    if (told === undefined || own === undefined) return;
    const comparable = [...told].filter(([, hashes]) => isComparable(hashes, own));
    const differing = comparable.filter(([, hashes]) => !isSame(hashes, own));
    if (differing.length === 0) return;
    const { consensus, transport } = this.#options;
    const { voters } = consensus.configuration;
    const isRight = (hashes: StateHashes) => {
      const same = voters.filter(({ id }) => {
        const other = told.get(id);
        return other !== undefined && isComparable(other, own) && isSame(other, hashes);
      });
      return same.length >= majority(voters.length);
    };
    const right = comparable.find(([, hashes]) => isRight(hashes))?.[1];
    if (right === undefined) {
      const isPending = voters.some(({ id }) => !told.has(id) && transport.isConnected(id));
      if (isPending && index === this.#takenIndex) return;
      this.#raiseUndecided(index, comparable.map(([id]) => id));
      return;
    }
    for (const [id, hashes] of comparable) if (!isSame(hashes, right)) this.#raise(id, index);
  }

  /** Node `id` deviates. */
  #raise(id: NodeId, index: Index): void {
    if (this.#alarms.has(id)) return;
    this.#alarms.delete(NOBODY);
    this.#add(this.#alarmAbout(id, index));
    if (id !== this.#options.nodeId) return;
    this.#deviatesSince = index;
    this.#options.deviates(index);
  }

  #alarmAbout(id: NodeId, index: Index): RaisedAlarm {
    return {
      nodeId: id,
      index,
      message: deviationMessage(id, index),
      nodes: new Map([[id, this.#instanceOf(id)]]),
    };
  }

  #raiseUndecided(index: Index, ids: readonly NodeId[]): void {
    if (this.#alarms.size > 0) return;
    const nodes = [...ids].sort((a, b) => a - b);
    this.#add({
      nodeId: NOBODY,
      index,
      message: `The states of nodes ${nodes.join(", ")} differ since entry ${index}, and no ` +
        "majority of the voters has the same: find out which is right. At a wrong one, stop it, " +
        'run "raft recover rejoin --force --data DIR", and start it again',
      nodes: new Map(nodes.map((id) => [id, this.#instanceOf(id)])),
    });
  }

  #add(alarm: RaisedAlarm): void {
    this.#alarms.set(alarm.nodeId, alarm);
    const { nodeId, index, message } = alarm;
    this.#options.logger.error("States differ", { node: nodeId, index, reason: message });
    this.#options.raised?.({ nodeId, index, message });
  }

  #noteInstances(): void {
    const members = allMembers(this.#options.consensus.configuration);
    this.#instances = new Map(members.map(({ id, instanceId }) => [id, instanceId]));
  }

  #instanceOf(id: NodeId): InstanceId | "" {
    return this.#instances.get(id) ?? "";
  }
}

/** What is wrong with a node that deviates since the entry `index`, and how to mend it. */
export function deviationMessage(id: NodeId, index: Index): string {
  return `The state of node ${id} differs from that of a majority of the voters since entry ` +
    `${index}: it serves nobody. Stop it, run "raft recover rejoin --data DIR" on its data ` +
    "directory, and start it again";
}

/** The comparison for a driver, of which this takes what it needs. */
export function createStateComparison(
  driver: Pick<StateComparisonOptions, "clock" | "transport" | "consensus"> & {
    readonly states: StateComparisonSettings;
    readonly gate: { stateHash(): GateHash };
    readonly snapshots: { readonly logger: Logger };
  },
  applyLoop: { readonly appliedIndex: Index; readonly isRestoring: boolean },
): StateComparison {
  return new StateComparison({
    ...driver,
    ...driver.states,
    logger: driver.snapshots.logger,
    stateHash: () => driver.gate.stateHash(),
    appliedIndex: () => applyLoop.isRestoring ? -1 : applyLoop.appliedIndex,
  });
}

/** Hashes that programs of different versions make need not be equal. */
function isComparable(one: StateHashes, other: StateHashes): boolean {
  return one.tablesVersion === other.tablesVersion && one.machineVersion === other.machineVersion;
}

function isSame(one: StateHashes, other: StateHashes): boolean {
  return one.tables === other.tables && one.machine === other.machine;
}
