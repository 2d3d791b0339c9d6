/** A service of clients on a simulated network, with a backend that the test plays. */
import assert from "node:assert/strict";
import type {
  ClientAnswerSink,
  ClientBackend,
  LeaderHint,
  NodeStatus,
  QueryFreshness,
} from "../../src/node/client_backend.ts";
import { ClientService } from "../../src/node/client_service.ts";
import type { SnapshotReader } from "../../src/log/snapshot_store.ts";
import type { ByteStream, ByteStreamHandler } from "../../src/runtime/runtime.ts";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";
import type { SimulatedRuntime } from "../../src/testing/simulated_runtime.ts";
import type { NodeId } from "../../src/types.ts";
import { ByteBuilder } from "../../src/wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../../src/wire/client_codec.ts";
import type {
  ChangeMembershipRequest,
  ClientMessage,
  Consistency,
} from "../../src/wire/client_messages.ts";
import { FrameDecoder } from "../../src/wire/frame.ts";
import type { Hello, HelloReply } from "../../src/wire/hello.ts";
import { drain } from "../microtask_drain.ts";

const CLUSTER_ID = "0123456789abcdef0123456789abcdef";
/** Names every command here. */
export const COMMAND_ID = new Uint8Array(16).fill(5);
/** No bytes. */
export const NOTHING = new Uint8Array(0);

/** The hello of a client. */
export const HELLO: Hello = {
  protocolMin: 1,
  protocolMax: 1,
  role: "client",
  clusterId: "",
  clusterName: "",
  nodeId: 0,
  instanceId: "",
  address: "",
  targetNodeId: 0,
  configurationIndex: 0,
};

interface TakenRequest {
  readonly kind: "propose" | "query";
  readonly bytes: Uint8Array;
  readonly commandId: Uint8Array;
  readonly freshness: QueryFreshness | null;
  readonly sink: ClientAnswerSink;
  readonly requestId: number;
}

/** A backend that keeps requests for the test to answer. */
export class ManualBackend implements ClientBackend {
  readonly taken: TakenRequest[] = [];
  /** What operators asked for. */
  readonly administered: unknown[][] = [];
  /** When it is carried out. */
  adminGate: Promise<void> = Promise.resolve();
  /** What becomes of it instead of success. */
  adminError: Error | null = null;
  refusal: HelloReply["refusal"] = "none";

  propose(
    commandId: Uint8Array,
    bytes: Uint8Array,
    sink: ClientAnswerSink,
    requestId: number,
  ): void {
    this.taken.push({ kind: "propose", bytes, commandId, freshness: null, sink, requestId });
  }

  query(
    bytes: Uint8Array,
    freshness: QueryFreshness,
    sink: ClientAnswerSink,
    requestId: number,
  ): void {
    this.taken.push({ kind: "query", bytes, commandId: NOTHING, freshness, sink, requestId });
  }

  status(): NodeStatus {
    return {
      nodeId: 1,
      role: "leader",
      term: 3,
      leaderId: 1,
      leaderAddress: "n1:7238",
      clusterId: CLUSTER_ID,
      clusterName: "test",
      ...{ commitIndex: 7, appliedIndex: 7, firstIndex: 1, lastIndex: 7 },
      logTimeMs: 1000,
      leaderContactAgeMs: 0,
      configurationIndex: 1,
      members: [],
      version: "1.0.0",
      uptimeMs: 5,
      notes: [],
      ...{ snapshotIndex: 0, joint: false, promotions: [], transferTarget: 0 },
      alarms: [],
    };
  }

  changeMembership(
    request: Pick<ChangeMembershipRequest, "changes" | "force">,
  ): Promise<{ configurationIndex: number }> {
    const { changes, force } = request;
    return this.#administer(["change", changes, force], { configurationIndex: 51 });
  }

  transferLeadership(target: NodeId | null): Promise<{ leaderId: number; term: number }> {
    return this.#administer(["transfer", target], { leaderId: 3, term: 8 });
  }

  triggerSnapshot(): Promise<{ index: number }> {
    return this.#administer(["snapshot"], { index: 50 });
  }

  /** What readers of snapshots do, for the test to see. */
  readonly reads: string[] = [];
  /** The bytes of the snapshot. */
  snapshotBytes = new Uint8Array(300_000);

  async openSnapshot(consistency: Consistency): Promise<SnapshotReader> {
    await this.#administer(["open", consistency], null);
    const bytes = this.snapshotBytes;
    const name = this.reads.length === 0 ? "a" : "b";
    return {
      snapshot: {
        meta: {
          snapshotId: name.repeat(32),
          clusterId: CLUSTER_ID,
          lastIncludedIndex: 50,
          lastIncludedTerm: 3,
          logTimeMs: 9,
          configurationIndex: 1,
          configuration: { voters: [], votersOld: [], learners: [], promotions: [] },
        },
        totalBytes: bytes.length,
      },
      read: async (offset, bytesMax) => {
        this.reads.push(`${name} ${offset}`);
        await this.adminGate;
        return bytes.slice(offset, offset + bytesMax);
      },
      close: () => Promise.resolve(void this.reads.push(`close ${name}`)),
    };
  }

  async #administer<Result>(asked: unknown[], result: Result): Promise<Result> {
    this.administered.push(asked);
    await this.adminGate;
    if (this.adminError !== null) throw this.adminError;
    return result;
  }

  helloReply(hello: Hello): HelloReply {
    assert.equal(hello.role, "client");
    return {
      refusal: this.refusal,
      reason: this.refusal === "none" ? "" : "not here",
      protocol: 1,
      clusterId: CLUSTER_ID,
      clusterName: "test",
      nodeId: 1,
      instanceId: CLUSTER_ID,
      address: "n1:7238",
      logTimeMs: 1000,
      version: "1.0.0",
      configurationIndex: 0,
    };
  }

  leader(): LeaderHint {
    return { id: 9, address: "n9:7238" };
  }

  logTimeMs(): number {
    return 1234;
  }
}

/** A client that speaks frames, or anything else. */
export class RawClient {
  readonly stream: ByteStream;
  readonly received: ClientMessage[] = [];
  chunks = 0;
  isClosed = false;
  readonly #decoder = new FrameDecoder();

  constructor(stream: ByteStream) {
    this.stream = stream;
    stream.start({
      data: (chunk) => {
        this.chunks++;
        this.#decoder.push(chunk);
        for (let frame = this.#decoder.next(); frame !== null; frame = this.#decoder.next()) {
          this.received.push(decodeClientMessage(frame));
        }
      },
      closed: () => this.isClosed = true,
    });
  }

  send(...messages: ClientMessage[]): void {
    const builder = new ByteBuilder();
    for (const message of messages) writeClientMessage(builder, message);
    this.stream.write(builder.take());
  }

  propose(...requestIds: number[]): void {
    const requests = requestIds.map((requestId): ClientMessage => ({
      type: "propose",
      requestId,
      commandId: COMMAND_ID,
      command: new Uint8Array([requestId]),
    }));
    this.send(...requests);
  }

  query(...requestIds: number[]): void {
    const requests = requestIds.map((requestId): ClientMessage => ({
      type: "query",
      requestId,
      consistency: "stale",
      maxAgeMs: 250,
      query: NOTHING,
    }));
    this.send(...requests);
  }

  /** What arrived after the hello reply, with the ids only. */
  get answers(): string[] {
    return this.received.slice(1).map((message) =>
      `${message.type} ${"requestId" in message ? message.requestId : ""}`
    );
  }
}

/** A node that serves clients, with a listener that reads hellos as a real one does. */
export class ServiceWorld {
  readonly world = new SimulatedWorld({ seed: 7, drain });
  readonly node: SimulatedRuntime = this.world.addMachine("n1").boot();
  readonly dialer: SimulatedRuntime = this.world.addMachine("client").boot();
  readonly backend = new ManualBackend();
  readonly warnings: string[] = [];
  readonly accepted: ByteStream[] = [];
  readonly service = new ClientService(this.node, {
    backend: this.backend,
    warn: (message) => this.warnings.push(message),
  });

  static async start(): Promise<ServiceWorld> {
    const started = new ServiceWorld();
    const onConnection = (stream: ByteStream) => started.#accept(stream);
    const listening = started.node.network.listen({ host: "0.0.0.0", port: 7238, onConnection });
    await started.run(1);
    await listening;
    return started;
  }

  async run(durationMs: number): Promise<void> {
    await this.world.scheduler.run({ untilMs: this.world.scheduler.nowMs + durationMs });
  }

  async connect(): Promise<RawClient> {
    const dialed = this.dialer.network.connect({ host: "n1", port: 7238, timeoutMs: 1_000 });
    const connected = dialed.then((stream) => new RawClient(stream));
    await this.run(10);
    const client = await connected;
    client.send({ type: "hello", hello: HELLO });
    await this.run(10);
    return client;
  }

  answerAll(result: Uint8Array): void {
    const taken = this.backend.taken.splice(0);
    for (const { kind, sink, requestId } of taken) {
      if (kind === "query") {
        sink.queryAnswered(requestId, { servedBy: 1, index: 7, ageMs: 3, result });
      } else {
        sink.proposalApplied(requestId, { index: 7, term: 3, duplicate: false, result });
      }
    }
  }

  #accept(stream: ByteStream): void {
    this.accepted.push(stream);
    const decoder = new FrameDecoder();
    let handler: ByteStreamHandler | null = null;
    stream.start({
      data: (chunk) => {
        if (handler !== null) return handler.data(chunk);
        decoder.push(chunk);
        const frame = decoder.next();
        if (frame === null) return;
        const message = decodeClientMessage(frame);
        assert.ok(message.type === "hello");
        const rest: Uint8Array[] = [];
        for (let next = decoder.next(); next !== null; next = decoder.next()) rest.push(next);
        const bufferedBytes = new Uint8Array(rest.flatMap((bytes) => [...bytes]));
        handler = this.service.accept({ stream, hello: message.hello, bufferedBytes });
      },
      closed: (error) => handler?.closed(error),
    });
  }
}
