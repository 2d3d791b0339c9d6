/** Machines in a simulated world, and ends of connections that a test speaks through by hand. */
import assert from "node:assert/strict";
import type { ByteStream } from "../../src/runtime/runtime.ts";
import type { NetworkFaults } from "../../src/testing/network_faults.ts";
import { type SimulatedRuntime, SimulatedWorld } from "../../src/testing/simulated_runtime.ts";
import { FrameDecoder } from "../../src/wire/frame.ts";
import type { Hello, HelloReply } from "../../src/wire/hello.ts";
import { decodePeerFrame, encodePeerMessage } from "../../src/wire/peer_codec.ts";
import type { PeerFrame, PeerGreeting } from "../../src/wire/peer_codec.ts";
import { drain } from "../microtask_drain.ts";

/** The port on which everything listens. */
export const PORT = 7238;

const CLUSTER_ID = "0123456789abcdef0123456789abcdef";

/** The data directory of a node. */
export function instanceOf(nodeId: number): string {
  return nodeId.toString(16).padStart(32, "a");
}

/** What node `from` says when it dials node `to`. */
export function helloFrom(from: number, to: number): Hello {
  return {
    protocolMin: 1,
    protocolMax: 1,
    role: "peer",
    clusterId: CLUSTER_ID,
    clusterName: "blue",
    nodeId: from,
    instanceId: instanceOf(from),
    address: `node-${from}:${PORT}`,
    targetNodeId: to,
    configurationIndex: 0,
  };
}

/** What node `nodeId` answers to a hello. */
export function replyOf(nodeId: number, refusal: HelloReply["refusal"] = "none"): HelloReply {
  return {
    refusal,
    reason: refusal === "none" ? "" : "not here",
    protocol: refusal === "none" ? 1 : 0,
    clusterId: CLUSTER_ID,
    clusterName: "blue",
    nodeId,
    instanceId: instanceOf(nodeId),
    address: `node-${nodeId}:${PORT}`,
    logTimeMs: 1,
    version: "1.2.3",
    configurationIndex: 0,
  };
}

/** The answer to a hello as bytes. */
export function replyBytes(reply: HelloReply): Uint8Array {
  return encodePeerMessage({ type: "helloReply", reply });
}

/** A world, and waiting in it. */
export class TransportWorld {
  readonly world: SimulatedWorld;

  /** Creates a world without machines. */
  constructor(seed: number | string, network: Partial<NetworkFaults> = {}) {
    this.world = new SimulatedWorld({ seed, network, drain });
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.world.scheduler.nowMs;
  }

  /** Starts a process on a machine `node-N` of its own. */
  boot(nodeId: number): SimulatedRuntime {
    return this.world.addMachine(`node-${nodeId}`).boot();
  }

  /** Runs until `condition` holds, which it must within `withinMs`. */
  async until(condition: () => boolean, withinMs = 60_000): Promise<void> {
    const untilMs = this.nowMs + withinMs;
    if (condition()) return;
    const end = await this.world.scheduler.run({ untilMs, until: condition });
    assert.equal(end, "until", `What was waited for did not happen: ${condition}`);
  }

  /** Runs for so long, whatever happens. */
  async pass(durationMs: number): Promise<void> {
    await this.world.scheduler.run({ untilMs: this.nowMs + durationMs });
  }

  /** The outcome of `promise`, which must settle in this world. */
  async result<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false;
    const settle = () => void (isSettled = true);
    promise.then(settle, settle);
    await this.until(() => isSettled);
    return await promise;
  }
}

/** One end of a connection, in the hands of a test. */
export class HandEnd {
  readonly stream: ByteStream;
  readonly received: (PeerFrame | PeerGreeting)[] = [];
  receivedBytes = 0;
  isClosed = false;
  readonly #decoder = new FrameDecoder();

  /** Takes the stream. */
  constructor(stream: ByteStream) {
    this.stream = stream;
    stream.start({
      data: (chunk) => {
        this.receivedBytes += chunk.length;
        this.#decoder.push(chunk);
        for (let frame = this.#decoder.next(); frame !== null; frame = this.#decoder.next()) {
          this.received.push(decodePeerFrame(frame));
        }
      },
      closed: () => void (this.isClosed = true),
    });
  }

  /** The types of what came in. */
  get types(): string[] {
    return this.received.map(({ type }) => type);
  }

  /** Sends bytes. */
  write(bytes: Uint8Array): void {
    this.stream.write(bytes);
  }
}

/** Dials a machine by hand. */
export async function dial(runtime: SimulatedRuntime, host: string): Promise<HandEnd> {
  return new HandEnd(await runtime.network.connect({ host, port: PORT, timeoutMs: 10_000 }));
}

/** A listener that keeps what is dialed, in order, and does `greet` with each. */
export class HandListener {
  readonly ends: HandEnd[] = [];
  /** When each was dialed. */
  readonly dialedAtMs: number[] = [];
  close: () => Promise<void> = () => Promise.resolve();

  /** The connection that was dialed last. */
  get last(): HandEnd {
    return this.ends[this.ends.length - 1]!;
  }

  /** Listens on a machine. */
  async listen(
    world: TransportWorld,
    runtime: SimulatedRuntime,
    greet: (end: HandEnd) => void = () => {},
  ): Promise<void> {
    const listener = await runtime.network.listen({
      host: "0.0.0.0",
      port: PORT,
      onConnection: (stream) => {
        const end = new HandEnd(stream);
        this.ends.push(end);
        this.dialedAtMs.push(world.nowMs);
        greet(end);
      },
    });
    this.close = () => listener.close();
  }
}
