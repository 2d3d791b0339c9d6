import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AnswerForgottenError, NotLeaderError } from "../../src/errors.ts";
import { OverloadedError, SessionExpiredError } from "../../src/errors.ts";
import type { RaftError } from "../../src/errors.ts";
import {
  CLIENT_REQUESTS_MAX,
  CONNECTIONS_MAX,
  FRAME_BYTES_MAX,
  VALUE_BYTES_MAX,
  WRITE_BUFFER_BYTES_MAX,
} from "../../src/limits.ts";
import { PAUSE_BYTES, REFUSE_READS_BYTES } from "../../src/node/client_service_connection.ts";
import type { ByteStream } from "../../src/runtime/runtime.ts";
import { ByteBuilder } from "../../src/wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../../src/wire/client_codec.ts";
import { FrameDecoder } from "../../src/wire/frame.ts";
import { COMMAND_ID, HELLO, NOTHING, RawClient, ServiceWorld } from "./client_service_world.ts";

describe("ClientService", () => {
  it("accepts a hello, and takes the requests that came with it", async () => {
    const world = await ServiceWorld.start();
    const dialed = world.dialer.network.connect({ host: "n1", port: 7238, timeoutMs: 1_000 });
    const connected = dialed.then((stream) => new RawClient(stream));
    await world.run(10);
    const client = await connected;
    client.send({ type: "hello", hello: HELLO }, { type: "status", requestId: 8 });
    await world.run(10);
    assert.deepEqual(client.answers, ["statusAnswer 8"]);
    assert.equal(world.service.connectionCount, 1);
  });

  it("refuses a hello with the backend's reason, and closes", async () => {
    const world = await ServiceWorld.start();
    world.backend.refusal = "wrongCluster";
    const client = await world.connect();
    await world.run(2_000);
    const [message] = client.received;
    assert.ok(message?.type === "helloReply");
    assert.equal(message.reply.reason, "not here");
    assert.equal(client.isClosed, true);
    assert.equal(world.warnings.length, 1);
    assert.match(world.warnings[0]!, /^Refused client client:\d+: not here$/);
    assert.equal(world.service.connectionCount, 0);
  });

  it("hands requests on with their ids, and answers in any order with one write", async () => {
    const world = await ServiceWorld.start();
    const client = await world.connect();
    client.propose(11, 12);
    client.query(13);
    await world.run(10);
    const [first, second, third] = world.backend.taken;
    assert.ok(first && second && third);
    assert.deepEqual([...first.bytes], [11]);
    assert.deepEqual([...second.commandId], [...COMMAND_ID]);
    assert.equal(third.freshness?.consistency, "stale");
    assert.equal(third.freshness?.maxAgeMs, 250);
    let writes = 0;
    const [stream] = world.accepted;
    assert.ok(stream !== undefined);
    const write = stream.write.bind(stream);
    stream.write = (bytes) => {
      writes++;
      write(bytes);
    };
    const result = new Uint8Array([1, 2]);
    third.sink.queryAnswered(13, { servedBy: 1, index: 7, ageMs: 3, result });
    result[0] = 9; // The sink has copied it.
    second.sink.proposalApplied(12, { index: 7, term: 3, duplicate: true, result });
    first.sink.proposalFailed(11, new NotLeaderError(2, "n2:7238"));
    await world.run(10);
    assert.equal(writes, 1);
    assert.deepEqual(client.answers, ["queryAnswer 13", "proposeAnswer 12", "errorAnswer 11"]);
    const [, query, propose, refusal] = client.received;
    assert.ok(query?.type === "queryAnswer" && propose?.type === "proposeAnswer");
    assert.deepEqual([query.servedBy, query.index, query.ageMs, ...query.result], [1, 7, 3, 1, 2]);
    assert.deepEqual([propose.duplicate, ...propose.result], [true, 9, 2]);
    assert.ok(refusal?.type === "errorAnswer");
    assert.equal(refusal.code, "notLeader");
    assert.deepEqual([refusal.leaderId, refusal.leaderAddress], [2, "n2:7238"]);
    assert.equal(refusal.logTimeMs, 1234);
  });

  it("names the leader with every other error, and keeps what the error concludes", async () => {
    const world = await ServiceWorld.start();
    const client = await world.connect();
    client.propose(1, 2, 3);
    await world.run(10);
    const errors: RaftError[] = [
      new OverloadedError("The log is full"),
      new AnswerForgottenError("The answer is not kept"),
      new SessionExpiredError("The session is not there", "unknown"),
    ];
    world.backend.taken.forEach(({ sink, requestId }, position) => {
      const error = errors[position];
      assert.ok(error !== undefined);
      sink.proposalFailed(requestId, error);
    });
    await world.run(10);
    const answers = client.received.slice(1).map((message) => {
      assert.ok(message.type === "errorAnswer" && message.leaderAddress === "n9:7238");
      return [message.code, message.applied, message.leaderId].join(" ");
    });
    const wanted = ["overloaded no 9", "answerForgotten yes 9", "sessionExpired unknown 9"];
    assert.deepEqual(answers, wanted);
  });

  it("drops answers for a client that is gone (ancestor A10 the other way)", async () => {
    const world = await ServiceWorld.start();
    const client = await world.connect();
    client.propose(1);
    await world.run(10);
    client.stream.destroy();
    await world.run(10);
    assert.equal(world.service.connectionCount, 0);
    world.answerAll(NOTHING);
    await world.run(10);
    assert.deepEqual(world.warnings, []);
  });

  it("answers what is done before it closes, and takes no new clients", async () => {
    const world = await ServiceWorld.start();
    const client = await world.connect();
    client.propose(1);
    await world.run(10);
    world.answerAll(NOTHING);
    world.service.close();
    await world.run(2_000);
    assert.deepEqual(client.answers, ["proposeAnswer 1"]);
    assert.equal(client.isClosed, true);
    const late = await world.connect();
    const [message] = late.received;
    assert.ok(message?.type === "helloReply");
    assert.equal(message.reply.refusal, "notReady");
  });
});

describe("ClientService: bounds", () => {
  it("closes only the connection that sends garbage (trap 55, ancestor A9)", async () => {
    const world = await ServiceWorld.start();
    const good = await world.connect();
    const oversize = new Uint8Array(8);
    new DataView(oversize.buffer).setUint32(4, FRAME_BYTES_MAX / 8 + 1, true);
    const flipped = new ByteBuilder();
    writeClientMessage(flipped, { type: "status", requestId: 1 });
    const wrongChecksum = flipped.take();
    wrongChecksum.set(
      [wrongChecksum[wrongChecksum.length - 1] === 1 ? 2 : 1],
      wrongChecksum.length - 1,
    );
    const second = new ByteBuilder();
    writeClientMessage(second, { type: "hello", hello: HELLO });
    const garbage = [
      new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
      oversize,
      wrongChecksum,
      second.take(),
      new Uint8Array(64).fill(0xff),
    ];
    for (const bytes of garbage) {
      const bad = await world.connect();
      bad.stream.write(bytes);
      await world.run(100);
      assert.equal(bad.isClosed, true);
    }
    assert.equal(world.warnings.length, garbage.length);
    assert.match(world.warnings[0] ?? "", /client:\d+: .*HTTP/);
    assert.equal(world.service.connectionCount, 1);
    good.send({ type: "status", requestId: 1 });
    await world.run(10);
    assert.deepEqual(good.answers, ["statusAnswer 1"]);
  });

  it("refuses more requests than it may have unanswered", async () => {
    const world = await ServiceWorld.start();
    const client = await world.connect();
    const ids = Array.from({ length: CLIENT_REQUESTS_MAX + 2 }, (_, index) => index + 1);
    client.propose(...ids);
    await world.run(1_000);
    assert.equal(world.backend.taken.length, CLIENT_REQUESTS_MAX);
    assert.deepEqual(client.answers, [
      `errorAnswer ${CLIENT_REQUESTS_MAX + 1}`,
      `errorAnswer ${CLIENT_REQUESTS_MAX + 2}`,
    ]);
    world.answerAll(NOTHING);
    client.propose(1);
    await world.run(1_000);
    assert.equal(world.backend.taken.length, 1);
  });

  it("refuses more clients than it may have", async () => {
    const world = await ServiceWorld.start();
    const streams: string[] = [];
    for (let i = 0; i <= CONNECTIONS_MAX; i++) {
      const stream = new NullStream((bytes) => {
        const decoder = new FrameDecoder();
        decoder.push(bytes);
        const frame = decoder.next();
        const message = frame === null ? null : decodeClientMessage(frame);
        if (message?.type === "helloReply") streams.push(message.reply.refusal);
      });
      world.service.accept({ stream, hello: HELLO, bufferedBytes: NOTHING });
    }
    assert.equal(streams.filter((refusal) => refusal === "none").length, CONNECTIONS_MAX);
    assert.equal(streams.at(-1), "tooManyConnections");
    world.service.close();
    assert.equal(world.service.connectionCount, 0);
  });

  it("does not read on from a client that does not read", async () => {
    const world = await ServiceWorld.start();
    const client = await world.connect();
    client.stream.pause();
    const large = new Uint8Array(VALUE_BYTES_MAX);
    client.query(1, 2, 3);
    await world.run(100);
    world.answerAll(large);
    await world.run(100);
    const [stream] = world.accepted;
    assert.ok(stream !== undefined && stream.writeBufferedBytes > PAUSE_BYTES);
    client.query(4, 5);
    await world.run(1_000);
    assert.equal(world.backend.taken.length, 0, "nothing was read");
    client.stream.resume();
    await world.run(10_000);
    assert.equal(world.backend.taken.length, 2, "it reads again");
    assert.deepEqual(client.answers, ["queryAnswer 1", "queryAnswer 2", "queryAnswer 3"]);
    assert.deepEqual(world.warnings, []);
  });

  it("refuses reads whose answers pile up, and cuts off who still does not read", async () => {
    const world = await ServiceWorld.start();
    const client = await world.connect();
    client.stream.pause();
    const large = new Uint8Array(VALUE_BYTES_MAX);
    const readsKept = Math.floor(REFUSE_READS_BYTES / VALUE_BYTES_MAX);
    const ids = Array.from({ length: readsKept + 3 }, (_, index) => index + 1);
    client.query(...ids);
    client.propose(...Array.from({ length: 10 }, (_, index) => index + 100));
    await world.run(100);
    const proposals = world.backend.taken.splice(ids.length);
    world.answerAll(large);
    await world.run(100);
    const [stream] = world.accepted;
    assert.ok(stream !== undefined && stream.writeBufferedBytes < WRITE_BUFFER_BYTES_MAX);
    assert.equal(world.service.connectionCount, 1);
    // The answers of commands are not refused: they took effect.
    world.backend.taken.push(...proposals);
    world.answerAll(large);
    await world.run(100);
    assert.equal(world.service.connectionCount, 0);
    assert.equal(world.warnings.length, 1);
    assert.match(world.warnings[0] ?? "", /does not read/);
  });
});

/** A stream that swallows what is written. */
class NullStream implements ByteStream {
  readonly remoteAddress = "nobody:1";
  readonly writeBufferedBytes = 0;
  readonly #write: (bytes: Uint8Array) => void;

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  write(bytes: Uint8Array): void {
    this.#write(bytes);
  }
  start(): void {}
  pause(): void {}
  resume(): void {}
  close(): void {}
  destroy(): void {}
}
