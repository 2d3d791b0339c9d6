/**
 * Thousands of random steps of a cluster of cores, from one seed, with every safety property
 * checked after each; then the faults stop, and the cluster must work again.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Timer } from "../consensus/input.ts";
import { allMembers } from "../consensus/quorum.ts";
import type { MemberAction, MemberChange, NodeId } from "../types.ts";
import { CoreClock, ELECTION_TIMEOUT_TICKS } from "./core_clock.ts";
import { CoreCluster, type InFlight, memberChange } from "./core_cluster.ts";
import { configurationOf } from "./core_log.ts";
import type { CoreNode } from "./core_node.ts";
import { Prng } from "./prng.ts";

/** How long a healed cluster may take; an election seldom needs more than two rounds. */
const RECOVERY_TICKS_MAX = 20 * ELECTION_TIMEOUT_TICKS;

/** The settings of a {@linkcode runCores}. */
export interface CoreRunOptions {
  readonly seed: number | string;
  readonly nodes: number;
  readonly steps: number;
  /**
   * `connections`: messages between two nodes keep their order, and are lost with their connection
   * only, as over TCP. `datagrams`: they are reordered, repeated and lost one by one.
   */
  readonly network: "connections" | "datagrams";
  /** Members come and go: two more nodes wait to be added, and any may be removed or demoted. */
  readonly members?: boolean;
  /** Those that are removed come back on empty directories, while messages are long under way. */
  readonly replacements?: boolean;
  /** Nodes take snapshots and compact their logs, so that followers need snapshots. */
  readonly snapshots?: boolean;
}

/** What a run did, so that a test can tell that it did something. */
export interface CoreRunReport {
  readonly terms: number;
  readonly committed: number;
  readonly crashes: number;
  /** Transfers of leadership after which another node led. */
  readonly transfers: number;
  readonly readsServed: number;
  /** How many times a snapshot replaced a log. */
  readonly installations: number;
  /** How many members came back on another data directory. */
  readonly replacements: number;
  /** How many configurations were committed. */
  readonly configurations: number;
  readonly recoveryTicks: number;
}

/** Runs one seed; throws an assertion where a property breaks, with the trace in its message. */
export function runCores(options: CoreRunOptions): CoreRunReport {
  const run = new CoreRun(options);
  try {
    return run.run();
  } catch (cause) {
    const { seed, nodes, steps, network } = options;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `Seed ${seed}, ${nodes} nodes, ${steps} steps, ${network}: ${reason}\n` +
        `The last lines of the trace:\n${run.cluster.trace(60)}\n${reason}`,
      { cause },
    );
  }
}

const timerWeights: Record<Timer, number> = {
  heartbeat: 12,
  commitNotice: 6,
  leaderContact: 4,
  succession: 3,
  election: 3,
  quorum: 1,
  promise: 3,
  transfer: 1,
};

/** Nodes beyond the first voters, in a run in which the members change. */
const SPARE_NODES = 2;

const memberActions: readonly MemberAction[] = [
  "add",
  "add",
  "addLearner",
  "promote",
  "demote",
  "remove",
];

class CoreRun {
  readonly cluster: CoreCluster;
  readonly #options: CoreRunOptions;
  readonly #prng: Prng;
  /** Nodes with effects that were not performed. */
  readonly #pending = new Set<CoreNode>();
  readonly #actions: readonly (readonly [weight: number, action: () => void])[];
  #crashes = 0;
  #replacements = 0;
  /** Pairs "FROM>TO" whose messages take long. */
  readonly #slow = new Set<string>();
  /** How much goes wrong differs from run to run. */
  readonly #faultRate: number;

  constructor(options: CoreRunOptions) {
    this.#options = options;
    this.#prng = new Prng(options.seed);
    this.#faultRate = this.#prng.pick([0.1, 0.4, 1, 2]);
    const voters = Array.from({ length: options.nodes }, (_, position) => position + 1);
    this.cluster = new CoreCluster({
      nodes: options.nodes + (options.members === true ? SPARE_NODES : 0),
      configuration: configurationOf(voters),
      syncsAtOnce: false,
      fetchesAtOnce: false,
      entriesPerMessageMax: this.#prng.pick([1, 2, 5, Infinity]),
      promiseMs: this.#prng.pick([0, 1_000]),
    });
    const faults = this.#faultRate;
    const datagrams = options.network === "datagrams" ? faults : 0;
    this.#actions = [
      [60, () => this.#deliver()],
      [14, () => this.#fetch()],
      [14, () => this.#sync()],
      [10, () => this.#perform()],
      [8, () => this.#fire()],
      [6, () => this.#propose()],
      [3, () => this.#read()],
      [0.3, () => this.#transfer()],
      [0.3 * faults, () => this.#stall()],
      [3 * datagrams, () => this.#lose()],
      [2 * datagrams, () => this.#repeat()],
      [0.6 * faults, () => this.#disconnect()],
      [0.3 * faults, () => this.#cut()],
      [0.3 * faults, () => this.#heal()],
      [0.25 * faults, () => this.#crash()],
      [0.6 * faults, () => this.#restart()],
      [options.members === true ? 2 : 0, () => this.#changeMembers()],
      [options.replacements === true ? 1.5 : 0, () => this.#remove()],
      [options.replacements === true ? 3 : 0, () => this.#startAnew()],
      [options.replacements === true ? 3 : 0, () => this.#takeIn()],
      [options.replacements === true ? 1 : 0, () => this.#slowDown()],
      [options.snapshots === true ? 3 : 0, () => this.#compact()],
      [options.snapshots === true ? 10 : 0, () => this.#sendSnapshot()],
      [options.snapshots === true ? 10 : 0, () => this.#receiveSnapshot()],
    ];
  }

  run(): CoreRunReport {
    for (let step = 0; step < this.#options.steps; step += 1) this.#weighed(this.#actions)();
    const recoveryTicks = this.#recover();
    const nodes = this.cluster.nodesUp;
    return {
      terms: Math.max(...nodes.map((node) => node.core.term)),
      committed: this.cluster.checker.committed.length,
      crashes: this.#crashes,
      transfers: nodes.flatMap((node) => node.transfers).filter(({ failure }) => failure === null)
        .length,
      readsServed: nodes.flatMap((node) => node.reads).filter((read) => read.readIndex !== null)
        .length,
      installations: this.cluster.checker.installations,
      replacements: this.#replacements,
      configurations: this.cluster.checker.committed
        .filter((entry) => entry.configuration !== undefined).length,
      recoveryTicks,
    };
  }

  /** No more faults: within some election timeouts everything works at every node. */
  #recover(): number {
    const { cluster } = this;
    cluster.note(() => "the faults stop");
    this.#heal();
    for (const node of cluster.nodes.values()) {
      if (!node.isUp) cluster.restart(node.id);
      else node.perform();
    }
    this.#pending.clear();
    const clock = new CoreClock(cluster, this.#prng.fork("recovery"));
    const ticksMax = RECOVERY_TICKS_MAX;
    // What is on its way arrives, and with it perhaps the request to stand for election.
    clock.tick();
    clock.runUntil(() => cluster.leader !== null && this.#allFollow(cluster.leader), {
      ticksMax,
      what: "all nodes follow one leader",
    });
    const leader = cluster.leader!;
    const index = cluster.propose(leader.id, "the last command");
    const members = allMembers(leader.core.configuration).map(({ id }) => cluster.node(id));
    const reads = members.map(({ id }) => ({ id, readId: cluster.read(id) }));
    clock.runUntil(() => members.every((node) => node.appliedIndex >= index), {
      ticksMax,
      what: `every node applies ${index}`,
    });
    clock.runUntil(() => reads.every(({ id, readId }) => cluster.outcome(id, readId)), {
      ticksMax,
      what: "every read ends",
    });
    assert(cluster.leader === leader, () => `the leader changes from ${leader.id} without a fault`);
    this.#checkReads(new Set(members));
    return clock.now;
  }

  /** Every member follows, and no change of the members is under way that may end leadership. */
  #allFollow(leader: CoreNode): boolean {
    // A leader that hands over takes no commands.
    if (leader.core.status().transferTarget !== null) return false;
    // What it asked for before it gave up is still on its way.
    if (this.cluster.inFlight.some(({ message }) => message.type === "timeoutNow")) return false;
    const { latest, committed } = leader.core.membership;
    const { configuration } = latest;
    if (committed !== latest || configuration.votersOld.length > 0) return false;
    if (configuration.promotions.length > 0) return false;
    return allMembers(configuration).every(({ id }) => {
      const { core } = this.cluster.node(id);
      return core.term === leader.core.term && core.leaderId === leader.id;
    });
  }

  /** A datagram that carried a read may be lost for ever; a connection that breaks is told. */
  #checkReads(members: ReadonlySet<CoreNode>): void {
    if (this.#options.network === "datagrams") return;
    // Who is no member may wait for a leader that does not know it.
    const readNames = this.cluster.checker.readNames.filter((name) =>
      members.has(this.cluster.node(Number(name.split("/")[0])))
    );
    assert(readNames.length === 0, () => `these reads never ended: ${readNames.join(", ")}`);
  }

  #weighed<Choice>(choices: readonly (readonly [weight: number, choice: Choice])[]): Choice {
    const total = choices.reduce((sum, [weight]) => sum + weight, 0);
    let drawn = this.#prng.fraction() * total;
    for (const [weight, choice] of choices) {
      drawn -= weight;
      if (drawn < 0) return choice;
    }
    return choices[0]![1];
  }

  /** Several inputs may be stepped before their effects are performed as one record. */
  #settle(node: CoreNode): void {
    if (this.#prng.chance(0.8)) {
      this.#pending.delete(node);
      node.perform();
    } else this.#pending.add(node);
  }

  #pickUp(which: (node: CoreNode) => boolean = () => true): CoreNode | null {
    const nodes = this.cluster.nodesUp.filter(which);
    return nodes.length === 0 ? null : this.#prng.pick(nodes);
  }

  #deliver(): void {
    const { cluster } = this;
    if (cluster.inFlight.length === 0) return;
    const picked = this.#prng.pick(cluster.inFlight);
    if (this.#slow.has(`${picked.from}>${picked.to}`) && this.#prng.chance(0.95)) return;
    const message = this.#options.network === "datagrams"
      ? cluster.take((one) => one === picked)
      : cluster.take(samePair(picked));
    this.#hand(message!);
  }

  #hand({ from, to, message }: InFlight): void {
    const node = this.cluster.node(to);
    if (!node.isUp) return;
    node.step({ type: "message", from, message });
    this.#settle(node);
  }

  #lose(): void {
    if (this.cluster.inFlight.length === 0) return;
    const picked = this.#prng.pick(this.cluster.inFlight);
    this.cluster.drop((one) => one === picked);
  }

  #repeat(): void {
    if (this.cluster.inFlight.length > 0) this.#hand(this.#prng.pick(this.cluster.inFlight));
  }

  #fetch(): void {
    const node = this.#pickUp((one) => one.fetches.length > 0);
    if (node === null) return;
    // An entry that the core has appended is in the log once its effects are performed.
    node.perform();
    this.#pending.delete(node);
    if (node.fetches.length === 0) return;
    const isCut = this.cluster.cuts.has(`${node.id}>${node.fetches[0]!.to}`);
    node.stepFetch(isCut && this.#prng.chance(0.5));
    this.#settle(node);
  }

  /** Takes a snapshot, and removes some of what it covers: all, or as much as harms nobody. */
  #compact(): void {
    const node = this.#pickUp((one) => one.appliedIndex > one.baseIndex);
    if (node === null) return;
    const covered = node.storage.snapshot?.lastIncludedIndex ?? 0;
    if (node.appliedIndex > covered && this.#prng.chance(0.8)) node.takeSnapshot();
    const snapshotIndex = node.storage.snapshot?.lastIncludedIndex ?? 0;
    const bound = this.#prng.chance(0.5) ? snapshotIndex : node.core.compactableIndex;
    const indexMax = Math.min(node.appliedIndex, snapshotIndex, bound);
    if (indexMax <= node.baseIndex) return;
    node.stepCompaction(this.#prng.range(node.baseIndex + 1, indexMax));
    this.#settle(node);
  }

  #sendSnapshot(): void {
    const node = this.#pickUp((one) => one.snapshotSends.length > 0);
    if (node === null) return;
    const isCut = this.cluster.cuts.has(`${node.id}>${node.snapshotSends[0]!.to}`);
    node.stepSnapshotSend(isCut && this.#prng.chance(0.5));
    this.#settle(node);
  }

  #receiveSnapshot(): void {
    const node = this.#pickUp((one) => one.receptions.length > 0);
    if (node === null) return;
    node.stepReception();
    this.#settle(node);
  }

  #sync(): void {
    const node = this.#pickUp((one) => one.unsyncedCount > 0);
    if (node === null) return;
    node.stepSync(this.#prng.range(1, node.unsyncedCount));
    this.#settle(node);
  }

  #perform(): void {
    for (const node of [...this.#pending]) {
      this.#pending.delete(node);
      if (node.isUp) node.perform();
    }
  }

  #fire(): void {
    const node = this.#pickUp();
    if (node === null || node.timers.size === 0) return;
    const timers = [...node.timers.keys()].map((timer) => [timerWeights[timer], timer] as const);
    node.step({ type: "timer", timer: this.#weighed(timers) });
    this.#settle(node);
  }

  #propose(): void {
    const node = this.#pickUp((one) => one.core.isLeader);
    if (node === null) return;
    this.cluster.stepProposal(node.id);
    this.#settle(node);
  }

  #read(): void {
    const node = this.#pickUp();
    if (node === null) return;
    this.cluster.stepRead(node.id);
    this.#settle(node);
  }

  /** Leadership is to go to any node, or to the one that is furthest. */
  #transfer(): void {
    const node = this.#pickUp((one) => one.core.isLeader || this.#prng.chance(0.1));
    if (node === null) return;
    const target = this.#prng.pick([null, ...this.cluster.nodes.keys()]);
    node.step({ type: "transferLeadership", target, source: null });
    this.#settle(node);
  }

  /** A sync takes longer than a driver waits. */
  #stall(): void {
    const node = this.#pickUp((one) => one.unsyncedCount > 0);
    if (node === null) return;
    node.step({ type: "storageStalled" });
    this.#settle(node);
  }

  /** One to three changes at once, of any nodes; whatever is not possible is refused. */
  #changeMembers(): void {
    const node = this.#pickUp((one) => one.core.isLeader);
    if (node === null) return;
    const ids = this.#prng.shuffle([...this.cluster.nodes.keys()]);
    const changes = ids.slice(0, this.#prng.range(1, 3)).map((id) =>
      this.#changeOf(id, this.#prng.pick(memberActions))
    );
    const force = this.#prng.chance(0.3);
    node.step({ type: "changeMembership", changes, force, source: null });
    this.#settle(node);
  }

  /** Removes some members at once, whatever quorum is left. */
  #remove(): void {
    const leader = this.#pickUp((one) => one.core.isLeader);
    if (leader === null) return;
    const members = allMembers(leader.core.configuration).map(({ id }) => id);
    const ids = this.#prng.shuffle(members.filter((id) => id !== leader.id));
    const gone = ids.slice(0, this.#prng.range(1, 2));
    const changes = gone.map((id) => this.#changeOf(id, "remove"));
    leader.step({ type: "changeMembership", changes, force: true, source: null });
    this.#settle(leader);
  }

  /** One that was removed forgets everything; what it said may be under way still. */
  #startAnew(): void {
    const gone = [...this.cluster.nodes.values()].filter((node) =>
      node.log.length > 0 && !this.cluster.isNeeded(node)
    );
    if (gone.length === 0) return;
    const node = this.#prng.pick(gone);
    this.#pending.delete(node);
    this.cluster.startAnew(node.id);
    this.#replacements += 1;
  }

  /** A node that is no member is added, as what it is now. */
  #takeIn(): void {
    const leader = this.#pickUp((one) => one.core.isLeader);
    if (leader === null) return;
    const members = allMembers(leader.core.configuration);
    const ids = [...this.cluster.nodes.keys()].filter((id) =>
      members.every((member) => member.id !== id)
    );
    if (ids.length === 0) return;
    const changes = [this.#changeOf(this.#prng.pick(ids), "add")];
    leader.step({ type: "changeMembership", changes, force: true, source: null });
    this.#settle(leader);
  }

  #changeOf(id: NodeId, action: MemberAction): MemberChange {
    const change = memberChange({ id, action });
    const { instanceId } = this.cluster.node(id);
    return action.startsWith("add") ? { ...change, instanceId } : change;
  }

  /** Messages from one node to another take long for a while. */
  #slowDown(): void {
    const [from, to] = this.#pair();
    if (this.#prng.chance(0.5)) this.#slow.clear();
    this.#slow.add(`${from}>${to}`);
  }

  #pair(): [NodeId, NodeId] {
    const [a, b] = this.#prng.shuffle([...this.cluster.nodes.keys()]);
    return [a!, b!];
  }

  #disconnect(): void {
    const [a, b] = this.#pair();
    this.cluster.disconnect(a, b);
    if (this.cluster.inFlight.length % 4 === 0) this.cluster.tellGone(a, [b]);
  }

  /** Messages between two nodes are lost from now on, among datagrams perhaps one way only. */
  #cut(): void {
    const [a, b] = this.#pair();
    if (this.#options.network === "datagrams" && this.#prng.chance(0.5)) {
      this.cluster.cuts.add(`${a}>${b}`);
      return;
    }
    this.cluster.disconnect(a, b);
    this.cluster.cut(a, b);
  }

  /** Over connections, both ends of a new one are told that what was sent before may be lost. */
  #heal(): void {
    const pairs = [...this.cluster.cuts].map((cut) => cut.split(">").map(Number));
    this.cluster.heal();
    if (this.#options.network === "datagrams") return;
    for (const [a, b] of pairs) if (a! < b!) this.cluster.disconnect(a!, b!);
  }

  #crash(): void {
    const node = this.#pickUp();
    if (node === null) return;
    const point = this.#prng.pick([undefined, undefined, "hardState", "logChanges"] as const);
    if (point === undefined) node.perform();
    this.#pending.delete(node);
    const changesKept = this.#prng.range(0, node.unsyncedChangeCount);
    this.cluster.crash(node.id, point === undefined ? { changesKept } : { changesKept, point });
    this.#crashes += 1;
    const peers = [...this.cluster.nodes.keys()].filter((id) => id !== node.id);
    for (const peer of peers) if (this.#prng.chance(0.8)) this.cluster.disconnect(node.id, peer);
    if (this.#crashes % 2 === 0) this.cluster.tellGone(node.id, peers);
  }

  #restart(): void {
    const down = [...this.cluster.nodes.values()].filter((node) => !node.isUp);
    if (down.length === 0) return;
    const node = this.#prng.pick(down);
    this.cluster.restart(node.id);
    // A connection does not outlive either end.
    for (const peer of this.cluster.nodes.keys()) {
      if (peer !== node.id) this.cluster.disconnect(node.id, peer);
    }
  }
}

/** Messages that keep their order with this one. */
function samePair(one: InFlight): (other: InFlight) => boolean {
  return (other) => other.from === one.from && other.to === one.to;
}
