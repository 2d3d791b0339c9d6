/** The connection that a node dials: said hello on, sent on, given up and dialed again. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AppendEntriesRequest } from "../../src/consensus/messages.ts";
import { DeniedError } from "../../src/errors.ts";
import { HELLO_TIMEOUT_MS, WRITE_BUFFER_BYTES_MAX } from "../../src/limits.ts";
import type { SimulatedRuntime } from "../../src/testing/simulated_runtime.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { PeerLink } from "../../src/transport/peer_link.ts";
import type { HelloReply } from "../../src/wire/hello.ts";
import {
  HandListener,
  helloFrom,
  PORT,
  replyBytes,
  replyOf,
  TransportWorld,
} from "./transport_world.ts";

/** Node 1 with a link to node 2, which the test plays. */
class LinkWorld extends TransportWorld {
  readonly events: string[] = [];
  readonly errors: Error[] = [];
  /** When each failure was reported. */
  readonly failedAtMs: number[] = [];
  readonly replies: HelloReply[] = [];
  readonly peer: HandListener = new HandListener();
  readonly node: SimulatedRuntime;
  readonly peerRuntime: SimulatedRuntime;

  constructor(seed: string) {
    super(seed);
    this.node = this.boot(1);
    this.peerRuntime = this.boot(2);
  }

  /** Dials. */
  link(): PeerLink {
    return new PeerLink({
      runtime: this.node,
      peer: { id: 2, address: `node-2:${PORT}` },
      hello: () => helloFrom(1, 2),
      connected: (reply) => {
        this.events.push("connected");
        this.replies.push(reply);
      },
      refused: (reply) => {
        this.events.push("refused");
        this.replies.push(reply);
      },
      lost: () => this.events.push("lost"),
      failed: (error) => {
        this.errors.push(error);
        this.failedAtMs.push(this.nowMs);
      },
    });
  }

  /** Lets node 2 listen and answer each hello with `answer`, or not at all. */
  async listen(answer: Uint8Array | null = replyBytes(replyOf(2))): Promise<void> {
    const greeting = this.peer.listen(this, this.peerRuntime, (end) => {
      if (answer !== null) end.write(answer);
    });
    await this.result(greeting);
  }

  /** A link whose hello was accepted. */
  async connected(): Promise<PeerLink> {
    await this.listen();
    const link = this.link();
    await this.until(() => link.isConnected);
    return link;
  }
}

/** The pauses between the times of `list`. */
function pauses(list: readonly number[]): number[] {
  return list.slice(1).map((atMs, i) => atMs - list[i]!);
}

/** Checks that pauses double from 25 to 50 ms up to 500 to 1000 ms, with `extraMs` on top. */
function assertBackedOff(pausesMs: readonly number[], extraMs: number): void {
  for (const [i, pauseMs] of pausesMs.entries()) {
    const boundMs = Math.min(50 * 2 ** i, 1_000);
    const fits = pauseMs >= boundMs / 2 && pauseMs <= boundMs + extraMs;
    assert.ok(fits, `pause ${i} is ${pauseMs} ms: want ${boundMs / 2} to ${boundMs}`);
  }
}

function readRequest(readId: number) {
  return { type: "readIndexRequest", term: 1, readId } as const;
}

/** An AppendEntries with one record of so many bytes. */
function appendOne(payloadBytes: number, index = 1) {
  const batch = createBatch({ firstIndex: index, count: 1, term: 1, payloadBytes });
  const message: AppendEntriesRequest = {
    type: "appendEntriesRequest",
    term: 1,
    prevLogIndex: index - 1,
    prevLogTerm: 0,
    leaderCommit: 0,
    readSequence: 0,
    session: 0,
    provenToken: 0,
    entries: {
      firstIndex: index,
      lastIndex: index,
      termRuns: [],
      configurations: [],
      source: null,
    },
  };
  return { message, records: [batch.bytes] };
}

describe("PeerLink", () => {
  it("dials, says hello and is connected when the peer accepts", async () => {
    const world = new LinkWorld("hello");
    const link = await world.connected();
    await world.until(() => world.peer.last.received.length === 1);
    assert.deepEqual(world.peer.last.received, [{ type: "hello", hello: helloFrom(1, 2) }]);
    assert.deepEqual(world.replies, [replyOf(2)]);
    assert.deepEqual(link.reply, replyOf(2));
    assert.equal(link.address, "node-2:7238");
  });

  it("redials with growing pauses where nobody listens, and without an end", async () => {
    const world = new LinkWorld("refused");
    const link = world.link();
    await world.until(() => world.errors.length === 12);
    assertBackedOff(pauses(world.failedAtMs), 20);
    assert.match(world.errors[11]!.message, /ECONNREFUSED/);
    assert.deepEqual(world.events, []);
    await world.listen();
    await world.until(() => link.isConnected, 2_000);
  });

  it("starts with short pauses again after it was connected", async () => {
    const world = new LinkWorld("reset");
    const link = world.link();
    await world.until(() => world.errors.length === 8);
    await world.listen();
    await world.until(() => link.isConnected);
    await world.result(world.peer.close());
    const failuresBefore = world.errors.length;
    world.peer.last.stream.destroy();
    const lostAtMs = world.nowMs;
    await world.until(() => world.errors.length === failuresBefore + 3);
    assert.deepEqual(world.events, ["connected", "lost"]);
    const [first, ...later] = world.failedAtMs.slice(failuresBefore);
    assert.ok(first! - lostAtMs <= 80, `the first redial came after ${first! - lostAtMs} ms`);
    assert.ok(pauses([first!, ...later]).every((pauseMs) => pauseMs <= 220));
  });

  it("reports a refusal, and dials again ever more slowly", async () => {
    const world = new LinkWorld("denied");
    await world.listen(replyBytes(replyOf(2, "wrongInstance")));
    const link = world.link();
    await world.until(() => world.peer.ends.length === 8);
    assertBackedOff(pauses(world.peer.dialedAtMs), 40);
    assert.equal(link.isConnected, false);
    assert.deepEqual([...new Set(world.events)], ["refused"]);
    assert.equal(world.replies[0]!.refusal, "wrongInstance");
    assert.ok(world.errors[0] instanceof DeniedError);
    assert.equal(world.errors[0]!.message, "not here");
  });

  it("gives up a peer that does not answer the hello, and dials it again", async () => {
    const world = new LinkWorld("mute");
    await world.listen(null);
    const link = world.link();
    await world.until(() => world.errors.length === 1, HELLO_TIMEOUT_MS + 1_000);
    assert.ok(world.nowMs >= HELLO_TIMEOUT_MS, `gave up after ${world.nowMs} ms`);
    assert.match(world.errors[0]!.message, /Peer 2 does not answer the hello/);
    await world.until(() => world.peer.ends.length === 2);
    assert.equal(world.peer.ends[0]!.isClosed, true);
    world.peer.last.write(replyBytes(replyOf(2)));
    await world.until(() => link.isConnected);
    await world.pass(2 * HELLO_TIMEOUT_MS);
    assert.equal(link.isConnected, true, "the answer did not stop the clock of the hello");
  });

  it("gives up a dial that nobody answers", async () => {
    const world = new LinkWorld("unplugged");
    await world.listen();
    world.world.network.cut({ from: ["node-1"], to: ["node-2"] });
    const link = world.link();
    await world.until(() => world.errors.length === 1, HELLO_TIMEOUT_MS + 1_000);
    assert.match(world.errors[0]!.message, /ETIMEDOUT/);
    world.world.network.mendAll();
    await world.until(() => link.isConnected);
  });

  for (
    const [name, bytes, reason] of [
      ["bytes that are no message", new TextEncoder().encode("HTTP/1.1 400 Bad"), /HTTP/],
      ["a second hello reply", replyBytes(replyOf(2)), /sent a helloReply in place/],
    ] as const
  ) {
    it(`trap 55: closes on ${name}, and dials again`, async () => {
      const world = new LinkWorld(name);
      const link = await world.connected();
      world.peer.last.write(bytes);
      await world.until(() => world.events.includes("lost"));
      assert.match(world.errors[0]!.message, reason);
      await world.until(() => link.isConnected);
      assert.equal(world.peer.ends.length, 2);
    });
  }

  it("drops what is sent while no connection stands, also later", async () => {
    const world = new LinkWorld("drop");
    const link = world.link();
    link.send(readRequest(1), []);
    link.flush();
    await world.listen();
    await world.until(() => link.isConnected);
    link.send(readRequest(2), []);
    link.flush();
    await world.until(() => world.peer.last.received.length === 2);
    assert.deepEqual(world.peer.last.received[1], readRequest(2));
  });

  it("drops what is sent before the peer has accepted", async () => {
    const world = new LinkWorld("early");
    await world.listen(null);
    const link = world.link();
    await world.until(() => world.peer.ends.length === 1 && world.peer.last.received.length === 1);
    link.send(readRequest(1), []);
    link.flush();
    world.peer.last.write(replyBytes(replyOf(2)));
    await world.until(() => link.isConnected);
    link.send(readRequest(2), []);
    link.flush();
    await world.until(() => world.peer.last.received.length === 2);
    assert.deepEqual(world.peer.last.received[1], readRequest(2));
  });

  it("does not send on a new connection what was queued for the old one", async () => {
    const world = new LinkWorld("stale");
    const link = await world.connected();
    link.send(readRequest(1), []);
    const large = appendOne(100_000);
    link.send(large.message, large.records);
    link.send(readRequest(3), []);
    world.peer.last.stream.destroy();
    await world.until(() => world.events.includes("lost"));
    await world.until(() => link.isConnected);
    link.send(readRequest(2), []);
    link.flush();
    await world.until(() => world.peer.last.received.length === 2);
    assert.deepEqual(world.peer.last.types, ["hello", "readIndexRequest"]);
    assert.deepEqual(world.peer.last.received[1], readRequest(2));
  });

  it("keeps the order of small and large messages", async () => {
    const world = new LinkWorld("order");
    const link = await world.connected();
    for (const [i, payloadBytes] of [10, 200_000, 10, 300_000].entries()) {
      const { message, records } = appendOne(payloadBytes, 1 + 2 * i);
      link.send(message, records);
      link.send(readRequest(2 + 2 * i), []);
    }
    link.flush();
    await world.until(() => world.peer.last.received.length === 9);
    const order = world.peer.last.received.slice(1).map((frame) =>
      frame.type === "appendEntriesRequest"
        ? frame.prevLogIndex + 1
        : "readId" in frame
        ? frame.readId
        : 0
    );
    assert.deepEqual(order, [1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("closes on a peer that does not read, before memory runs full", async () => {
    const world = new LinkWorld("slow");
    const link = await world.connected();
    world.peer.last.stream.pause();
    const { message, records } = appendOne(4 * 1024 * 1024);
    let sent = 0;
    for (; world.errors.length === 0 && sent < 100; sent += 1) {
      link.send(message, records);
      link.flush();
    }
    assert.match(world.errors[0]!.message, /Peer 2 reads too slowly: closing the connection/);
    const bytes = sent * records[0]!.length;
    assert.ok(bytes > WRITE_BUFFER_BYTES_MAX && bytes < 1.2 * WRITE_BUFFER_BYTES_MAX, `${bytes}`);
    await world.until(() => world.events.includes("lost"));
    await world.until(() => link.isConnected);
  });

  it("gives up a connection on which nothing is answered, and only then", async () => {
    const world = new LinkWorld("half open");
    const link = await world.connected();
    await world.pass(10_000);
    link.checkSilence(3_000);
    await world.pass(100);
    assert.equal(link.isConnected, true, "nothing was asked, so nothing is owed");

    link.send(readRequest(1), []);
    link.flush();
    await world.pass(2_900);
    link.checkSilence(3_000);
    assert.deepEqual(world.events, ["connected"]);
    link.heard();
    await world.pass(200);
    link.checkSilence(3_000);
    await world.pass(100);
    assert.deepEqual(world.events, ["connected"], "the peer was heard meanwhile");

    link.send(readRequest(2), []);
    link.flush();
    await world.pass(3_100);
    link.checkSilence(3_000);
    await world.until(() => world.events.includes("lost"), 100);
    await world.until(() => link.isConnected);
  });

  it("redials at once when the peer shows that it is there", async () => {
    const world = new LinkWorld("hurry");
    const link = world.link();
    await world.until(() => world.errors.length === 10);
    await world.listen();
    const atMs = world.nowMs;
    link.hurry();
    await world.until(() => link.isConnected);
    assert.ok(world.nowMs - atMs < 50, `connected after ${world.nowMs - atMs} ms`);
    link.hurry();
    await world.pass(5_000);
    assert.equal(world.peer.ends.length, 1, "a link that stands is left alone");
  });

  it("dials no more when it is closed: connected, in a pause, or while dialing", async () => {
    const world = new LinkWorld("close");
    const pausing = world.link();
    await world.until(() => world.errors.length === 3);
    pausing.close();
    await world.listen();
    await world.pass(5_000);
    assert.equal(world.peer.ends.length, 0);

    const dialing = world.link();
    dialing.close();
    await world.pass(5_000);
    assert.equal(dialing.isConnected, false);
    assert.ok(world.peer.ends.every((end) => end.isClosed));

    const standing = world.link();
    await world.until(() => standing.isConnected);
    standing.close();
    await world.until(() => world.peer.last.isClosed);
    const dials = world.peer.ends.length;
    await world.pass(10_000);
    assert.equal(world.peer.ends.length, dials);
    assert.deepEqual(world.events, ["connected"], "a link that is closed reports nothing more");
    assert.equal(world.world.network.connectionCount, 0);
  });
});
