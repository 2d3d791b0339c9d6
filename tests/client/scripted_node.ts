/**
 * Nodes that do what a test tells them, on a simulated network: they speak the client protocol and
 * nothing else.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ByteStream, Listener } from "../../src/runtime/runtime.ts";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";
import type { SimulatedMachine, SimulatedRuntime } from "../../src/testing/simulated_runtime.ts";
import type { Address, NodeId } from "../../src/types.ts";
import { ByteBuilder } from "../../src/wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../../src/wire/client_codec.ts";
import type {
  ClientAnswer,
  ClientMessage,
  ClientRequest,
  ErrorAnswer,
  ErrorCode,
  ProposeRequest,
  StatusAnswer,
} from "../../src/wire/client_messages.ts";
import { FrameDecoder } from "../../src/wire/frame.ts";
import type { Hello, HelloReply } from "../../src/wire/hello.ts";
import { drain } from "../microtask_drain.ts";

/** The cluster of all scripted nodes. */
export const CLUSTER_ID = "0123456789abcdef0123456789abcdef";

const PORT = 7238;

/** Where node `id` listens. */
export function addressOf(id: NodeId): Address {
  return `n${id}:${PORT}`;
}

/** A request that arrived, and the way back. */
export interface Exchange {
  readonly request: ClientRequest;
  /** Virtual milliseconds at arrival. */
  readonly atMs: number;
  readonly stream: ByteStream;
  /** Sends an answer to it. */
  reply(answer: Unnumbered<ClientAnswer>): void;
  /** Sends a refusal. */
  refuse(code: ErrorCode, more?: Partial<ErrorAnswer>): void;
}

type Unnumbered<Answer> = Answer extends unknown ? Omit<Answer, "requestId"> : never;

/** One scripted node. */
export class ScriptedNode {
  readonly id: NodeId;
  readonly machine: SimulatedMachine;
  readonly #cluster: ScriptedCluster;
  /** Every request that arrived, in order. */
  readonly exchanges: Exchange[] = [];
  readonly hellos: Hello[] = [];
  readonly streams = new Set<ByteStream>();
  /** Handles a request instead of the default; false to leave it to the default. */
  script: ((exchange: Exchange) => boolean) | null = null;
  /** Replaces parts of the reply to a hello. */
  helloReply: Partial<HelloReply> = {};
  /** Replaces parts of the status. */
  status: Partial<StatusAnswer> = {};
  #listener: Listener | null = null;

  /** Creates a node that does not listen yet. */
  constructor(id: NodeId, cluster: ScriptedCluster) {
    this.id = id;
    this.#cluster = cluster;
    this.machine = cluster.world.addMachine(`n${id}`);
  }

  /** The requests of one type. */
  received(type: ClientRequest["type"]): Exchange[] {
    return this.exchanges.filter(({ request }) => request.type === type);
  }

  /** Starts to listen. */
  async start(): Promise<void> {
    const runtime = this.machine.boot();
    this.#listener = await runtime.network.listen({
      host: "0.0.0.0",
      port: PORT,
      onConnection: (stream) => this.#accept(stream),
    });
  }

  /** Dies; connections to it are refused from now on. */
  kill(): void {
    this.machine.crash("kill");
    this.#listener = null;
  }

  /** Cuts every connection without a word. */
  dropConnections(): void {
    for (const stream of [...this.streams]) stream.destroy();
  }

  #accept(stream: ByteStream): void {
    const decoder = new FrameDecoder();
    this.streams.add(stream);
    stream.start({
      data: (chunk) => {
        decoder.push(chunk);
        for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
          this.#onMessage(stream, decodeClientMessage(frame));
        }
      },
      closed: () => this.streams.delete(stream),
    });
  }

  #onMessage(stream: ByteStream, message: ClientMessage): void {
    if (message.type === "hello") {
      this.hellos.push(message.hello);
      sendMessage(stream, { type: "helloReply", reply: this.#reply() });
      return;
    }
    assert.ok(isRequest(message), `a node gets a ${message.type}`);
    const exchange = this.#exchange(stream, message);
    this.exchanges.push(exchange);
    if (this.script?.(exchange) !== true) this.#answer(exchange);
  }

  #exchange(stream: ByteStream, request: ClientRequest): Exchange {
    const { requestId } = request;
    const reply = (answer: Unnumbered<ClientAnswer>) =>
      sendMessage(stream, { ...answer, requestId } as ClientAnswer);
    const atMs = this.#cluster.world.scheduler.nowMs;
    return {
      request,
      atMs,
      stream,
      reply,
      refuse: (code, more = {}) =>
        reply({
          type: "errorAnswer",
          code,
          applied: "no",
          message: `refused: ${code}`,
          leaderId: 0,
          leaderAddress: "",
          logTimeMs: this.#cluster.logTimeMs,
          why: [],
          fix: [],
          ...more,
        }),
    };
  }

  /** What a sound node does. */
  #answer(exchange: Exchange): void {
    const { request } = exchange;
    const { leaderId } = this.#cluster;
    switch (request.type) {
      case "status":
        return exchange.reply(this.#statusAnswer());
      case "query":
        return exchange.reply({
          type: "queryAnswer",
          servedBy: this.id,
          index: this.#cluster.applied.length,
          ageMs: 0,
          result: request.query,
        });
      case "propose": {
        if (leaderId === this.id) return exchange.reply(this.#cluster.apply(request));
        const leaderAddress = leaderId === 0 ? "" : addressOf(leaderId);
        return exchange.refuse("notLeader", { leaderId, leaderAddress });
      }
      default:
        assert.fail(`a test says what a node does with a ${request.type}`);
    }
  }

  #reply(): HelloReply {
    return {
      refusal: "none",
      reason: "",
      protocol: 1,
      clusterId: CLUSTER_ID,
      clusterName: "test",
      nodeId: this.id,
      instanceId: CLUSTER_ID,
      address: addressOf(this.id),
      logTimeMs: this.#cluster.logTimeMs,
      version: "1.0.0",
      configurationIndex: 0,
      ...this.helloReply,
    };
  }

  #statusAnswer(): Omit<StatusAnswer, "requestId"> {
    const { leaderId, term, nodes, logTimeMs, applied } = this.#cluster;
    return {
      type: "statusAnswer",
      nodeId: this.id,
      role: leaderId === this.id ? "leader" : "follower",
      term,
      leaderId,
      leaderAddress: leaderId === 0 ? "" : addressOf(leaderId),
      clusterId: CLUSTER_ID,
      clusterName: "test",
      commitIndex: applied.length,
      appliedIndex: applied.length,
      firstIndex: 1,
      lastIndex: applied.length,
      logTimeMs,
      leaderContactAgeMs: leaderId === 0 ? 38_000 : 0,
      configurationIndex: 1,
      members: nodes.map(({ id }) => ({
        id,
        address: addressOf(id),
        voter: true,
        reachable: true,
        matchIndex: 0,
        version: "1.0.0",
      })),
      version: "1.0.0",
      uptimeMs: 1,
      notes: [],
      snapshotIndex: 0,
      joint: false,
      promotions: [],
      transferTarget: 0,
      alarms: [],
      ...this.status,
    };
  }
}

/** A world with scripted nodes and one machine for the client. */
export class ScriptedCluster {
  readonly world: SimulatedWorld;
  readonly nodes: readonly ScriptedNode[];
  /** The process of the client. */
  readonly runtime: SimulatedRuntime;
  /** Who leads, 0 for nobody; followers name it. */
  leaderId: NodeId = 1;
  term = 1;
  logTimeMs = 1_000_000;
  /** The commands that were applied, once each. */
  readonly applied: ProposeRequest[] = [];

  /** Creates nodes 1 to `count`, none of which listens yet. */
  constructor(count = 3, seed: number | string = 1) {
    this.world = new SimulatedWorld({ seed, drain });
    this.nodes = Array.from({ length: count }, (_, index) => new ScriptedNode(index + 1, this));
    this.runtime = this.world.addMachine("client").boot();
  }

  /** Creates a cluster and starts its nodes. */
  static async start(count = 3, seed: number | string = 1): Promise<ScriptedCluster> {
    const cluster = new ScriptedCluster(count, seed);
    const started = Promise.all(cluster.nodes.map((node) => node.start()));
    await cluster.world.scheduler.run({ untilMs: 10 });
    await started;
    return cluster;
  }

  /** The addresses of the nodes. */
  get endpoints(): Address[] {
    return this.nodes.map(({ id }) => addressOf(id));
  }

  /** Virtual milliseconds. */
  get nowMs(): number {
    return this.world.scheduler.nowMs;
  }

  /** Node `id`. */
  node(id: NodeId): ScriptedNode {
    const node = this.nodes[id - 1];
    assert.ok(node !== undefined, `node ${id} exists`);
    return node;
  }

  /** Every request of a type that any node received. */
  received(type: ClientRequest["type"]): Exchange[] {
    return this.nodes.flatMap((node) => node.received(type));
  }

  /** Applies a command once and answers it; the answer is the command. */
  apply(
    request: ProposeRequest,
  ): Omit<Extract<ClientAnswer, { type: "proposeAnswer" }>, "requestId"> {
    const name = String(request.commandId);
    const before = this.applied.findIndex((other) => String(other.commandId) === name);
    if (before < 0) this.applied.push(request);
    return {
      type: "proposeAnswer",
      index: before < 0 ? this.applied.length : before + 1,
      term: this.term,
      duplicate: before >= 0,
      result: request.command,
    };
  }

  /** Runs the world for `durationMs`. */
  async run(durationMs: number): Promise<void> {
    await this.world.scheduler.run({ untilMs: this.nowMs + durationMs });
  }

  /** Runs the world until `promise` settles and hands on its outcome. */
  async settle<Result>(promise: Promise<Result>, withinMs = 60_000): Promise<Result> {
    let isSettled = false;
    promise.then(() => isSettled = true, () => isSettled = true);
    const untilMs = this.nowMs + withinMs;
    await this.world.scheduler.run({ untilMs, until: () => isSettled });
    assert.ok(isSettled, `a promise is settled within ${withinMs} ms`);
    return await promise;
  }

  /** Runs the world until `promise` rejects, and returns the error. */
  async rejection(promise: Promise<unknown>, withinMs = 60_000): Promise<Error> {
    const settled = promise.then(
      () => assert.fail("the promise is rejected"),
      (error: unknown) => error,
    );
    const error = await this.settle(settled, withinMs);
    assert.ok(error instanceof Error);
    return error;
  }
}

function isRequest(message: ClientMessage): message is ClientRequest {
  return REQUESTS.has(message.type);
}

const REQUESTS: ReadonlySet<string> = new Set<ClientRequest["type"]>([
  "propose",
  "query",
  "status",
  "changeMembership",
  "transferLeadership",
  "triggerSnapshot",
  "openSnapshot",
  "readSnapshot",
]);

/** Writes one message to a stream. */
export function sendMessage(stream: ByteStream, message: ClientMessage): void {
  const builder = new ByteBuilder();
  writeClientMessage(builder, message);
  stream.write(builder.take());
}
