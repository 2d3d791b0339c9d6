import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ClientConnection } from "../../src/client/client_connection.ts";
import type { ConnectionRequest, SendFailure } from "../../src/client/connection_request.ts";
import { CLIENT_REQUESTS_MAX } from "../../src/limits.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { ClientAnswer } from "../../src/wire/client_messages.ts";
import type { HelloReply } from "../../src/wire/hello.ts";
import { addressOf, CLUSTER_ID, ScriptedCluster, sendMessage } from "./scripted_node.ts";
import type { Exchange } from "./scripted_node.ts";

/** A query, and what became of it. */
class RecordedRequest implements ConnectionRequest {
  readonly message: { type: "query"; requestId: number } & {
    readonly consistency: "linearizable";
    readonly maxAgeMs: number;
    readonly query: Uint8Array;
  };
  readonly deadlineMs: number;
  answer: ClientAnswer | null = null;
  failure: SendFailure | null = null;
  outcomes = 0;

  constructor(deadlineMs: number, content = 0) {
    this.deadlineMs = deadlineMs;
    this.message = {
      type: "query",
      requestId: 0,
      consistency: "linearizable",
      maxAgeMs: 0,
      query: new Uint8Array([content, content >> 8]),
    };
  }

  answered(answer: ClientAnswer): void {
    this.answer = answer;
    this.outcomes++;
  }

  failed(failure: SendFailure): void {
    this.failure = failure;
    this.outcomes++;
  }
}

/** A connection to node 1, and what its owner heard. */
function connect(cluster: ScriptedCluster, runtime: Runtime = cluster.runtime) {
  const events: { opened: HelloReply | null; closed: SendFailure | null } = {
    opened: null,
    closed: null,
  };
  const connection = new ClientConnection(runtime, {
    address: addressOf(1),
    clusterId: CLUSTER_ID,
    clusterName: "test",
    owner: {
      connectionOpened: (reply) => events.opened = reply,
      connectionClosed: (failure) => events.closed = failure,
    },
  });
  return { connection, events };
}

/** The same runtime, with every write of the streams that it dials noted. */
function countWrites(runtime: Runtime, writes: Uint8Array[]): Runtime {
  return {
    ...runtime,
    clock: runtime.clock,
    network: {
      listen: (options) => runtime.network.listen(options),
      connect: async (options) => {
        const stream = await runtime.network.connect(options);
        const write = stream.write.bind(stream);
        stream.write = (bytes) => {
          writes.push(bytes);
          write(bytes);
        };
        return stream;
      },
    },
  };
}

/** The same runtime, with the way noted in which each stream that it dials is ended. */
function noteEndings(runtime: Runtime, endings: string[]): Runtime {
  return {
    ...runtime,
    clock: runtime.clock,
    network: {
      listen: (options) => runtime.network.listen(options),
      connect: async (options) => {
        const stream = await runtime.network.connect(options);
        for (const ending of ["close", "destroy"] as const) {
          const end = stream[ending].bind(stream);
          stream[ending] = () => {
            endings.push(ending);
            end();
          };
        }
        return stream;
      },
    },
  };
}

function reverseAnswers(exchanges: Exchange[], count: number) {
  return (exchange: Exchange): boolean => {
    if (exchange.request.type !== "query") return false;
    exchanges.push(exchange);
    if (exchanges.length === count) {
      for (const { reply, request } of exchanges.reverse()) {
        assert.ok(request.type === "query");
        reply({ type: "queryAnswer", servedBy: 1, index: 1, ageMs: 0, result: request.query });
      }
    }
    return true;
  };
}

describe("ClientConnection", () => {
  it("says hello as a client and reports the reply", async () => {
    const cluster = await ScriptedCluster.start(1);
    const { connection, events } = connect(cluster);
    assert.equal(connection.isOpen, false);
    await cluster.run(100);
    assert.equal(connection.isOpen, true);
    assert.equal(events.opened?.nodeId, 1);
    const [hello] = cluster.node(1).hellos;
    assert.equal(hello?.role, "client");
    assert.equal(hello?.clusterId, CLUSTER_ID);
    connection.close();
    await cluster.run(5_000);
    assert.equal(cluster.world.network.connectionCount, 0);
  });

  it("pairs answers that come in another order with their requests", async () => {
    const cluster = await ScriptedCluster.start(1);
    cluster.node(1).script = reverseAnswers([], 1000);
    const { connection } = connect(cluster);
    const deadlineMs = cluster.runtime.clock.nowMs() + 5_000;
    const requests = Array.from({ length: 1000 }, (_, i) => new RecordedRequest(deadlineMs, i));
    for (const request of requests) assert.equal(connection.send(request), true);
    assert.equal(connection.pendingCount, 1000);
    await cluster.run(1_000);
    for (const { answer, message, outcomes } of requests) {
      assert.ok(answer?.type === "queryAnswer");
      assert.deepEqual([...answer.result], [...message.query]);
      assert.equal(outcomes, 1);
    }
    assert.equal(connection.pendingCount, 0);
    connection.close();
  });

  it("sends the requests of one turn with one write", async () => {
    const cluster = await ScriptedCluster.start(1);
    const writes: Uint8Array[] = [];
    const { connection } = connect(cluster, countWrites(cluster.runtime, writes));
    const deadlineMs = cluster.runtime.clock.nowMs() + 5_000;
    for (let i = 0; i < 50; i++) connection.send(new RecordedRequest(deadlineMs));
    await cluster.run(100);
    assert.equal(writes.length, 2, "the hello and the requests that waited for its reply");
    for (let i = 0; i < 50; i++) connection.send(new RecordedRequest(deadlineMs));
    await cluster.run(100);
    assert.equal(writes.length, 3);
    assert.equal(cluster.received("query").length, 100);
    connection.close();
  });

  it("fails each request at its own deadline, exactly, and ignores its late answer", async () => {
    const cluster = await ScriptedCluster.start(1);
    const exchanges: Exchange[] = [];
    cluster.node(1).script = (exchange) => {
      if (exchange.request.type === "query") exchanges.push(exchange);
      return exchange.request.type === "query";
    };
    const { connection } = connect(cluster);
    await cluster.run(100);
    const startMs = cluster.runtime.clock.nowMs();
    const requests = [700, 300, 500].map((timeoutMs) => new RecordedRequest(startMs + timeoutMs));
    for (const request of requests) connection.send(request);
    const startedMs = cluster.nowMs;
    const failedMs: number[] = [];
    for (const request of requests) {
      request.failed = (failure) => {
        assert.deepEqual([failure.kind, failure.sent], ["deadline", true]);
        failedMs.push(cluster.nowMs - startedMs);
      };
    }
    await cluster.run(900);
    assert.deepEqual(failedMs, [300, 500, 700]);
    for (const { refuse } of exchanges) refuse("noQuorum");
    await cluster.run(100);
    assert.equal(connection.isOpen, true);
    assert.ok(requests.every(({ answer }) => answer === null));
    connection.close();
  });

  it("tells what was sent from what was not when the connection is lost", async () => {
    const cluster = await ScriptedCluster.start(1);
    cluster.node(1).script = ({ request }) => request.type === "query";
    const { connection, events } = connect(cluster);
    await cluster.run(100);
    const deadlineMs = cluster.runtime.clock.nowMs() + 5_000;
    const sent = new RecordedRequest(deadlineMs);
    connection.send(sent);
    await cluster.run(100);
    cluster.node(1).dropConnections();
    await cluster.run(100);
    assert.equal(events.closed?.kind, "lost");
    assert.deepEqual([sent.failure?.kind, sent.failure?.sent], ["lost", true]);
    const late = new RecordedRequest(deadlineMs);
    assert.equal(connection.send(late), false);
    assert.equal(late.outcomes, 0);

    const second = connect(cluster).connection;
    await cluster.run(100);
    const unsent = new RecordedRequest(deadlineMs);
    second.send(unsent);
    cluster.world.network.reset();
    await cluster.run(100);
    assert.equal(unsent.outcomes, 1);
    second.close();
  });

  it("never sends what failed while the connection was being made", async () => {
    const cluster = await ScriptedCluster.start(1);
    const seen: Exchange[] = [];
    cluster.node(1).script = (exchange) => {
      seen.push(exchange);
      return true;
    };
    const { connection } = connect(cluster);
    const now = cluster.runtime.clock.nowMs();
    // Sooner than a hello can be answered.
    const early = new RecordedRequest(now + 0.125);
    const late = new RecordedRequest(now + 5_000);
    connection.send(early);
    connection.send(late);
    await cluster.run(100);
    assert.deepEqual([early.failure?.kind, early.failure?.sent], ["deadline", false]);
    assert.equal(connection.isOpen, true);
    assert.equal(seen.length, 1, "the node saw a request that was reported as not sent");
    connection.close();
    await cluster.run(5_000);
  });

  it("fails what waits when nobody listens, without having sent it", async () => {
    const cluster = await ScriptedCluster.start(1);
    cluster.node(1).kill();
    const { connection, events } = connect(cluster);
    const request = new RecordedRequest(cluster.runtime.clock.nowMs() + 5_000);
    connection.send(request);
    await cluster.run(100);
    const failure = { kind: "unreachable", sent: false, reason: "connection refused" } as const;
    assert.deepEqual(request.failure, failure);
    assert.deepEqual(events.closed, failure);
    assert.equal(connection.isClosed, true);
  });

  it("gives up a node that never says hello", async () => {
    const cluster = await ScriptedCluster.start(1);
    const { connection, events } = connect(cluster);
    cluster.node(1).machine.runtime?.process.pause();
    await cluster.run(1_990);
    assert.equal(connection.isClosed, false);
    await cluster.run(20);
    assert.equal(events.closed?.kind, "unreachable");
    assert.equal(events.closed.sent, false);
  });

  it("tells a refusal for good from one that passes", async () => {
    const cluster = await ScriptedCluster.start(1);
    cluster.node(1).helloReply = { refusal: "wrongCluster", reason: "this is cluster other" };
    const denied = connect(cluster).events;
    await cluster.run(100);
    assert.equal(denied.closed?.kind, "denied");
    assert.match(denied.closed.reason, /this is cluster other/);
    cluster.node(1).helloReply = { refusal: "tooManyConnections", reason: "4096 clients" };
    const busy = connect(cluster).events;
    await cluster.run(100);
    assert.equal(busy.closed?.kind, "unreachable");
    cluster.node(1).helloReply = { protocol: 99 };
    const strange = connect(cluster).events;
    await cluster.run(100);
    assert.equal(strange.closed?.kind, "unreachable");
    assert.match(strange.closed.reason, /protocol 99/);
  });

  it("asks a silent node for a sign of life, and gives it up without one", async () => {
    const cluster = await ScriptedCluster.start(1);
    cluster.node(1).script = ({ request }) => request.type === "query";
    const { connection, events } = connect(cluster);
    const request = new RecordedRequest(cluster.runtime.clock.nowMs() + 60_000);
    connection.send(request);
    await cluster.run(10_000);
    assert.equal(connection.isOpen, true, "it answers questions for its status");
    const questions = cluster.received("status").length;
    assert.ok(questions >= 8 && questions <= 10, `${questions} questions`);
    cluster.node(1).machine.runtime?.process.pause();
    await cluster.run(2_100);
    assert.equal(events.closed?.kind, "lost");
    assert.deepEqual([request.failure?.kind, request.failure?.sent], ["lost", true]);
  });

  it("does not take a pause of its own process for silence", async () => {
    const cluster = await ScriptedCluster.start(1);
    cluster.node(1).script = ({ request }) => request.type === "query";
    const { connection } = connect(cluster);
    connection.send(new RecordedRequest(cluster.runtime.clock.nowMs() + 600_000));
    await cluster.run(1_500);
    cluster.runtime.process.pause();
    await cluster.run(100_000);
    cluster.runtime.process.resume();
    await cluster.run(500);
    assert.equal(connection.isOpen, true);
    connection.close();
  });

  it("waits for the other side when it is closed only where something is under way", async () => {
    for (const [count, ending] of [[0, "destroy"], [1, "close"]] as const) {
      const cluster = await ScriptedCluster.start(1);
      const endings: string[] = [];
      const { connection } = connect(cluster, noteEndings(cluster.runtime, endings));
      await cluster.run(100);
      const deadlineMs = cluster.runtime.clock.nowMs() + 5_000;
      for (let sent = 0; sent < count; sent++) connection.send(new RecordedRequest(deadlineMs));
      connection.close();
      assert.deepEqual(endings, [ending], `With ${count} requests under way`);
    }
  });

  it("closes on garbage, and on an answer to nothing", async () => {
    const cluster = await ScriptedCluster.start(1);
    const { connection, events } = connect(cluster);
    await cluster.run(100);
    const [stream] = cluster.node(1).streams;
    stream?.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n"));
    await cluster.run(100);
    assert.equal(connection.isClosed, true);
    assert.equal(events.closed?.kind, "lost");

    const second = connect(cluster);
    await cluster.run(100);
    const [other] = cluster.node(1).streams;
    assert.ok(other !== undefined);
    const result = new Uint8Array(0);
    sendMessage(other, {
      type: "queryAnswer",
      requestId: 77,
      servedBy: 1,
      index: 1,
      ageMs: 0,
      result,
    });
    await cluster.run(100);
    assert.equal(second.events.closed?.kind, "lost");
    assert.match(second.events.closed.reason, /request 77/);
  });

  it("bounds the requests without an answer", async () => {
    const cluster = await ScriptedCluster.start(1);
    const { connection } = connect(cluster);
    const deadlineMs = cluster.runtime.clock.nowMs() + 100;
    for (let i = 0; i < CLIENT_REQUESTS_MAX; i++) {
      assert.equal(connection.send(new RecordedRequest(deadlineMs)), true);
    }
    assert.equal(connection.send(new RecordedRequest(deadlineMs)), false);
    connection.close();
    assert.equal(connection.pendingCount, 0);
  });
});
