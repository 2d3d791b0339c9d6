/** Whole nodes whose members change, each on a simulated machine. */
import assert from "node:assert/strict";
import {
  ChangeInProgressError,
  NotLeaderError,
  RaftError,
  RefusedError,
} from "../../src/errors.ts";
import { Raft } from "../../src/raft/raft.ts";
import type { ClusterFormation } from "../../src/raft/raft_options.ts";
import { SafetyCheckers } from "../../src/testing/checkers/safety_checkers.ts";
import { NodeWatch } from "../../src/testing/node_watch.ts";
import type { SimulatedMachine } from "../../src/testing/simulated_runtime.ts";
import type { GreetedConnection } from "../../src/transport/acceptor.ts";
import type { Address, MemberAction, MemberChange, NodeId } from "../../src/types.ts";
import { ByteBuilder } from "../../src/wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../../src/wire/client_codec.ts";
import type { ClientMessage, ErrorCode } from "../../src/wire/client_messages.ts";
import { CounterMachine, decodeSum } from "../state_machine/counter_machine.ts";
import { WaitingWorld } from "./waiting_world.ts";

const PORT = 7238;

/** Where node `id` listens unless told otherwise. */
export function addressOf(id: NodeId): Address {
  return `node-${id}:${PORT}`;
}

/** A change of member `id`, at its usual address. */
export function change(action: MemberAction, id: NodeId, address = addressOf(id)): MemberChange {
  const hasAddress = ["add", "addLearner", "setAddress"].includes(action);
  return { action, id, address: hasAddress ? address : "", instanceId: "" };
}

/** How a node is started; it joins at node 1 unless told otherwise. */
export interface MemberStart {
  readonly formation?: ClusterFormation;
  readonly dataPath?: string;
  readonly clusterName?: string;
  readonly port?: number;
  /** 1 for one entry a message. */
  readonly appendBytesMax?: number;
  readonly electionTimeoutMs?: number;
  readonly leaseReads?: boolean;
  /** A node of another cluster is not checked with those of this one. */
  readonly isForeign?: boolean;
}

/** A node of one life. */
export class MemberNode {
  readonly id: NodeId;
  readonly machine: SimulatedMachine;
  readonly counter: { machine: CounterMachine } = { machine: new CounterMachine() };
  /** What watches each data directory. */
  readonly watches = new Map<string, NodeWatch>();
  raft: Raft | null = null;
  ended: { readonly error: Error | null } | null = null;
  lines: string[] = [];
  life = 0;

  /** Creates a node that does not run. */
  constructor(id: NodeId, machine: SimulatedMachine) {
    this.id = id;
    this.machine = machine;
  }

  /** What its log lines say, together. */
  get text(): string {
    return this.lines.join("\n");
  }

  /** Why it stopped by itself. */
  get failure(): string {
    return this.ended?.error?.message ?? "";
  }

  /** The sum that its commands have made. */
  get sum(): number {
    return decodeSum(this.counter.machine.query(new Uint8Array(0)));
  }
}

/** A world of such nodes; safety is checked all the time. */
export class MembershipWorld extends WaitingWorld {
  readonly checkers = new SafetyCheckers();
  readonly nodes = new Map<NodeId, MemberNode>();

  /** The node that leads, in the latest term. */
  get leader(): MemberNode | null {
    const leaders = [...this.nodes.values()].filter(({ raft, ended }) =>
      raft !== null && ended === null && raft.status().role === "leader"
    );
    return leaders.sort((a, b) => b.raft!.status().term - a.raft!.status().term)[0] ?? null;
  }

  /** A cluster of node 1, grown by the nodes 2 to `count`. */
  static async grown(
    seed: string,
    count: number,
    options: MemberStart = {},
  ): Promise<MembershipWorld> {
    const world = new MembershipWorld(seed);
    world.start(1, { ...options, formation: { kind: "bootstrap" } });
    for (let id = 2; id <= count; id += 1) {
      world.start(id, options);
      await world.settled(Array.from({ length: id }, (_, i) => i + 1));
    }
    if (count === 1) await world.settled([1]);
    return world;
  }

  /** Starts node `id` on what its disk holds. */
  start(id: NodeId, options: MemberStart = {}): MemberNode {
    const { dataPath = "/data", clusterName, port = PORT, ...rest } = options;
    const { formation, isForeign = false, ...others } = rest;
    const node = this.nodes.get(id) ??
      new MemberNode(id, this.world.addMachine(`node-${id}`));
    this.nodes.set(id, node);
    node.machine.crash("kill");
    const runtime = node.machine.boot();
    node.life += 1;
    const { life } = node;
    node.raft = null;
    node.ended = null;
    node.counter.machine = new CounterMachine();
    const watch = node.watches.get(dataPath) ??
      new NodeWatch(id, this.checkers, () => this.world.scheduler.eventCount);
    node.watches.set(dataPath, watch);
    const note = (message: string, fields: object = {}) =>
      void node.lines.push(`${message} ${JSON.stringify(fields)}`);
    const end = (error: Error | null) => {
      if (node.life === life) node.ended = { error };
    };
    Raft.start(runtime, {
      nodeId: id,
      dataPath,
      listen: { host: `node-${id}`, port },
      formation: formation ?? { kind: "join", endpoints: [addressOf(1)], learner: false },
      ...(clusterName === undefined ? {} : { clusterName }),
      stateMachine: node.counter.machine,
      segmentBytes: 64 * 1024,
      // What a snapshot covers is forgotten, so that who comes late needs a snapshot.
      trailingEntries: 0,
      ...others,
      logger: { debug: note, info: note, warn: note, error: note },
      ...(isForeign ? {} : { observer: watch }),
      serveClient: (connection) => serve(connection, () => node.raft!),
    }).then((raft) => {
      if (node.life === life) node.raft = raft;
      void raft.stopped.then(({ error }) => end(error));
    }, end);
    return node;
  }

  /** The node with this id. */
  node(id: NodeId): MemberNode {
    const node = this.nodes.get(id);
    assert.ok(node !== undefined, `there is no node ${id}`);
    return node;
  }

  /** Ends the process of a node. */
  kill(id: NodeId): void {
    const node = this.node(id);
    node.life += 1;
    node.raft = null;
    node.machine.crash("kill");
  }

  /** Cuts node `id` off from these, or mends that. */
  cut(id: NodeId, others: readonly NodeId[], isMended = false): void {
    const names = (ids: readonly NodeId[]) => ids.map((other) => `node-${other}`);
    const selection = { from: names([id]), to: names(others), bothWays: true };
    if (isMended) this.world.network.mend(selection);
    else this.world.network.cut(selection);
  }

  override get story(): string {
    return [...this.nodes.values()].map(({ id, lines, failure }) =>
      `node ${id}: ${failure}\n  ${lines.slice(-8).join("\n  ")}`
    ).join("\n");
  }

  /** Waits for a promise of a node while the world runs. */
  async result<Result>(promise: Promise<Result>): Promise<Result> {
    let done = false;
    const seen = promise.finally(() => done = true);
    seen.catch(() => {});
    await this.until(() => done);
    return await seen;
  }

  /** Has the leader change the members, when what is under way is done. */
  change(...changes: MemberChange[]): Promise<{ configurationIndex: number }> {
    return this.request({ changes, force: false });
  }

  /** What {@linkcode MembershipWorld.change} does, forced or not. */
  async request(
    request: { readonly changes: readonly MemberChange[]; readonly force: boolean },
  ): Promise<{ configurationIndex: number }> {
    for (;;) {
      await this.until(() => this.leader !== null);
      try {
        return await this.result(this.leader!.raft!.changeMembership(request));
      } catch (error) {
        if (!(error instanceof ChangeInProgressError)) throw error;
        await this.pass(50);
      }
    }
  }

  /** Runs until exactly these nodes are voters, at a leader among them and at all of them. */
  async settled(voters: readonly NodeId[], learners: readonly NodeId[] = []): Promise<void> {
    const want = JSON.stringify([voters, learners]);
    await this.until(() => {
      const { leader } = this;
      if (leader === null || !voters.includes(leader.id)) return false;
      const { commitIndex } = leader.raft!.status();
      return [...voters, ...learners].every((id) => {
        const node = this.nodes.get(id);
        if (node === undefined || node.raft === null || node.ended !== null) return false;
        const status = node.raft.status();
        return membersSeen(node) === want && !status.joint && status.appliedIndex >= commitIndex &&
          status.leaderId === leader.id;
      });
    });
  }

  /** Proposes a command, and requires that every one of these nodes applies it. */
  async works(ids: readonly NodeId[]): Promise<void> {
    const sum = this.leader!.sum + 1;
    await this.result(this.leader!.raft!.propose(Uint8Array.of(1)));
    await this.until(() => ids.every((id) => this.node(id).sum === sum));
  }
}

/** `[[1,2],[3]]`: the voters and the learners that a node goes by. */
export function membersSeen({ raft }: MemberNode): string {
  const { members } = raft!.status();
  const ids = (voter: boolean) => members.filter((one) => one.voter === voter).map(({ id }) => id);
  return JSON.stringify([ids(true), ids(false)]);
}

const CODES: ReadonlyMap<string, ErrorCode> = new Map([
  ["not_leader", "notLeader"],
  ["change_in_progress", "changeInProgress"],
  ["refused", "refused"],
  ["not_found", "notFound"],
  ["invalid_request", "invalidRequest"],
  ["leadership_lost", "leadershipLost"],
]);

/** Answers hellos of clients and their changes of the members, and nothing else. */
function serve({ stream, hello, decoder, handOver }: GreetedConnection, raft: () => Raft): void {
  const say = (message: ClientMessage) => {
    const builder = new ByteBuilder();
    writeClientMessage(builder, message);
    stream.write(builder.take());
  };
  const answer = (message: ClientMessage) => {
    assert.ok(message.type === "changeMembership", `a client sent a ${message.type}`);
    const { requestId } = message;
    raft().changeMembership(message).then(
      ({ configurationIndex }) => say({ type: "membershipAnswer", requestId, configurationIndex }),
      (error) => {
        assert.ok(error instanceof RaftError, String(error));
        const { leaderId, leaderAddress } = error instanceof NotLeaderError
          ? error
          : { leaderId: null, leaderAddress: null };
        say({
          type: "errorAnswer",
          requestId,
          code: CODES.get(error.code) ?? "noQuorum",
          applied: error.applied,
          message: error.message,
          leaderId: leaderId ?? 0,
          leaderAddress: leaderAddress ?? "",
          logTimeMs: 1,
          why: [],
          fix: error instanceof RefusedError ? error.fix : [],
        });
      },
    );
  };
  handOver({
    data: (chunk) => {
      decoder.push(chunk);
      for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
        answer(decodeClientMessage(frame));
      }
    },
    closed: () => {},
  });
  const reply = raft().helloReply(hello);
  say({ type: "helloReply", reply });
  if (reply.refusal !== "none") stream.close();
}
