/**
 * Several consensus cores and the network between them, moved by hand: a test says which message
 * arrives, which is lost, which disk has synced and whose timer fires. Safety is checked after
 * every step; see core_checker.ts.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { ChangeOutcome, ReadOutcome } from "../consensus/effects.ts";
import type { Input } from "../consensus/input.ts";
import type { Message } from "../consensus/messages.ts";
import { memberOf } from "../consensus/quorum.ts";
import { EntryKind } from "../types.ts";
import type { Configuration, Index, MemberChange, NodeId, Term } from "../types.ts";
import { CoreChecker } from "./core_checker.ts";
import { configurationOf, entriesOfTerms, membersOf } from "./core_log.ts";
import { CoreNode, type CoreNodeOptions, type CoreObserver } from "./core_node.ts";

/** The most messages that one {@linkcode CoreCluster.stabilize} delivers before it gives up. */
const STABILIZE_MESSAGES_MAX = 100_000;

/** The lines of the trace that are kept. */
const TRACE_LINES_MAX = 400;

/** A message on its way. */
export interface InFlight {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: Message;
}

/** How a cluster starts. */
export interface CoreClusterOptions
  extends
    Pick<CoreNodeOptions, "syncsAtOnce" | "fetchesAtOnce" | "entriesPerMessageMax" | "promiseMs"> {
  /**
   * The nodes 1 to this number, all of them voters unless `configuration` says otherwise: then
   * those that it does not name start with an empty one.
   */
  readonly nodes: number;
  readonly configuration?: Configuration;
  /** The terms of the entries that a node starts with; its current term is the last of them. */
  readonly logs?: Readonly<Record<NodeId, readonly Term[]>>;
}

/** A cluster of cores. */
export class CoreCluster implements CoreObserver {
  readonly nodes = new Map<NodeId, CoreNode>();
  readonly checker: CoreChecker;
  /** Messages on their way, oldest first. */
  inFlight: InFlight[] = [];
  /** Pairs "FROM>TO" whose messages are lost as soon as they are sent. */
  readonly cuts = new Set<string>();
  #trace: (() => string)[] = [];
  #readId = 0;
  #proposals = 0;
  /** How many directories were made beyond the first of each node. */
  #directories = 0;

  /** Starts the nodes as followers. */
  constructor(options: CoreClusterOptions) {
    const ids = Array.from({ length: options.nodes }, (_, position) => position + 1);
    const configuration = options.configuration ?? configurationOf(ids);
    this.checker = new CoreChecker(this.nodes, configuration);
    for (const id of ids) {
      const terms = options.logs?.[id] ?? [];
      const node = new CoreNode({
        ...options,
        id,
        instanceId: membersOf([id])[0]!.instanceId,
        // Who is no member yet waits for a leader to be told of.
        configuration: memberOf(configuration, id) === null ? configurationOf([]) : configuration,
        storage: { currentTerm: terms[terms.length - 1] ?? 0, entries: entriesOfTerms(terms) },
        observer: this,
      });
      for (let index = 1; index <= terms.length; index += 1) this.checker.appended(node, index);
      this.nodes.set(id, node);
    }
  }

  /** The node with this id. */
  node(id: NodeId): CoreNode {
    const node = this.nodes.get(id);
    assert(node !== undefined, () => `there is no node ${id}`);
    return node;
  }

  /** The nodes that run, by ascending id. */
  get nodesUp(): CoreNode[] {
    return [...this.nodes.values()].filter((node) => node.isUp);
  }

  /** The leader of the highest term, if there is one. */
  get leader(): CoreNode | null {
    const leaders = this.nodesUp.filter((node) => node.core.isLeader);
    return leaders.sort((a, b) => b.core.term - a.core.term)[0] ?? null;
  }

  /** Lets a node's election timer expire and everything settle; the node must lead then. */
  elect(id: NodeId): void {
    for (const node of this.nodesUp) {
      if (node.timers.has("leaderContact")) node.fire("leaderContact");
      if (node.timers.has("promise")) node.fire("promise");
    }
    this.node(id).fire("election");
    this.stabilize();
    assert(this.node(id).core.isLeader, () => `node ${id} does not lead`);
  }

  /** Proposes commands at a node, performs what follows, and returns the index of the last. */
  propose(id: NodeId, ...payloads: string[]): Index {
    this.node(id).run(proposalOf(payloads));
    return this.node(id).core.lastIndex;
  }

  /** Proposes one command that no other entry equals; nothing is performed. */
  stepProposal(id: NodeId): void {
    this.#proposals += 1;
    this.node(id).step(proposalOf([`command ${this.#proposals}`]));
  }

  /**
   * Has the members changed by a node, performs what follows, and returns the outcome, or undefined
   * while the change is under way.
   */
  change(
    id: NodeId,
    changes: readonly (Partial<MemberChange> & Pick<MemberChange, "action" | "id">)[],
    force = false,
  ): ChangeOutcome | undefined {
    const source = {};
    const node = this.node(id);
    node.run({ type: "changeMembership", changes: changes.map(memberChange), force, source });
    return node.changes.find((outcome) => outcome.source === source);
  }

  /** Asks for a linearizable read and performs what follows. */
  read(id: NodeId): number {
    const readId = this.stepRead(id);
    this.node(id).perform();
    return readId;
  }

  /** Asks for a linearizable read; nothing is performed. */
  stepRead(id: NodeId): number {
    this.#readId += 1;
    this.checker.readIssued(this.node(id), this.#readId);
    this.node(id).step({ type: "readIndex", readId: this.#readId });
    return this.#readId;
  }

  /** How a read of a node ended, or undefined. */
  outcome(id: NodeId, readId: number): ReadOutcome | undefined {
    return this.node(id).reads.find((outcome) => outcome.readId === readId);
  }

  /** Loses every message between the two, in both directions, until {@linkcode heal}. */
  cut(a: NodeId, b: NodeId): void {
    this.cuts.add(`${a}>${b}`);
    this.cuts.add(`${b}>${a}`);
    this.drop((one) => this.cuts.has(`${one.from}>${one.to}`));
  }

  /** Cuts a node off from all others. */
  isolate(id: NodeId): void {
    for (const other of this.nodes.keys()) if (other !== id) this.cut(id, other);
  }

  /** Ends every cut. */
  heal(): void {
    this.cuts.clear();
  }

  /** Breaks the connection of two nodes: what is on its way is lost and both are told. */
  disconnect(a: NodeId, b: NodeId): void {
    this.drop(({ from, to }) => (from === a && to === b) || (from === b && to === a));
    for (const [id, peer] of [[a, b], [b, a]] as const) {
      const node = this.node(id);
      if (node.isUp) node.run({ type: "connectionLost", peer });
    }
  }

  /** Tells those of `others` that are up that the process of `peer` is gone. */
  tellGone(peer: NodeId, others: readonly NodeId[]): void {
    for (const id of others) {
      const node = this.node(id);
      if (id !== peer && node.isUp) node.run({ type: "peerGone", peer });
    }
  }

  /** Loses messages on their way, all unless told which. */
  drop(which: (one: InFlight) => boolean = () => true): void {
    this.inFlight = this.inFlight.filter((one) => !which(one));
  }

  /** Takes the oldest message of these out of the network. */
  take(which: (one: InFlight) => boolean = () => true): InFlight | undefined {
    const position = this.inFlight.findIndex(which);
    return position < 0 ? undefined : this.inFlight.splice(position, 1)[0];
  }

  /** Delivers the messages that are on their way now, all unless told which. */
  deliver(which: (one: InFlight) => boolean = () => true): void {
    const now = this.inFlight.filter(which);
    this.inFlight = this.inFlight.filter((one) => !which(one));
    for (const one of now) this.hand(one);
  }

  /** Hands a message over; a node that is down loses it. */
  hand({ from, to, message }: InFlight): void {
    const node = this.node(to);
    if (node.isUp) node.receive(from, message);
  }

  /** Syncs, fetches and delivers until nothing is under way. Timers do not fire. */
  stabilize(): void {
    let delivered = 0;
    for (;;) {
      for (const node of this.nodesUp) settle(node);
      if (this.inFlight.length === 0) break;
      delivered += this.inFlight.length;
      assert(delivered <= STABILIZE_MESSAGES_MAX, "the messages never end");
      this.deliver();
    }
  }

  /** Lets the leader send heartbeats, and everything settle. */
  heartbeat(id: NodeId): void {
    this.node(id).fire("heartbeat");
    this.stabilize();
  }

  /** Stops a node; see {@linkcode CoreNode.crash}. */
  crash(id: NodeId, options: Parameters<CoreNode["crash"]>[0] = {}): void {
    this.note(() => `${id} crashes ${JSON.stringify(options)}`);
    this.node(id).crash(options);
    this.checker.crashed(this.node(id));
  }

  /** Starts a node again. */
  restart(id: NodeId): void {
    this.note(() => `${id} restarts`);
    this.node(id).restart();
  }

  /**
   * Whether a node is a member by what is committed, or may become one as what it is now by what is
   * in a log or on its way: then its data must not be lost.
   */
  isNeeded(node: CoreNode): boolean {
    const { length: committed } = this.checker.committed;
    return this.checker.needs(node) ||
      this.inFlight.some(({ message }) =>
        message.type === "appendEntriesRequest" &&
        message.entries?.configurations.some(({ index, configuration }) =>
            index > committed && memberOf(configuration, node.id) !== null
          ) === true
      );
  }

  /** Stops a node for good, and starts another one under its id on an empty directory. */
  startAnew(id: NodeId): void {
    const node = this.node(id);
    if (node.isUp) this.crash(id);
    this.#directories += 1;
    this.checker.startsAnew(node);
    node.startAnew(`${this.#directories}`.padStart(32, "d"));
    this.note(() => `${id} starts anew as ${node.instanceId}`);
  }

  /** Adds a line to the trace. */
  note(line: () => string): void {
    this.#trace.push(line);
    if (this.#trace.length > 2 * TRACE_LINES_MAX) this.#trace = this.#trace.slice(TRACE_LINES_MAX);
  }

  /** The last lines of the trace, for people. */
  trace(linesMax: number = TRACE_LINES_MAX): string {
    return this.#trace.slice(-linesMax).map((line) => line()).join("\n");
  }

  /** Puts a message into the network. */
  sent(node: CoreNode, to: NodeId, message: Message): void {
    const from = node.id;
    this.note(() => `${from} sends to ${to}: ${describe(message)}`);
    this.checker.sent(node, to, message);
    if (!this.cuts.has(`${from}>${to}`)) this.inFlight.push({ from, to, message });
  }

  /** Passes on to the checker. */
  appended(node: CoreNode, index: Index): void {
    this.checker.appended(node, index);
  }

  /** Passes on to the checker. */
  installed(node: CoreNode): void {
    this.checker.installed(node);
  }

  /** Passes on to the checker. */
  applied(node: CoreNode, index: Index): void {
    this.checker.applied(node, index);
  }

  /** Passes on to the checker. */
  readEnded(node: CoreNode, outcome: ReadOutcome): void {
    this.checker.readEnded(node, outcome);
  }

  /** Notes the step and passes it on to the checker. */
  stepped(node: CoreNode, input: Input): void {
    const { core } = node;
    const role = core.isLeader ? "leads" : `follows ${core.leaderId}`;
    const state = `${role} in ${core.term}, last ${core.lastIndex}, commit ${core.commitIndex}`;
    this.note(() => `${node.id} takes ${describeInput(input)}: ${state}`);
    this.checker.stepped(node, input);
  }

  /** Passes on to the checker. */
  performed(node: CoreNode): void {
    this.checker.performed(node);
  }
}

/** A change of a member, at its made-up address. */
export function memberChange(
  change: Partial<MemberChange> & Pick<MemberChange, "action" | "id">,
): MemberChange {
  const { address, instanceId } = membersOf([change.id])[0]!;
  return change.action.startsWith("add")
    ? { address, instanceId, ...change }
    : { address: "", instanceId: "", ...change };
}

/** Commands as an input. */
export function proposalOf(payloads: readonly string[]): Input {
  const { length: count } = payloads;
  return { type: "propose", kind: EntryKind.command, count, bytes: count, source: payloads };
}

/** Completes what a node's disk owes. */
function settle(node: CoreNode): void {
  for (;;) {
    if (node.fetches.length > 0) node.stepFetch();
    else if (node.snapshotSends.length > 0) node.stepSnapshotSend();
    else if (node.receptions.length > 0) node.stepReception();
    else if (node.unsyncedCount > 0) node.stepSync();
    else return;
    node.perform();
  }
}

function describeInput(input: Input): string {
  if (input.type === "snapshotReceived") return `snapshot ${input.snapshot.lastIncludedIndex}`;
  if (input.type !== "message") return JSON.stringify(input);
  return `from ${input.from}: ${describe(input.message)}`;
}

function describe(message: Message): string {
  const { type, ...fields } = message;
  const parts = Object.entries(fields).map(([name, value]) => {
    if (name === "snapshot") return "";
    if (name !== "entries" || value === null) return `${name} ${value}`;
    const slice = value as { firstIndex: Index; lastIndex: Index };
    return `entries ${slice.firstIndex} to ${slice.lastIndex}`;
  });
  return `${type} ${parts.join(", ")}`;
}
