/**
 * Measures the client library: commands a second of one RaftClient over loopback against a service
 * in the same process whose backend answers at once. No log, no consensus: what is left is the cost
 * of the client side of the system, both ends of it on one thread.
 *
 *     bun scripts/measure_client.ts [--for SECONDS]
 *     deno run -A scripts/measure_client.ts
 *     node --import tsx scripts/measure_client.ts
 *
 * @module
 */
import process from "node:process";
import { RaftClient } from "../src/client/raft_client.ts";
import type { ClientAnswerSink, ClientBackend, NodeStatus } from "../src/node/client_backend.ts";
import { NotFoundError } from "../src/errors.ts";
import { ClientService } from "../src/node/client_service.ts";
import { detectRuntime } from "../src/runtime/detect.ts";
import type { ByteStream, ByteStreamHandler, Runtime } from "../src/runtime/runtime.ts";
import { decodeClientMessage } from "../src/wire/client_codec.ts";
import { FrameDecoder } from "../src/wire/frame.ts";
import type { HelloReply } from "../src/wire/hello.ts";

const CLUSTER_ID = "0123456789abcdef0123456789abcdef";

/** A put of a 16-byte key and a 128-byte value takes about so much. */
const COMMAND_BYTES = 160;

/** Answers every command with a few bytes, at once. */
class EchoBackend implements ClientBackend {
  readonly #outcome = { index: 0, term: 1, duplicate: false, result: new Uint8Array(16) };
  readonly #read = { servedBy: 1, index: 1, ageMs: 0, result: new Uint8Array(128) };
  address = "";

  propose(_id: Uint8Array, _command: Uint8Array, sink: ClientAnswerSink, requestId: number): void {
    this.#outcome.index++;
    sink.proposalApplied(requestId, this.#outcome);
  }

  query(_query: Uint8Array, _freshness: unknown, sink: ClientAnswerSink, requestId: number): void {
    sink.queryAnswered(requestId, this.#read);
  }

  changeMembership(): Promise<never> {
    return Promise.reject(new NotFoundError("An echo has no members"));
  }

  transferLeadership(): Promise<never> {
    return Promise.reject(new NotFoundError("An echo has no leader"));
  }

  triggerSnapshot(): Promise<never> {
    return Promise.reject(new NotFoundError("An echo has no state"));
  }

  openSnapshot(): Promise<never> {
    return this.triggerSnapshot();
  }

  status(): NodeStatus {
    const { address } = this;
    return {
      nodeId: 1,
      role: "leader",
      term: 1,
      leaderId: 1,
      leaderAddress: address,
      clusterId: CLUSTER_ID,
      clusterName: "measure",
      commitIndex: 1,
      appliedIndex: 1,
      firstIndex: 1,
      lastIndex: 1,
      logTimeMs: 1,
      leaderContactAgeMs: 0,
      configurationIndex: 1,
      members: [{ id: 1, address, voter: true, reachable: true, matchIndex: 1, version: "" }],
      version: "",
      uptimeMs: 1,
      notes: [],
      snapshotIndex: 0,
      joint: false,
      promotions: [],
      transferTarget: 0,
      alarms: [],
    };
  }

  helloReply(): HelloReply {
    return {
      refusal: "none",
      reason: "",
      protocol: 1,
      clusterId: CLUSTER_ID,
      clusterName: "measure",
      nodeId: 1,
      instanceId: CLUSTER_ID,
      address: this.address,
      logTimeMs: 1,
      version: "",
      configurationIndex: 0,
    };
  }

  leader(): null {
    return null;
  }

  logTimeMs(): number {
    return 1;
  }
}

/** Reads the hello of a connection and hands it to the service. */
function acceptInto(service: ClientService, stream: ByteStream): void {
  const decoder = new FrameDecoder();
  let handler: ByteStreamHandler | null = null;
  stream.start({
    data: (chunk) => {
      if (handler !== null) return handler.data(chunk);
      decoder.push(chunk);
      const frame = decoder.next();
      const message = frame === null ? null : decodeClientMessage(frame);
      if (message?.type !== "hello") return;
      const bufferedBytes = new Uint8Array(0); // The client sends nothing before the reply.
      handler = service.accept({ stream, hello: message.hello, bufferedBytes });
    },
    closed: (error) => handler?.closed(error),
  });
}

interface Measurement {
  readonly inFlight: number;
  readonly untilMs: number;
  /** Sends one request. */
  readonly request: () => Promise<unknown>;
}

/** Keeps `inFlight` requests under way until the time is over; returns how many were answered. */
async function drive({ inFlight, untilMs, request }: Measurement): Promise<number> {
  let count = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      await request();
      count++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return count;
}

function secondsFromArguments(): number {
  const position = process.argv.indexOf("--for");
  return position < 0 ? 3 : Number(process.argv[position + 1]);
}

async function measure(runtime: Runtime, seconds: number): Promise<void> {
  const backend = new EchoBackend();
  const service = new ClientService(runtime, { backend, warn: (line) => console.error(line) });
  const listener = await runtime.network.listen({
    host: "127.0.0.1",
    port: 0,
    onConnection: (stream) => acceptInto(service, stream),
  });
  backend.address = `127.0.0.1:${listener.port}`;
  const client = new RaftClient(runtime, { endpoints: [backend.address] });
  const command = new Uint8Array(COMMAND_BYTES).fill(7);
  const query = new Uint8Array(32).fill(7);
  for (const inFlight of [1, 64, 1000]) {
    for (const what of ["propose", "query"] as const) {
      const request = () => what === "propose" ? client.propose(command) : client.query(query);
      await drive({ inFlight, untilMs: performance.now() + 500, request });
      const startMs = performance.now();
      const startCpu = process.cpuUsage();
      const count = await drive({ inFlight, untilMs: startMs + seconds * 1000, request });
      const perSecond = Math.round(count / (performance.now() - startMs) * 1000);
      const { user, system } = process.cpuUsage(startCpu);
      const figure = perSecond.toLocaleString("en-US").padStart(9);
      const cpu = `${((user + system) / count).toFixed(2)} µs of processor time each`;
      console.log(`${runtime.name} ${inFlight} in flight: ${what} ${figure}/s, ${cpu}`);
    }
  }
  client.close();
  service.close();
  await listener.close();
}

await measure(await detectRuntime(), secondsFromArguments());
