/** The port of a node: what it says of those that it refuses. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MEMBERS_MAX } from "../../src/limits.ts";
import type { LogFields, Logger } from "../../src/observability/logger.ts";
import { ClusterPort } from "../../src/raft/cluster_port.ts";
import { Greeter } from "../../src/raft/greeter.ts";
import type { SimulatedRuntime } from "../../src/testing/simulated_runtime.ts";
import type { Hello } from "../../src/wire/hello.ts";
import { encodePeerMessage } from "../../src/wire/peer_codec.ts";
import {
  dial,
  type HandEnd,
  helloFrom,
  instanceOf,
  PORT,
  TransportWorld,
} from "../transport/transport_world.ts";

/** A machine that dials node 1, which knows node 2 and nobody else. */
class PortWorld extends TransportWorld {
  readonly refusals: LogFields[] = [];
  readonly alarms: LogFields[] = [];
  readonly port: ClusterPort;
  readonly #dialer: SimulatedRuntime;

  constructor(seed: string) {
    super(seed);
    const { clusterId, clusterName } = helloFrom(1, 2);
    const born = { formatVersion: 1, born: true, members: [] };
    const logger: Logger = {
      debug: () => {},
      info: () => {},
      warn: (message, fields = {}) => {
        if (message === "Refused a connection") this.refusals.push(fields);
      },
      error: (message, fields = {}) => this.alarms.push({ message, ...fields }),
    };
    this.port = new ClusterPort({
      runtime: this.boot(1),
      nodeId: 1,
      listen: { host: "0.0.0.0", port: PORT },
      silenceMs: 1000,
      greeter: new Greeter({
        identity: () => ({
          ...born,
          removed: false,
          recovery: null,
          formerClusterIds: [],
          deviatesSince: 0,
          replaces: [],
          joinIndex: 0,
          promiseMs: null,
          clusterId,
          clusterName,
          nodeId: 1,
          instanceId: instanceOf(1),
        }),
        instanceOf: (id) => id === 2 ? instanceOf(2) : null,
        isMember: () => true,
        standing: () => ({ phase: "running", latestIndex: 1, committedIndex: 1 }),
        address: () => `node-1:${PORT}`,
        logTimeMs: () => 1,
        version: "1.2.3",
      }),
      logger,
      handler: { message() {}, connected() {}, refused() {}, lost() {}, gone() {} },
      peerAccepted: () => null,
      peerFailed: () => {},
      serveClient: undefined,
    });
    this.#dialer = this.boot(2);
  }

  /** Dials node 1, says hello as node 2 would with these changes, and hears the answer. */
  async greet(changes: Partial<Hello> = {}): Promise<void> {
    const end = await this.dial();
    await this.hello(end, changes);
    end.stream.destroy();
  }

  /** Dials node 1 and says nothing. */
  dial(): Promise<HandEnd> {
    return this.result(dial(this.#dialer, "node-1"));
  }

  /** Says hello as node 2 would with these changes, and returns how it is answered. */
  async hello(end: HandEnd, changes: Partial<Hello>): Promise<string> {
    end.write(encodePeerMessage({ type: "hello", hello: { ...helloFrom(2, 1), ...changes } }));
    await this.until(() => end.types.includes("helloReply"));
    const [reply] = end.received;
    assert.ok(reply?.type === "helloReply");
    return reply.reply.refusal;
  }
}

async function inWorld(seed: string, body: (world: PortWorld) => Promise<void>): Promise<void> {
  const world = new PortWorld(seed);
  await world.result(world.port.listen());
  await body(world);
  await world.result(world.port.close());
}

describe("a port with many connections", () => {
  it("has no place left for clients, but for peers, and says so once", async () => {
    const world = new PortWorld("crowd");
    // Of 48 files 32 are for the log and the like, of 16 connections 4 for peers.
    world.world.network.openFilesMax = 48;
    await world.result(world.port.listen());
    for (let count = 0; count < 12; count += 1) await world.dial();
    const [one, other] = [await world.dial(), await world.dial()];
    for (const end of [one, other]) {
      assert.equal(await world.hello(end, { role: "client" }), "tooManyConnections");
    }
    assert.equal(await world.hello(await world.dial(), {}), "none");
    assert.equal(world.alarms.length, 1);
    const { message, ...fields } = world.alarms[0]!;
    assert.match(String(message), /too many connections/);
    assert.deepEqual(fields, {
      connectionsMax: 16,
      clientsMax: 12,
      openFilesMax: 48,
      fix: "raise the limit of open files of this process (LimitNOFILE, ulimit -n)",
    });
    await world.result(world.port.close());
  });
});

describe("a port that refuses a peer", () => {
  const replaced = { instanceId: instanceOf(7) };

  it("says so once, however often the peer dials", () =>
    inWorld("once", async (world) => {
      for (let times = 0; times < 20; times += 1) await world.greet(replaced);
      assert.equal(world.refusals.length, 1);
      assert.equal(world.refusals[0]?.["nodeId"], 2);
      assert.match(String(world.refusals[0]?.["reason"]), /another data directory/);
    }));

  it("says so again for another reason, another id, and after it was accepted", () =>
    inWorld("again", async (world) => {
      await world.greet(replaced);
      await world.greet({ targetNodeId: 9 });
      await world.greet({ nodeId: 3, targetNodeId: 9 });
      await world.greet(replaced);
      assert.deepEqual(world.refusals.map(({ nodeId }) => nodeId), [2, 2, 3, 2]);
      await world.greet();
      await world.greet(replaced);
      assert.equal(world.refusals.length, 5);
    }));

  it("keeps a bounded number of ids in mind", () =>
    inWorld("bounded", async (world) => {
      for (let nodeId = 2; nodeId < 2 + MEMBERS_MAX + 1; nodeId += 1) {
        await world.greet({ nodeId, targetNodeId: 9 });
      }
      const before = world.refusals.length;
      await world.greet({ nodeId: 3, targetNodeId: 9 });
      assert.equal(world.refusals.length, before);
      await world.greet({ nodeId: 2, targetNodeId: 9 });
      assert.equal(world.refusals.length, before + 1);
    }));
});
