/** The one port of a node: whatever arrives ends its own connection at most. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { putUint32 } from "../../src/bytes.ts";
import { CONNECTIONS_MAX, HELLO_TIMEOUT_MS, MEMBERS_MAX } from "../../src/limits.ts";
import type { SimulatedRuntime } from "../../src/testing/simulated_runtime.ts";
import {
  Acceptor,
  type AcceptorOptions,
  type GreetedConnection,
} from "../../src/transport/acceptor.ts";
import { HELLO_FRAME_BYTES_MAX } from "../../src/wire/frame.ts";
import { CHECKSUM_OFFSET, sealFrame } from "../../src/wire/frame_checksum.ts";
import { encodePeerMessage } from "../../src/wire/peer_codec.ts";
import { dial, type HandEnd, helloFrom, PORT, TransportWorld } from "./transport_world.ts";

const HELLO = encodePeerMessage({ type: "hello", hello: helloFrom(2, 1) });

/** A node that listens and a machine that dials it. */
class AcceptorWorld extends TransportWorld {
  readonly greeted: GreetedConnection[] = [];
  readonly rejected: { readonly remoteAddress: string; readonly reason: string }[] = [];
  /** What came on each greeted connection after its hello. */
  readonly later: { bytes: number; isClosed: boolean }[] = [];
  /** What was said of the number of connections. */
  readonly crowds: Parameters<AcceptorOptions["crowded"]>[0][] = [];
  readonly acceptor: Acceptor;
  readonly dialer: SimulatedRuntime;

  constructor(seed: string) {
    super(seed);
    this.acceptor = new Acceptor({
      runtime: this.boot(1),
      host: "0.0.0.0",
      port: PORT,
      greeted: (connection) => {
        const later = { bytes: connection.decoder.takeRest().length, isClosed: false };
        this.later.push(later);
        this.greeted.push(connection);
        connection.handOver({
          data: (chunk) => void (later.bytes += chunk.length),
          closed: () => void (later.isClosed = true),
        });
      },
      rejected: (remoteAddress, reason) => this.rejected.push({ remoteAddress, reason }),
      crowded: (crowd) => this.crowds.push(crowd),
    });
    this.dialer = this.boot(2);
  }

  /** Listens. */
  async start(): Promise<this> {
    await this.result(this.acceptor.listen());
    return this;
  }

  /** Dials the node. */
  dial(): Promise<HandEnd> {
    return this.result(dial(this.dialer, "node-1"));
  }
}

function start(seed: string): Promise<AcceptorWorld> {
  return new AcceptorWorld(seed).start();
}

/** A hello with a changed field, and the checksum that goes with it. */
function resealed(change: (frame: Uint8Array) => void): Uint8Array {
  const frame = HELLO.slice();
  change(frame);
  putUint32(frame, CHECKSUM_OFFSET, 0);
  sealFrame(frame);
  return frame;
}

function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The first bytes of a frame that announces `words` words in `segments` segments. */
function frameHeader(segments: number, words: number): Uint8Array {
  const bytes = new Uint8Array(8);
  putUint32(bytes, 0, segments - 1);
  putUint32(bytes, 4, words);
  return bytes;
}

/** What is no hello, and what the log must say of it. */
const foreign: readonly { name: string; bytes: Uint8Array; reason: RegExp }[] = [
  { name: "an HTTP request", bytes: textBytes("GET / HTTP/1.1\r\n\r\n"), reason: /HTTP request/ },
  {
    name: "a TLS ClientHello",
    bytes: Uint8Array.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
    reason: /looks like TLS/,
  },
  { name: "an SSH client", bytes: textBytes("SSH-2.0-OpenSSH_9.6\r\n"), reason: /SSH/ },
  { name: "noise", bytes: new Uint8Array(64).fill(0xa5), reason: /segments: want exactly 1/ },
  {
    name: "a length of 4 GiB",
    bytes: frameHeader(1, 0x1fffffff),
    reason: new RegExp(`message of 4294967296 bytes: want at most ${HELLO_FRAME_BYTES_MAX}`),
  },
  {
    name: "the largest length there is",
    bytes: frameHeader(1, 0xffffffff),
    reason: /want at most 4096/,
  },
  { name: "a frame of nothing", bytes: frameHeader(1, 0), reason: /message of 0 words/ },
  {
    name: "a hello with a flipped bit",
    bytes: HELLO.map((byte, i) => i === HELLO.length - 9 ? byte ^ 4 : byte),
    reason: /its checksum is/,
  },
  {
    name: "a wrong magic",
    bytes: resealed((frame) => {
      const at = new TextDecoder("latin1").decode(frame).indexOf("RAFT2026");
      frame[at] = "X".charCodeAt(0);
    }),
    reason: /magic of Raft/,
  },
  {
    name: "another message first",
    bytes: encodePeerMessage({ type: "readIndexRequest", term: 1, readId: 1 }),
    reason: /want a hello first/,
  },
];

describe("Acceptor", () => {
  it("hands a connection over with its hello and what came behind it", async () => {
    const world = await start("hello");
    const end = await world.dial();
    end.write(HELLO);
    end.write(new Uint8Array(100));
    await world.until(() => world.later[0]?.bytes === 100);
    assert.deepEqual(world.greeted[0]!.hello, helloFrom(2, 1));
    end.write(new Uint8Array(11));
    await world.until(() => world.later[0]?.bytes === 111);
    end.stream.close();
    await world.until(() => world.later[0]!.isClosed);
    assert.deepEqual(world.rejected, []);
  });

  it("takes a hello in single bytes", async () => {
    const world = await start("bytes");
    world.world.network.faults.joinChance = 0;
    const end = await world.dial();
    for (const byte of HELLO) end.write(Uint8Array.of(byte));
    await world.until(() => world.greeted.length === 1);
    assert.deepEqual(world.greeted[0]!.hello, helloFrom(2, 1));
  });

  for (const { name, bytes, reason } of foreign) {
    it(`trap 55: rejects ${name}, and nothing else suffers`, async () => {
      const world = await start(name);
      const good = await world.dial();
      good.write(HELLO);
      await world.until(() => world.greeted.length === 1);
      const bad = await world.dial();
      bad.write(bytes);
      await world.until(() => bad.isClosed);
      assert.equal(world.rejected.length, 1);
      assert.match(world.rejected[0]!.reason, reason);
      assert.match(world.rejected[0]!.remoteAddress, /^node-2:\d+$/);
      good.write(new Uint8Array(5));
      await world.until(() => world.later[0]?.bytes === 5);
      assert.equal(world.greeted.length, 1);
    });
  }

  it("rejects a connection that says nothing, or not all, in time", async () => {
    const world = await start("silence");
    const silent = await world.dial();
    const cut = await world.dial();
    cut.write(HELLO.subarray(0, HELLO.length - 1));
    await world.pass(HELLO_TIMEOUT_MS - 100);
    assert.deepEqual([silent.isClosed, cut.isClosed], [false, false]);
    await world.until(() => silent.isClosed && cut.isClosed, 1_000);
    const reason = `no hello within ${HELLO_TIMEOUT_MS} ms`;
    assert.deepEqual(world.rejected.map((line) => line.reason), [reason, reason]);
  });

  it("leaves nothing behind where a dialer gives up before its hello is whole", async () => {
    const world = await start("gone");
    const end = await world.dial();
    end.write(HELLO.subarray(0, 20));
    await world.pass(10);
    end.stream.destroy();
    await world.pass(2 * HELLO_TIMEOUT_MS);
    assert.deepEqual(world.rejected, []);
    assert.equal(world.world.network.connectionCount, 0);
  });

  it("keeps a greeted connection that is silent for ever", async () => {
    const world = await start("idle");
    const end = await world.dial();
    end.write(HELLO);
    await world.pass(10 * HELLO_TIMEOUT_MS);
    assert.equal(end.isClosed, false);
    assert.deepEqual(world.rejected, []);
  });

  it("rejects one connection too many, and takes one again when another has gone", async () => {
    const world = await start("many");
    const ends: HandEnd[] = [];
    for (let i = 0; i < CONNECTIONS_MAX; i += 1) {
      void dial(world.dialer, "node-1").then((end) => ends.push(end));
    }
    await world.until(() => ends.length === CONNECTIONS_MAX);
    const tooMany = await world.dial();
    await world.until(() => tooMany.isClosed);
    const crowd = { connectionsMax: CONNECTIONS_MAX, clientsMax: CONNECTIONS_MAX - MEMBERS_MAX };
    assert.deepEqual(world.crowds, [{ ...crowd, openFilesMax: null }]);
    ends[0]!.stream.destroy();
    await world.pass(100);
    const next = await world.dial();
    next.write(HELLO);
    await world.until(() => world.greeted.length === 1);
  });

  it("takes fewer where few files may be open, and says so once", async () => {
    const world = new AcceptorWorld("files");
    world.world.network.openFilesMax = 48;
    await world.start();
    const ends: HandEnd[] = [];
    for (let i = 0; i < 20; i += 1) ends.push(await world.dial());
    await world.until(() => ends.filter(({ isClosed }) => isClosed).length === 4);
    // Those that are left are for peers.
    assert.equal(world.acceptor.refusesClient(), true);
    const crowd = { connectionsMax: 16, clientsMax: 12, openFilesMax: 48 };
    assert.deepEqual(world.crowds, [crowd]);
    const open = ends.filter(({ isClosed }) => !isClosed);
    for (const end of open.splice(0, 4)) end.stream.destroy();
    await world.pass(100);
    assert.equal(world.acceptor.refusesClient(), false);
    assert.equal(world.crowds.length, 1, "it is as good as full");
    for (const end of open.splice(0, 3)) end.stream.destroy();
    await world.pass(100);
    assert.deepEqual(world.crowds, [crowd, { refusedCount: 5 }]);
    assert.deepEqual(world.rejected, []);
  });

  it("ends every connection when it closes", async () => {
    const world = await start("close");
    const ends = [await world.dial(), await world.dial()];
    ends[0]!.write(HELLO);
    await world.until(() => world.greeted.length === 1);
    await world.result(world.acceptor.close());
    await world.until(() => ends.every((end) => end.isClosed));
    await assert.rejects(world.dial(), { code: "ECONNREFUSED" });
    assert.equal(world.later[0]!.isClosed, true);
  });
});
