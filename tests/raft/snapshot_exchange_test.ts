/** The sender and the intake of snapshots, joined by hand on a store in memory. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Input } from "../../src/consensus/input.ts";
import type {
  InstallSnapshotRequest,
  InstallSnapshotResponse,
  Message,
} from "../../src/consensus/messages.ts";
import { ProtocolError } from "../../src/errors.ts";
import { SNAPSHOT_SEND_BYTES_MAX, SNAPSHOT_WINDOW_BYTES_MAX } from "../../src/limits.ts";
import { MemoryLog } from "../../src/log/memory_log.ts";
import type { SnapshotMeta } from "../../src/log/snapshot_format.ts";
import type { SnapshotReceiver, SnapshotStore } from "../../src/log/snapshot_store.ts";
import { type LogFields, type Logger, silentLogger } from "../../src/observability/logger.ts";
import { verifiedMessage } from "../../src/raft/message_intake.ts";
import { SnapshotIntake } from "../../src/raft/snapshot_intake.ts";
import { SnapshotSender } from "../../src/raft/snapshot_sender.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { DriverClock, ELECTION_TIMEOUT_MS } from "./driver_world.ts";

const EFFECT = { to: 2, term: 3, session: 1 };

function metaOf(lastIncludedIndex: number): SnapshotMeta {
  return {
    snapshotId: String(lastIncludedIndex).padStart(32, "0"),
    clusterId: "",
    lastIncludedIndex,
    lastIncludedTerm: 2,
    logTimeMs: 1,
    configurationIndex: 1,
    configuration: { voters: [], votersOld: [], learners: [], promotions: [] },
  };
}

/** Bytes that differ from place to place. */
function bytesOf(lastIncludedIndex: number, chunks: number): Uint8Array {
  const bytes = new Uint8Array(chunks * SNAPSHOT_SEND_BYTES_MAX - 5);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = (i >>> 10) * 7 + lastIncludedIndex;
  return bytes;
}

/** A leader and a follower whose messages a test carries. */
class Exchange {
  readonly clock = new DriverClock();
  term = 3;
  bytes = bytesOf(10, 9);
  meta = metaOf(10);
  openReaders = 0;
  receiver: { id: string; bytes: Uint8Array; stored: number } | null = null;
  readonly received: Uint8Array[] = [];
  readonly ended: Input[] = [];
  requests: InstallSnapshotRequest[] = [];
  responses: InstallSnapshotResponse[] = [];
  readonly failures: unknown[] = [];
  /** The snapshots that were refused. */
  readonly refusals: number[] = [];
  /** What both said to their logs. */
  readonly lines: [message: string, fields: LogFields | undefined][] = [];
  readonly sender: SnapshotSender;
  readonly intake: SnapshotIntake;

  constructor() {
    const latest = () => ({ meta: this.meta, totalBytes: this.bytes.length });
    const info = (message: string, fields?: LogFields) => void this.lines.push([message, fields]);
    const logger: Logger = { ...silentLogger, info };
    this.sender = new SnapshotSender({
      clock: this.clock,
      log: new MemoryLog({ clock: this.clock }),
      transport: transportOf((message) => this.requests.push(message as InstallSnapshotRequest)),
      snapshots: {
        get latest() {
          return latest();
        },
        openReader: (snapshot) => {
          const { bytes } = this;
          this.openReaders += 1;
          return Promise.resolve({
            snapshot,
            read: (offset, bytesMax) => Promise.resolve(bytes.slice(offset, offset + bytesMax)),
            close: () => Promise.resolve(void (this.openReaders -= 1)),
          });
        },
      },
      logger,
      electionTimeoutMs: ELECTION_TIMEOUT_MS,
      leadingTerm: () => this.term,
      ended: (input) => this.ended.push(input),
      unusable: (_, error) => Promise.resolve(void this.failures.push(error)),
      refused: ({ meta }) => Promise.resolve(void this.refusals.push(meta.lastIncludedIndex)),
    });
    this.intake = new SnapshotIntake({
      clock: this.clock,
      logger,
      transport: transportOf((message) => this.responses.push(message as InstallSnapshotResponse)),
      snapshots: { receive: (reception) => this.#receive(reception) },
      term: () => this.term,
      received: () => this.received.push(this.receiver!.bytes),
      failed: (error) => this.failures.push(error),
    });
  }

  /** Carries everything until nothing moves; the core at the follower answers at the end. */
  async settle(): Promise<void> {
    do {
      for (const request of this.requests.splice(0)) this.intake.take({ from: 1, request });
      await this.clock.settle();
      for (const response of this.responses.splice(0)) this.sender.answered(2, response);
      await this.clock.settle();
    } while (this.requests.length > 0 || this.responses.length > 0);
  }

  #receive(reception: Parameters<SnapshotStore["receive"]>[0]): Promise<SnapshotReceiver> {
    const { snapshotId: id, totalBytes } = reception;
    if (this.receiver?.id !== id) {
      this.receiver = { id, bytes: new Uint8Array(totalBytes), stored: 0 };
    }
    const current = this.receiver;
    return Promise.resolve({
      ...reception,
      get storedBytes() {
        return current.stored;
      },
      append: (offset, bytes) => {
        assert.equal(offset, current.stored, "bytes with a gap or twice");
        current.bytes.set(bytes, offset);
        current.stored += bytes.length;
        return Promise.resolve();
      },
      finish: () => Promise.resolve({ meta: this.meta, totalBytes }),
      abort: () => Promise.resolve(),
    });
  }
}

function transportOf(sent: (message: Message) => void): Transport {
  return {
    setPeers: () => {},
    send: (_, message) => {
      if (message.type !== "stateHash") sent(message);
    },
    flush: () => {},
    isConnected: () => true,
    peerReply: () => null,
    close: () => {},
  };
}

describe("sending and receiving a snapshot", () => {
  it("hands every byte over, and never more ahead than the window", async () => {
    const exchange = new Exchange();
    exchange.sender.send(EFFECT);
    await exchange.clock.settle();
    assert.deepEqual(exchange.requests.map(({ data }) => data.length), [0], "a question first");
    exchange.intake.take({ from: 1, request: exchange.requests.shift()! });
    await exchange.clock.settle();
    exchange.sender.answered(2, exchange.responses.shift()!);
    await exchange.clock.settle();
    const ahead = exchange.requests.reduce((sum, { data }) => sum + data.length, 0);
    assert.equal(ahead, SNAPSHOT_WINDOW_BYTES_MAX);
    await exchange.settle();
    assert.deepEqual(exchange.received, [exchange.bytes]);
    assert.deepEqual(exchange.failures, []);
    const bytes = exchange.bytes.length;
    assert.deepEqual(exchange.lines, [
      ["Sends a snapshot", { index: 10, to: 2, bytes }],
      ["Receives a snapshot", { index: 10, from: 1, bytes, storedBytes: 0 }],
    ]);
  });

  it("trap 45: goes on where the follower stands, after every loss", async () => {
    const exchange = new Exchange();
    for (let lost = 0; exchange.received.length === 0; lost += 1) {
      assert.ok(lost < 20, "it never ends");
      exchange.sender.send(EFFECT);
      for (let hop = 0; hop < 2 + lost % 3; hop += 1) {
        for (const request of exchange.requests.splice(0)) {
          exchange.intake.take({ from: 1, request });
        }
        await exchange.clock.settle();
        for (const answer of exchange.responses.splice(0)) exchange.sender.answered(2, answer);
        await exchange.clock.settle();
      }
      exchange.requests = [];
      exchange.responses = [];
      exchange.sender.connectionLost(2);
    }
    assert.deepEqual(exchange.received, [exchange.bytes]);
    assert.equal(exchange.ended.length > 1, true);
  });

  it("trap 45: chunks that come twice, late or after a gap do no harm", async () => {
    const exchange = new Exchange();
    exchange.sender.send(EFFECT);
    const seen: InstallSnapshotRequest[] = [];
    for (let hop = 0; hop < 3; hop += 1) {
      seen.push(...exchange.requests);
      for (const request of exchange.requests.splice(0)) exchange.intake.take({ from: 1, request });
      await exchange.clock.settle();
      for (const answer of exchange.responses.splice(0)) exchange.sender.answered(2, answer);
      await exchange.clock.settle();
    }
    for (const request of seen.reverse()) exchange.intake.take({ from: 1, request });
    await exchange.clock.settle();
    await exchange.settle();
    assert.deepEqual(exchange.received, [exchange.bytes]);
    assert.deepEqual(exchange.failures, []);
  });

  it("trap 45: a chunk of a leader that was deposed is not stored", async () => {
    const exchange = new Exchange();
    exchange.sender.send(EFFECT);
    await exchange.clock.settle();
    const [request] = exchange.requests.splice(0);
    exchange.term = 4;
    exchange.intake.take({ from: 1, request: request! });
    await exchange.clock.settle();
    assert.deepEqual([exchange.receiver, exchange.responses], [null, []]);
  });

  it("trap 45: another file starts anew, and the file of an attempt stays open", async () => {
    const exchange = new Exchange();
    const first = exchange.bytes;
    exchange.sender.send(EFFECT);
    for (const _ of [1, 2]) {
      for (const request of exchange.requests.splice(0)) exchange.intake.take({ from: 1, request });
      await exchange.clock.settle();
      for (const answer of exchange.responses.splice(0)) exchange.sender.answered(2, answer);
      await exchange.clock.settle();
    }
    exchange.sender.connectionLost(2);
    exchange.requests = [];
    // A newer snapshot replaces the file; the attempt after the break still reads the first.
    exchange.bytes = bytesOf(20, 2);
    exchange.meta = metaOf(20);
    exchange.sender.send(EFFECT);
    await exchange.settle();
    assert.deepEqual(exchange.received, [first]);
    exchange.sender.stop();
    await exchange.clock.settle();
    assert.equal(exchange.openReaders, 0);
    exchange.sender.send(EFFECT);
    await exchange.settle();
    assert.deepEqual(exchange.received[1], exchange.bytes);
  });

  it("asks again where nothing is answered, and gives up in the end", async () => {
    const exchange = new Exchange();
    exchange.sender.send(EFFECT);
    await exchange.clock.pass(3.5 * ELECTION_TIMEOUT_MS);
    assert.equal(exchange.requests.length, 4);
    assert.equal(exchange.ended.length, 0);
    await exchange.clock.pass(10 * ELECTION_TIMEOUT_MS);
    assert.deepEqual(exchange.ended, [{ type: "snapshotEnded", peer: 2, term: 3, session: 1 }]);
    await exchange.clock.pass(20 * ELECTION_TIMEOUT_MS);
    assert.deepEqual([exchange.openReaders, exchange.clock.waiting], [0, 0]);
  });

  it("refuses a chunk whose bytes are not those that were sent", () => {
    const request = {
      type: "installSnapshotRequest",
      term: 1,
      session: 0,
      snapshotId: metaOf(1).snapshotId,
      lastIncludedIndex: 1,
      lastIncludedTerm: 1,
      totalBytes: 3,
      offset: 0,
      dataChecksum: 1,
      data: Uint8Array.of(1, 2, 3),
    } as const;
    assert.throws(() => verifiedMessage(request), ProtocolError);
  });
});
