/** Peers by TCP: one connection each way, and every end of one is survived. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Message } from "../../src/consensus/messages.ts";
import { ProtocolError } from "../../src/errors.ts";
import type { RecordBatch } from "../../src/log/log.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import type { SimulatedRuntime } from "../../src/testing/simulated_runtime.ts";
import { Acceptor } from "../../src/transport/acceptor.ts";
import { TcpTransport } from "../../src/transport/tcp_transport.ts";
import type { PeerAddress } from "../../src/transport/transport.ts";
import { encodePeerMessage, type PeerFrame } from "../../src/wire/peer_codec.ts";
import {
  dial,
  type HandEnd,
  HandListener,
  helloFrom,
  PORT,
  replyBytes,
  replyOf,
  TransportWorld,
} from "./transport_world.ts";

const SILENCE_MS = 3_000;

/** A node that consists of a port and a transport. */
class TransportNode {
  readonly events: string[] = [];
  readonly errors: { readonly peer: number; readonly message: string }[] = [];
  readonly messages: { readonly from: number; readonly frame: PeerFrame }[] = [];
  readonly transport: TcpTransport;
  readonly acceptor: Acceptor;
  /** What the handler throws at the next message. */
  fault: Error | null = null;

  constructor(id: number, runtime: SimulatedRuntime) {
    this.transport = new TcpTransport({
      runtime,
      nodeId: id,
      silenceMs: SILENCE_MS,
      hello: (peer) => helloFrom(id, peer.id),
      handler: {
        message: (from, frame) => {
          const { fault } = this;
          this.fault = null;
          if (fault !== null) throw fault;
          this.messages.push({ from, frame });
        },
        connected: (peer) => this.events.push(`connected ${peer}`),
        lost: (peer) => this.events.push(`lost ${peer}`),
        gone: (peer) => this.events.push(`gone ${peer}`),
        refused: (peer) => this.events.push(`refused ${peer}`),
      },
      failed: (peer, error) => this.errors.push({ peer, message: error.message }),
    });
    this.acceptor = new Acceptor({
      runtime,
      host: "0.0.0.0",
      port: PORT,
      greeted: (connection) => this.transport.accept(connection, replyOf(id)),
      rejected: () => {},
      crowded: () => {},
    });
  }

  /** The read ids of the messages that came in from `peer`, in order. */
  readIdsFrom(peer: number): number[] {
    return this.messages.flatMap(({ from, frame }) =>
      from === peer && frame.type === "readIndexRequest" ? [frame.readId] : []
    );
  }

  /** Sends a message and writes it. */
  send(to: number, readId: number): void {
    this.transport.send(to, readRequest(readId), []);
    this.transport.flush();
  }
}

function readRequest(readId: number): Message {
  return { type: "readIndexRequest", term: 1, readId };
}

/** An AppendEntries that carries a batch from the start of the log on. */
function appendOf({ firstIndex, lastIndex }: RecordBatch): Message {
  return {
    type: "appendEntriesRequest",
    term: 1,
    prevLogIndex: firstIndex - 1,
    prevLogTerm: 0,
    leaderCommit: 0,
    readSequence: 0,
    session: 0,
    provenToken: 0,
    entries: { firstIndex, lastIndex, termRuns: [], configurations: [], source: null },
  };
}

function addresses(...ids: number[]): PeerAddress[] {
  return ids.map((id) => ({ id, address: `node-${id}:${PORT}` }));
}

/** A world of such nodes. */
class NodesWorld extends TransportWorld {
  readonly runtimes = new Map<number, SimulatedRuntime>();

  /** A node that listens, with peers. */
  async node(id: number, ...peers: number[]): Promise<TransportNode> {
    const node = new TransportNode(id, this.#boot(id));
    await this.result(node.acceptor.listen());
    node.transport.setPeers(addresses(...peers));
    return node;
  }

  /** Dials node 1 as `from` does, by hand. */
  async dialAs(from: number): Promise<HandEnd> {
    const runtime = this.runtimes.get(from) ?? this.#boot(from);
    const end = await this.result(dial(runtime, "node-1"));
    end.write(encodePeerMessage({ type: "hello", hello: helloFrom(from, 1) }));
    await this.until(() => end.received.length === 1);
    assert.deepEqual(end.received, [{ type: "helloReply", reply: replyOf(1) }]);
    return end;
  }

  #boot(id: number): SimulatedRuntime {
    const runtime = this.boot(id);
    this.runtimes.set(id, runtime);
    return runtime;
  }
}

/** Nodes 1 and 2, connected both ways. */
async function connectedPair(seed: string) {
  const world = new NodesWorld(seed);
  const one = await world.node(1, 1, 2);
  const two = await world.node(2, 1, 2);
  await world.until(() => one.transport.isConnected(2) && two.transport.isConnected(1));
  return { world, one, two };
}

describe("TcpTransport", () => {
  it("connects peers both ways, and not with itself", async () => {
    const { world, one, two } = await connectedPair("pair");
    assert.deepEqual([one.events, two.events], [["connected 2"], ["connected 1"]]);
    assert.equal(world.world.network.connectionCount, 2);
    assert.equal(one.transport.peerReply(2)?.version, "1.2.3");
    assert.equal(one.transport.peerReply(9), null);
    one.send(2, 1);
    two.send(1, 2);
    await world.until(() => one.messages.length === 1 && two.messages.length === 1);
    assert.deepEqual(two.messages, [{ from: 1, frame: readRequest(1) }]);
    assert.deepEqual(one.messages, [{ from: 2, frame: readRequest(2) }]);
  });

  it("sends nothing before flush, then everything in order", async () => {
    const { world, one, two } = await connectedPair("flush");
    for (let readId = 1; readId <= 50; readId += 1) one.transport.send(2, readRequest(readId), []);
    await world.pass(100);
    assert.equal(two.messages.length, 0);
    one.transport.flush();
    await world.until(() => two.messages.length === 50);
    assert.deepEqual(two.readIdsFrom(1), Array.from({ length: 50 }, (_, i) => i + 1));
  });

  it("takes large messages, and what comes right behind a hello", async () => {
    const world = new NodesWorld("behind");
    const one = await world.node(1, 2);
    const end = await world.result(dial(world.boot(2), "node-1"));
    const frames = [
      encodePeerMessage({ type: "hello", hello: helloFrom(2, 1) }),
      encodePeerMessage(readRequest(1)),
    ];
    end.write(Uint8Array.from(frames.flatMap((frame) => [...frame])));
    await world.until(() => one.readIdsFrom(2).length === 1);
    const batch = createBatch({ firstIndex: 1, count: 1, term: 1, payloadBytes: 1_000_000 });
    end.write(encodePeerMessage(appendOf(batch), [batch.bytes]));
    await world.until(() => one.messages.length === 2);
    assert.equal(one.messages[1]!.frame.type, "appendEntriesRequest");
  });

  it("drops messages to peers that it does not know or reach", async () => {
    const world = new NodesWorld("nobody");
    const one = await world.node(1, 2);
    one.send(2, 1);
    one.send(3, 2);
    assert.equal(one.transport.isConnected(3), false);
    const two = await world.node(2, 1);
    await world.until(() => one.transport.isConnected(2));
    one.send(2, 3);
    await world.until(() => two.messages.length === 1);
    assert.deepEqual(two.readIdsFrom(1), [3]);
  });

  it("trap 28: an older connection of the same peer is replaced", async () => {
    const world = new NodesWorld("restart");
    const one = await world.node(1, 2);
    const before = await world.dialAs(2);
    before.write(encodePeerMessage(readRequest(1)));
    await world.until(() => one.messages.length === 1);
    const after = await world.dialAs(2);
    await world.until(() => before.isClosed);
    before.write(encodePeerMessage(readRequest(2)));
    after.write(encodePeerMessage(readRequest(3)));
    await world.until(() => one.messages.length === 2);
    await world.pass(1_000);
    assert.deepEqual(one.readIdsFrom(2), [1, 3]);
    assert.equal(after.isClosed, false);
  });

  it("trap 28: what the older connection had sent does not come in behind the newer", async () => {
    const world = new NodesWorld("late");
    const one = await world.node(1, 2);
    const before = await world.dialAs(2);
    world.world.network.cut({ from: ["node-2"], to: ["node-1"], bothWays: false });
    before.write(encodePeerMessage(readRequest(1)));
    world.world.network.mendAll();
    const after = await world.dialAs(2);
    after.write(encodePeerMessage(readRequest(2)));
    await world.until(() => one.readIdsFrom(2).includes(2));
    await world.pass(5_000);
    const ids = one.readIdsFrom(2);
    assert.ok(ids.indexOf(1) < ids.indexOf(2), `message 1 came behind message 2: ${ids}`);
  });

  it("an inbound connection that ends takes nothing with it", async () => {
    const world = new NodesWorld("end");
    const one = await world.node(1, 2);
    const first = await world.dialAs(2);
    first.stream.close();
    await world.pass(100);
    const second = await world.dialAs(2);
    second.write(encodePeerMessage(readRequest(1)));
    await world.until(() => one.messages.length === 1);
  });

  for (
    const [name, bytes, reason] of [
      ["garbage", new Uint8Array(100).fill(0x77), /segments: want exactly 1/],
      [
        "a second hello",
        encodePeerMessage({ type: "hello", hello: helloFrom(2, 1) }),
        /sent a hello twice/,
      ],
      ["a hello reply", replyBytes(replyOf(2)), /sent a helloReply twice/],
      [
        "a flipped bit",
        encodePeerMessage(readRequest(7)).map((byte, i) => i === 33 ? byte ^ 0x10 : byte),
        /its checksum is/,
      ],
    ] as const
  ) {
    it(`trap 55: ${name} behind the hello ends that connection alone`, async () => {
      const world = new NodesWorld(name);
      const one = await world.node(1, 2, 3);
      const bad = await world.dialAs(2);
      const good = await world.dialAs(3);
      bad.write(encodePeerMessage(readRequest(1)));
      bad.write(bytes);
      await world.until(() => bad.isClosed);
      const { errors } = one;
      const found = errors.filter(({ peer, message }) => peer === 2 && reason.test(message));
      assert.equal(found.length, 1, JSON.stringify(errors));
      assert.deepEqual(one.readIdsFrom(2), [1]);
      good.write(encodePeerMessage(readRequest(9)));
      await world.until(() => one.readIdsFrom(3).length === 1);
      const again = await world.dialAs(2);
      again.write(encodePeerMessage(readRequest(2)));
      await world.until(() => one.readIdsFrom(2).length === 2);
    });
  }

  it("trap 55: a message that the node refuses ends that connection alone", async () => {
    const world = new NodesWorld("refuse");
    const one = await world.node(1, 2);
    const end = await world.dialAs(2);
    one.fault = new ProtocolError("Record at offset 0 is bad");
    end.write(encodePeerMessage(readRequest(1)));
    end.write(encodePeerMessage(readRequest(2)));
    await world.until(() => end.isClosed);
    assert.ok(one.errors.some(({ message }) => message === "Record at offset 0 is bad"));
    assert.deepEqual(one.messages, []);
  });

  it("finds out that a connection is half open, and dials again", async () => {
    const { world, one, two } = await connectedPair("silence");
    const hosts = { from: ["node-1"], to: ["node-2"] };
    world.world.network.cut(hosts);
    one.send(2, 1);
    await world.until(() => one.events.includes("lost 2"), 2 * SILENCE_MS);
    assert.ok(world.nowMs >= SILENCE_MS, `given up after ${world.nowMs} ms`);
    world.world.network.mendAll();
    await world.until(() => one.transport.isConnected(2));
    one.send(2, 2);
    await world.until(() => two.readIdsFrom(1).includes(2));
  });

  it("keeps a connection whose peer answers, and one on which nothing is asked", async () => {
    const { world, one, two } = await connectedPair("answers");
    await world.pass(5 * SILENCE_MS);
    for (let round = 1; round <= 20; round += 1) {
      one.send(2, round);
      await world.until(() => two.readIdsFrom(1).includes(round));
      two.send(1, round);
      await world.pass(SILENCE_MS / 4);
    }
    assert.deepEqual([one.events, two.events], [["connected 2"], ["connected 1"]]);
  });

  it("a peer that dials is dialed at once, without the rest of the pause", async () => {
    const world = new NodesWorld("hurry");
    const one = await world.node(1, 2);
    await world.until(() => one.errors.length >= 8);
    const two = await world.node(2, 1);
    await world.until(() => two.transport.isConnected(1));
    const atMs = world.nowMs;
    await world.until(() => one.transport.isConnected(2));
    assert.ok(world.nowMs - atMs < 60, `dialed back after ${world.nowMs - atMs} ms`);
  });

  it("setPeers dials who is new, ends who is gone, and leaves the others alone", async () => {
    const world = new NodesWorld("peers");
    const one = await world.node(1, 1, 2, 3);
    const two = await world.node(2);
    const three = await world.node(3);
    const four = await world.node(4);
    await world.until(() => one.transport.isConnected(2) && one.transport.isConnected(3));
    one.transport.setPeers(addresses(1, 2, 4));
    await world.until(() => one.transport.isConnected(4));
    assert.equal(one.transport.isConnected(3), false);
    for (const to of [2, 3, 4]) one.send(to, to);
    await world.until(() => two.messages.length === 1 && four.messages.length === 1);
    await world.pass(SILENCE_MS / 2);
    assert.equal(three.messages.length, 0);
    assert.equal(world.world.network.connectionCount, 2);
    assert.deepEqual(one.events.filter((event) => event.endsWith(" 2")), ["connected 2"]);
  });

  it("setPeers dials a peer at its new address", async () => {
    const world = new NodesWorld("moved");
    const one = await world.node(1, 2);
    const old = new HandListener();
    await world.result(
      old.listen(world, world.boot(2), (end) => end.write(replyBytes(replyOf(2)))),
    );
    await world.until(() => one.transport.isConnected(2));
    const moved = await world.node(20);
    one.transport.setPeers([{ id: 2, address: `node-20:${PORT}` }]);
    await world.until(() => old.last.isClosed && one.transport.isConnected(2));
    one.send(2, 1);
    await world.until(() => moved.messages.length === 1);
  });

  it("close ends everything, and nothing is dialed or told any more", async () => {
    const { world, one, two } = await connectedPair("close");
    one.transport.close();
    await world.until(() => two.events.includes("lost 1"));
    await world.result(one.acceptor.close());
    const events = [...one.events];
    two.transport.close();
    await world.pass(5 * SILENCE_MS);
    assert.deepEqual(one.events, events);
    assert.equal(world.world.network.connectionCount, 0);
    assert.equal(one.transport.isConnected(2), false);
    const end = await world.world.scheduler.run({ eventsMax: 100 });
    assert.equal(end, "idle", "a timer is left");
  });
});
