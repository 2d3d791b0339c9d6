/**
 * A cluster of whole nodes in a simulated world: the same `Raft`, segmented log, transport and
 * key-value store as in production, each on a machine of its own.
 *
 * A node that stops by itself is started again after a while, as a service manager does it; one
 * that refuses its data after bits of it have rotted stays down until they are put right.
 *
 * @module
 */
import { AssertionError } from "../assert.ts";
import type { SoftState } from "../consensus/effects.ts";
import type { Tracer } from "../consensus/tracing.ts";
import { BadDataError, DeniedError } from "../errors.ts";
import { NoRoomError } from "../log/no_room_error.ts";
import { verifyDirectory } from "../log/offline/verify_directory.ts";
import { NoRoomToKeepError, rejoinDirectory } from "../log/rejoin_directory.ts";
import { type RunningNode, startNode } from "../node/node.ts";
import type { ClusterFormation } from "../raft/raft_options.ts";
import type { StateMachine } from "../state_machine/state_machine.ts";
import type { Address, NodeId } from "../types.ts";
import type { Alarm } from "../wire/client_messages.ts";
import { SafetyCheckers } from "./checkers/safety_checkers.ts";
import type { ObservedLog } from "./checkers/observations.ts";
import { PropertyViolation } from "./checkers/property_violation.ts";
import { NodeRules } from "./node_rules.ts";
import { NodeWatch } from "./node_watch.ts";
import type { CrashKind } from "./simulated_process.ts";
import { SimulatedMembers } from "./simulated_members.ts";
import type { SimulatedMachine, SimulatedRuntime, SimulatedWorld } from "./simulated_runtime.ts";
import { TappedObserver } from "./tapped_observer.ts";
import type { Timeline } from "./timeline.ts";

/** How a cluster is made. */
export interface SimulatedClusterOptions {
  readonly world: SimulatedWorld;
  readonly nodeCount: number;
  readonly heartbeatMs?: number;
  readonly electionTimeoutMs?: number;
  readonly segmentBytes?: number;
  readonly snapshotEvery?: number;
  readonly trailingEntries?: number;
  readonly appendBytesMax?: number;
  readonly tailCacheBytesMax?: number;
  readonly leaseReads?: boolean;
  /** Makes the state machine of a node; the key-value store unless told otherwise. */
  readonly createMachine?: (id: NodeId) => StateMachine;
  /** Takes a line for each start, end and change of role; nothing unless given. */
  readonly timeline?: Timeline;
  /** Takes the transitions of all cores; nothing unless given. */
  readonly tracer?: Tracer | undefined;
}

const PORT = 7238;

/** How long a node that stopped by itself stays down, in milliseconds. */
const RESTART_PAUSE_MS = 500;

/** A byte of a file that is not as it was written. */
export interface Rot {
  readonly path: string;
  readonly offset: number;
  readonly mask: number;
  /** Whether it left a zero: it may look as if it had never been written, and so hide a loss. */
  readonly mayHide: boolean;
}

/** A node and its machine. */
export interface SimulatedNode {
  readonly id: NodeId;
  readonly machine: SimulatedMachine;
  /** Where it keeps its data: another place after it was removed, for it must forget them. */
  dataPath: string;
  readonly watch: NodeWatch;
  readonly rules: NodeRules;
  /** The node of this life, once it listens. */
  running: RunningNode | null;
  /** The node was started and neither crashed nor stopped since. */
  up: boolean;
  /** Why the node stopped by itself the last time, or null. */
  lastError: Error | null;
  /** It was removed from the cluster, and stays down until it is started anew. */
  removed: boolean;
  /** What has rotted on its disk and was not put right, or null. */
  rot: Rot | null;
  /** What it has promised may be lost, and it is not a voter again. */
  lost: boolean;
  /** An operator is at work on its machine. */
  inRepair: boolean;
}

/** Is told what nodes do; acts on it by events of the world only, never at once. */
export interface ClusterTap {
  /** A node appended records. */
  readonly appended?: (node: SimulatedNode) => void;
  /** A node changed role, term or leader. */
  readonly roleChanged?: (node: SimulatedNode, state: SoftState) => void;
  /** The process of a node has ended, whoever ended it. */
  readonly crashed?: (node: SimulatedNode) => void;
}

/** Nodes that form one cluster. */
export class SimulatedCluster {
  readonly nodes: readonly SimulatedNode[];
  readonly members: SimulatedMembers;
  readonly checkers = new SafetyCheckers();
  /** What was found wrong: broken properties, failed assertions, data that is refused unharmed. */
  readonly defects: unknown[] = [];
  /** What nodes found that compared their states. */
  readonly alarms: Alarm[] = [];
  /** Those who are told what nodes do. */
  readonly taps = new Set<ClusterTap>();
  readonly #options: SimulatedClusterOptions;
  /** How many directories were made beyond the first of each node. */
  #directories = 0;

  /** Creates machines that run nothing. */
  constructor(options: SimulatedClusterOptions) {
    this.#options = options;
    this.nodes = Array.from({ length: options.nodeCount }, (_, i) => this.#createNode(i + 1));
    this.members = new SimulatedMembers(options.world, this);
  }

  /** Whether reads may rest on clocks. */
  get leaseReads(): boolean {
    return this.#options.leaseReads === true;
  }

  /** The addresses of the nodes. */
  get addresses(): Address[] {
    return this.nodes.map(({ id }) => addressOf(id));
  }

  /** Where a node listens. */
  addressOf(id: NodeId): Address {
    return addressOf(id);
  }

  /** The leader with the latest term, if any node leads. */
  get leader(): SimulatedNode | null {
    let leader: SimulatedNode | null = null;
    let term = 0;
    for (const node of this.nodes) {
      const status = node.up ? node.running?.status() : undefined;
      if (status?.role !== "leader" || status.term <= term) continue;
      term = status.term;
      leader = node;
    }
    return leader;
  }

  /** Whether every node has the first entry that a leader wrote: formation needs all of them. */
  get hasFormed(): boolean {
    return this.nodes.every((node) => node.watch.lastIndex >= 2);
  }

  /** How many nodes more may be out of action for good, counted over the whole run. */
  get spareCount(): number {
    const spare = Math.floor((this.nodes.length - 1) / 2);
    const rotten = this.nodes.filter(({ rot }) => rot !== null).length;
    return spare - rotten - this.members.missingCount;
  }

  /** Starts every node that is down, but for those that stay down: see {@linkcode staysDown}. */
  startAll(): void {
    for (const node of this.nodes) {
      if (!node.up && !staysDown(node)) this.start(node);
    }
  }

  /** Starts a node that was removed with an empty directory: it asks the others to take it in. */
  startAnew(id: NodeId): void {
    const node = this.nodes.find((one) => one.id === id);
    if (node === undefined || node.up) return;
    node.removed = false;
    // What rotted is in the directory that it leaves.
    node.rot = null;
    node.rules.startAnew();
    node.dataPath = `${DATA_PATH}-${this.#directories += 1}`;
    this.#note(`node ${id} joins anew`);
    this.start(node);
  }

  /** Sets the directory of a node that refuses it up anew, as `raft recover rejoin` does. */
  async setUpAnew({ dataPath: path }: SimulatedNode, runtime: SimulatedRuntime): Promise<void> {
    const { segmentBytes } = this.#options;
    // Many units are read without a call to the disk: the scheduler must see that it goes on.
    const onProgress = () => void runtime.process.schedule(() => {}, 0);
    const { problems } = await verifyDirectory(runtime, path, { isThorough: true, onProgress });
    const size = segmentBytes === undefined ? {} : { segmentBytes };
    const options = { path, isNeeded: problems.length > 0, onProgress, ...size };
    try {
      await rejoinDirectory(runtime, options);
    } catch (error) {
      if (!(error instanceof NoRoomToKeepError)) throw error;
      await rejoinDirectory(runtime, { ...options, keepsNothing: true });
    }
  }

  /** Starts a node whose directory was set up anew: the others take it for another instance. */
  startRejoined(node: SimulatedNode): void {
    node.rot = null;
    node.rules.startAnew();
    this.members.lose(node.id);
    this.#note(`node ${node.id} rejoins`);
    this.start(node);
  }

  /** Whether the directory that a node runs on is the voter that the leader's log knows. */
  isSeated(id: NodeId): boolean {
    const node = this.nodes.find((one) => one.id === id);
    const known = this.leader?.watch.configuration?.voters.find((voter) => voter.id === id);
    return known !== undefined && node?.rot === null && known.instanceId === node.rules.instanceId;
  }

  /** Starts a node on what its disk holds. */
  start(node: SimulatedNode): void {
    const { heartbeatMs, electionTimeoutMs, segmentBytes, appendBytesMax } = this.#options;
    const { snapshotEvery, trailingEntries, leaseReads, tracer } = this.#options;
    const { tailCacheBytesMax, createMachine } = this.#options;
    const runtime = node.machine.boot();
    node.up = true;
    node.lastError = null;
    // A fault of the disk may end the machine without this cluster's doing.
    runtime.process.onCrash(() => {
      node.up = false;
      node.running = null;
      node.rules.ended();
      for (const tap of [...this.taps]) tap.crashed?.(node);
    });
    this.#note(`node ${node.id} starts`);
    startNode(runtime, {
      nodeId: node.id,
      dataPath: node.dataPath,
      listen: { host: machineName(node.id), port: PORT },
      formation: this.#formation(node),
      observer: this.#observer(node, runtime),
      ...(tracer === undefined ? {} : { tracer }),
      ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
      ...(electionTimeoutMs === undefined ? {} : { electionTimeoutMs }),
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
      ...(snapshotEvery === undefined ? {} : { snapshotEvery }),
      ...(trailingEntries === undefined ? {} : { trailingEntries }),
      ...(appendBytesMax === undefined ? {} : { appendBytesMax }),
      ...(tailCacheBytesMax === undefined ? {} : { tailCacheBytesMax }),
      ...(leaseReads === undefined ? {} : { leaseReads }),
      ...(createMachine === undefined ? {} : { stateMachine: createMachine(node.id) }),
    }).then((running) => {
      if (node.machine.runtime !== runtime) return;
      node.running = running;
      void running.stopped.then(({ error }) => {
        if (node.machine.runtime !== runtime) return;
        this.#checkRoom(node, running, error);
        this.#stopped(node, error);
      });
    }, (error) => {
      if (node.machine.runtime === runtime) this.#stopped(node, error);
    });
  }

  /** Ends a node without a word: its process, or the whole machine. */
  crash(node: SimulatedNode, kind: CrashKind): void {
    node.up = false;
    node.running = null;
    node.machine.crash(kind);
  }

  /** Starts a node after a while, if nothing else has started it by then. */
  startAfter(node: SimulatedNode, delayMs: number): void {
    this.#options.world.scheduler.schedule(() => {
      if (!node.up && !staysDown(node)) this.start(node);
    }, delayMs);
  }

  /** The logs of these nodes, or of all. */
  logs(nodes: readonly SimulatedNode[] = this.nodes): Map<NodeId, ObservedLog> {
    return new Map(nodes.map((node) => [node.id, node.watch.log]));
  }

  #createNode(id: NodeId): SimulatedNode {
    const { world } = this.#options;
    const { checkers } = this;
    const eventCount = () => world.scheduler.eventCount;
    const watch = new NodeWatch(id, checkers, eventCount);
    const rules = new NodeRules({
      nodeId: id,
      checkers,
      watch,
      nowMs: () => world.scheduler.nowMs,
      eventCount,
      configurationIndex: () => node.running?.status().configurationIndex ?? null,
      commitIndex: () => node.running?.status().commitIndex ?? null,
    });
    const node: SimulatedNode = {
      id,
      machine: world.addMachine(machineName(id)),
      dataPath: DATA_PATH,
      watch,
      rules,
      running: null,
      up: false,
      lastError: null,
      removed: false,
      rot: null,
      lost: false,
      inRepair: false,
    };
    return node;
  }

  #formation(node: SimulatedNode): ClusterFormation {
    if (node.dataPath === DATA_PATH) {
      return { kind: "peers", peers: this.nodes.map(({ id }) => ({ id, address: addressOf(id) })) };
    }
    const endpoints = this.nodes.filter((other) => other !== node).map(({ id }) => addressOf(id));
    return { kind: "join", endpoints, learner: false };
  }

  #observer(node: SimulatedNode, runtime: SimulatedRuntime): TappedObserver {
    return new TappedObserver(node.watch, {
      alive: () => runtime.process.alive,
      found: (error) => this.defects.push(error),
      opened: (hardState, instanceId) => {
        node.rules.opened(hardState, instanceId, node.rot?.mayHide !== true);
      },
      said: (message, to) => node.rules.said(message, to),
      sentEntries: (message) => node.rules.sentEntries(message),
      truncated: (lastIndexKept) => node.rules.truncated(lastIndexKept),
      installed: (lastIncludedIndex) => {
        this.#note(`node ${node.id} installs a snapshot of index ${lastIncludedIndex}`);
        node.rules.installed(lastIncludedIndex);
      },
      appended: () => {
        node.rules.appended();
        for (const tap of [...this.taps]) tap.appended?.(node);
      },
      syncBegins: () => node.rules.syncBegins(),
      syncCompletes: () => node.rules.syncCompletes(),
      committed: (index) => node.rules.committed(index),
      alarmed: (alarm) => this.#alarmed(node, alarm),
      roleChanged: (state) => {
        this.#note(`node ${node.id} is ${describeRole(state)}`);
        for (const tap of [...this.taps]) tap.roleChanged?.(node, state);
        node.rules.roleChanged(state);
      },
    });
  }

  /** States differ, which only a machine that was made to can explain. */
  #alarmed(node: SimulatedNode, alarm: Alarm): void {
    this.#note(`node ${node.id} raises an alarm: ${alarm.message}`);
    this.alarms.push(alarm);
    if (this.#options.createMachine !== undefined) return;
    this.defects.push(new PropertyViolation("State comparison", alarm.message));
  }

  #stopped(node: SimulatedNode, error: Error | null): void {
    this.#note(`node ${node.id} stops: ${error?.message ?? "asked to"}`);
    if (isDefect(error)) this.defects.push(error);
    if (error instanceof BadDataError && node.rot === null) {
      const message = `node ${node.id} refuses data that nothing has rotted: ${error.message}`;
      this.defects.push(new PropertyViolation("Recovery", message));
    }
    node.lastError = error;
    node.removed = error instanceof DeniedError && error.message.includes("was removed from");
    this.crash(node, "kill");
    this.startAfter(node, RESTART_PAUSE_MS);
  }

  /** A node that takes part bears a full disk; one that makes its directory needs the room. */
  #checkRoom(node: SimulatedNode, running: RunningNode, error: Error | null): void {
    if (!(error instanceof NoRoomError) || running.status().configurationIndex === 0) return;
    const message = `a full disk ended node ${node.id}: ${error.message}`;
    this.defects.push(new PropertyViolation("Room", message));
  }

  #note(text: string): void {
    this.#options.timeline?.add(text);
  }
}

/** Where a node keeps its data on its machine at first. */
const DATA_PATH = "data";

/** Whether a node is down because of what has rotted on its disk. */
export function isRefusing(node: SimulatedNode): boolean {
  return !node.up && node.rot !== null && node.lastError instanceof BadDataError;
}

/** Whether only something that is done on purpose starts a node again. */
function staysDown(node: SimulatedNode): boolean {
  return node.removed || node.inRepair || isRefusing(node);
}

/** The machine of a node. */
export function machineName(id: NodeId): string {
  return `node-${id}`;
}

function addressOf(id: NodeId): Address {
  return `${machineName(id)}:${PORT}`;
}

/** An error that no fault of the world explains, or one that comes of such an error. */
function isDefect(error: unknown): boolean {
  if (error instanceof Error && error.cause !== undefined && isDefect(error.cause)) return true;
  return error instanceof AssertionError || error instanceof PropertyViolation ||
    error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

function describeRole({ role, term, leaderId }: SoftState): string {
  if (role !== "follower") return `${role} of term ${term}`;
  return leaderId === null ? `follower in term ${term}` : `follower of ${leaderId} in term ${term}`;
}
