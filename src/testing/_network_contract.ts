/**
 * The part of the runtime contract about connecting and moving bytes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NetworkError } from "../runtime/runtime.ts";
import {
  assertPattern,
  patternBytes,
  roundTrips,
  StreamRecorder,
  withBarrier,
  withOnePair,
  withPair,
} from "./_stream_recorder.ts";
import type { ContractTest, RuntimeHarness } from "./runtime_harness.ts";

const MIB = 1024 * 1024;

/** The tests of the network. */
export const networkContract: readonly ContractTest[] = [
  { name: "network carries bytes both ways", body: carriesBothWays },
  { name: "network keeps the order of many writes of all sizes", body: keepsOrder },
  { name: "network moves a large transfer in pieces", body: movesLargeTransfer },
  { name: "network gives chunks that nobody writes to again", body: givesChunksAway },
  { name: "network gives chunks whose slices are copies", body: givesPlainBytes },
  { name: "network says who is on the other side", body: saysRemoteAddress },
  { name: "network keeps what arrives before start", body: keepsBytesBeforeStart },
  { name: "network holds the sender back while the receiver pauses", body: holdsSenderBack },
  { name: "network serves many connections at once", body: servesManyConnections },
  { name: "connect rejects with ECONNREFUSED where nobody listens", body: refusesConnection },
  { name: "connect rejects with ETIMEDOUT where nobody answers", body: timesOut },
  { name: "listen rejects with EADDRINUSE on a port in use", body: refusesUsedPort },
  { name: "listener close keeps accepted connections", body: closesListenerOnly },
];

function carriesBothWays(harness: RuntimeHarness): Promise<void> {
  return withPair(harness, async ({ client, server }) => {
    server.onData = (chunk) => server.stream.write(chunk);
    client.stream.write(patternBytes(1000));
    await client.received(1000);
    assertPattern(client.bytes());
    assertPattern(server.bytes());
  });
}

function keepsOrder(harness: RuntimeHarness): Promise<void> {
  return withPair(harness, async ({ client, server }) => {
    let sent = 0;
    for (let write = 0; write < 2000; write += 1) {
      const length = (write * 37) % 997;
      client.stream.write(patternBytes(length, sent));
      sent += length;
    }
    await server.received(sent);
    assert.equal(server.receivedBytes, sent);
    assertPattern(server.bytes());
  });
}

function movesLargeTransfer(
  harness: RuntimeHarness,
  options: { readonly transferBytes?: number },
): Promise<void> {
  const totalBytes = options.transferBytes ?? 64 * MIB;
  // A multiple of the pattern's period, so that each piece is the same.
  const piece = patternBytes(251 * 1024);
  return withPair(harness, async ({ client, server }) => {
    let checked = 0;
    server.onData = (chunk) => {
      assertPattern(chunk, checked % 251);
      checked += chunk.length;
      server.chunks.length = 0;
    };
    let sent = 0;
    for (; sent < totalBytes; sent += piece.length) client.stream.write(piece);
    await server.received(sent);
    assert.equal(checked, sent);
  });
}

function givesChunksAway(harness: RuntimeHarness): Promise<void> {
  return withPair(harness, async ({ client, server }) => {
    const copies: Uint8Array[] = [];
    server.onData = (chunk) => copies.push(chunk.slice());
    for (let trip = 0; trip < 50; trip += 1) {
      const wanted = server.receivedBytes + 3000;
      client.stream.write(new Uint8Array(3000).fill(trip));
      await server.received(wanted);
    }
    assert.deepEqual(server.bytes(), concatenate(copies));
    // And the receiver may write to them without harm to those that follow.
    for (const chunk of server.chunks) chunk.fill(255);
    client.stream.write(new Uint8Array(100).fill(7));
    await server.received(150_100);
    assert.deepEqual(server.bytes().slice(-100), new Uint8Array(100).fill(7));
  });
}

/** A Buffer's slice is a view: whoever keeps one sees it change. */
function givesPlainBytes(harness: RuntimeHarness): Promise<void> {
  return withPair(harness, async ({ client, server }) => {
    server.onData = (chunk) => server.stream.write(chunk);
    client.stream.write(patternBytes(1000));
    await client.received(1000);
    for (const chunk of [...client.chunks, ...server.chunks]) {
      assert.equal(Object.getPrototypeOf(chunk), Uint8Array.prototype);
      const kept = chunk.slice(0, 1);
      chunk[0]! ^= 255;
      assert.notEqual(kept[0], chunk[0]);
    }
  });
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

function saysRemoteAddress(harness: RuntimeHarness): Promise<void> {
  return withOnePair(harness, async ({ client, server, listener }) => {
    assert.equal(client.stream.remoteAddress, `${harness.host}:${listener.port}`);
    assert.match(server.stream.remoteAddress, /^.+:[0-9]+$/);
    assert.notEqual(server.stream.remoteAddress, client.stream.remoteAddress);
    await roundTrips({ client, server, listener }, 1);
  });
}

function keepsBytesBeforeStart(harness: RuntimeHarness): Promise<void> {
  const { runtime, host } = harness;
  return withOnePair(harness, async (barrier) => {
    const listener = await runtime.network.listen({
      host,
      port: 0,
      onConnection: (stream) => {
        stream.start(new StreamRecorder(stream));
        stream.write(patternBytes(5000));
        stream.close();
      },
    });
    try {
      const { port } = listener;
      const stream = await runtime.network.connect({ host, port, timeoutMs: 10_000 });
      await roundTrips(barrier, 10);
      const client = new StreamRecorder(stream);
      stream.start(client);
      assert.equal(client.receivedBytes, 0, "data was called from within start");
      await client.ended();
      assert.equal(client.receivedBytes, 5000);
      assertPattern(client.bytes());
      assert.equal(client.closedError, null);
    } finally {
      await listener.close();
    }
  });
}

function holdsSenderBack(harness: RuntimeHarness): Promise<void> {
  return withBarrier(harness, async ({ client, server }, barrier) => {
    server.stream.pause();
    const piece = patternBytes(251 * 1024);
    let sent = 0;
    for (; sent < 32 * MIB; sent += piece.length) client.stream.write(piece);
    await roundTrips(barrier, 20);
    assert.equal(server.receivedBytes, 0, "data was called while paused");
    // The kernels in between take some MiB; the rest must wait, and be seen waiting, here.
    const buffered = client.stream.writeBufferedBytes;
    assert.ok(buffered > 16 * MIB, `Buffered ${buffered} of ${sent} bytes`);
    assert.ok(buffered <= sent, `Buffered ${buffered} of ${sent} bytes`);
    server.stream.resume();
    await server.received(sent);
    assertPattern(server.bytes());
    while (client.stream.writeBufferedBytes > 0) await roundTrips(barrier, 1);
  });
}

async function servesManyConnections(harness: RuntimeHarness): Promise<void> {
  const { runtime, host } = harness;
  const listener = await runtime.network.listen({
    host,
    port: 0,
    onConnection: (stream) => {
      const recorder = new StreamRecorder(stream);
      recorder.onData = (chunk) => stream.write(chunk);
      stream.start(recorder);
    },
  });
  const clients = await Promise.all(Array.from({ length: 50 }, async (_, index) => {
    const stream = await runtime.network.connect({ host, port: listener.port, timeoutMs: 10_000 });
    const client = new StreamRecorder(stream);
    stream.start(client);
    stream.write(new Uint8Array(200).fill(index));
    return client;
  }));
  await Promise.all(clients.map((client) => client.received(200)));
  clients.forEach((client, index) => {
    assert.deepEqual(client.bytes(), new Uint8Array(200).fill(index));
    client.stream.destroy();
  });
  await listener.close();
}

async function refusesConnection(harness: RuntimeHarness): Promise<void> {
  const { runtime, host } = harness;
  const listener = await runtime.network.listen({ host, port: 0, onConnection: () => {} });
  await listener.close();
  const dial = runtime.network.connect({ host, port: listener.port, timeoutMs: 10_000 });
  await assert.rejects(dial, (error: unknown) => {
    assert.ok(error instanceof NetworkError);
    assert.equal(error.code, "ECONNREFUSED");
    assert.match(error.message, new RegExp(`^Cannot connect to "${host}:${listener.port}": `));
    return true;
  });
}

async function timesOut(harness: RuntimeHarness): Promise<void> {
  const { network, clock } = harness.runtime;
  // Only the real runtimes may lack one: a test of theirs says so.
  const address = await harness.silentAddress?.();
  if (address === undefined) return;
  const startMs = clock.nowMs();
  await assert.rejects(network.connect({ ...address, timeoutMs: 200 }), (error: unknown) => {
    assert.ok(error instanceof NetworkError);
    assert.equal(error.code, "ETIMEDOUT");
    return true;
  });
  assert.ok(clock.nowMs() - startMs >= 199, "connect gave up before its time");
}

async function refusesUsedPort(harness: RuntimeHarness): Promise<void> {
  const { network } = harness.runtime;
  const { host } = harness;
  const listener = await network.listen({ host, port: 0, onConnection: () => {} });
  const second = network.listen({ host, port: listener.port, onConnection: () => {} });
  await assert.rejects(second, (error: unknown) => {
    assert.ok(error instanceof NetworkError);
    assert.equal(error.code, "EADDRINUSE");
    return true;
  });
  await listener.close();
  const third = await network.listen({ host, port: listener.port, onConnection: () => {} });
  assert.equal(third.port, listener.port);
  await third.close();
}

function closesListenerOnly(harness: RuntimeHarness): Promise<void> {
  return withOnePair(harness, async (pair) => {
    await pair.listener.close();
    await roundTrips(pair, 3);
    const { host, runtime } = harness;
    const dial = runtime.network.connect({ host, port: pair.listener.port, timeoutMs: 10_000 });
    await assert.rejects(dial, NetworkError);
  });
}
