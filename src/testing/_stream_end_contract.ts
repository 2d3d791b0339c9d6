/**
 * The part of the runtime contract about how connections end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { beforeTicks } from "./_before_ticks.ts";
import {
  assertPattern,
  patternBytes,
  roundTrips,
  withBarrier,
  withPair,
} from "./_stream_recorder.ts";
import type { ContractTest, RuntimeHarness } from "./runtime_harness.ts";

const MIB = 1024 * 1024;

/** The tests of the end of a stream. */
export const streamEndContract: readonly ContractTest[] = [
  { name: "close sends what was written", body: closeFlushes },
  { name: "close loses no answer while the other side still sends", body: closeAvoidsReset },
  { name: "close ends the other side without an error", body: closeEndsOtherSide },
  { name: "close ends a stream whose own reading is paused", body: closeWhilePaused },
  { name: "closed is called once, however often a stream is closed", body: closedOnce },
  { name: "closed is called once when both sides close at once", body: closedOnceOnBoth },
  { name: "destroy ends both sides", body: destroyEndsBoth },
  { name: "destroy delivers nothing more", body: destroyDeliversNothing },
  { name: "write is ignored after the end", body: writeAfterEnd },
  { name: "write to a side that is gone ends the stream", body: writeToGoneSide },
];

function closeFlushes(harness: RuntimeHarness): Promise<void> {
  return withPair(harness, async ({ client, server }) => {
    const bytes = patternBytes(8 * MIB);
    client.stream.write(bytes);
    client.stream.close();
    await Promise.all([server.ended(), client.ended()]);
    assert.equal(server.receivedBytes, bytes.length);
    assertPattern(server.bytes());
    assert.equal(server.closedError, null);
    assert.equal(client.closedError, null);
  });
}

function closeAvoidsReset(harness: RuntimeHarness): Promise<void> {
  return withBarrier(harness, async ({ client, server }, barrier) => {
    server.onData = () => {
      server.stream.write(patternBytes(1000));
      server.stream.close();
    };
    // The answer and the end wait in the kernel while the sender is busy: a reset would get there.
    client.stream.pause();
    client.stream.write(new Uint8Array(4 * MIB));
    await server.received(1);
    await roundTrips(barrier, 20);
    client.stream.resume();
    await client.ended();
    assert.equal(client.receivedBytes, 1000);
    assertPattern(client.bytes());
    assert.equal(client.closedError, null);
  });
}

function closeEndsOtherSide(harness: RuntimeHarness): Promise<void> {
  return withPair(harness, async ({ client, server }) => {
    server.stream.close();
    await client.ended();
    assert.equal(client.closedError, null);
    await server.ended();
    assert.equal(server.closedError, null);
  });
}

function closeWhilePaused(harness: RuntimeHarness): Promise<void> {
  return withPair(harness, async ({ client, server }) => {
    server.stream.pause();
    client.stream.write(patternBytes(8 * MIB));
    server.stream.close();
    const { clock } = harness.runtime;
    await beforeTicks(clock, Promise.all([server.ended(), client.ended()]));
    assert.equal(server.receivedBytes, 0);
  });
}

function closedOnce(harness: RuntimeHarness): Promise<void> {
  return withBarrier(harness, async ({ client, server }, barrier) => {
    client.stream.close();
    client.stream.close();
    await Promise.all([client.ended(), server.ended()]);
    client.stream.destroy();
    server.stream.close();
    server.stream.destroy();
    await roundTrips(barrier, 10);
    assert.equal(client.closedCalls, 1);
    assert.equal(server.closedCalls, 1);
  });
}

function closedOnceOnBoth(harness: RuntimeHarness): Promise<void> {
  return withPair(harness, async ({ client, server }) => {
    client.stream.write(patternBytes(100));
    server.stream.write(patternBytes(100));
    client.stream.close();
    server.stream.close();
    await Promise.all([client.ended(), server.ended()]);
    assert.deepEqual([client.closedCalls, server.closedCalls], [1, 1]);
    assert.deepEqual([client.closedError, server.closedError], [null, null]);
  });
}

function destroyEndsBoth(harness: RuntimeHarness): Promise<void> {
  return withPair(harness, async (pair) => {
    const { client, server } = pair;
    await roundTrips(pair, 1);
    client.stream.destroy();
    assert.equal(client.closedCalls, 0, "closed was called from within destroy");
    await Promise.all([client.ended(), server.ended()]);
    assert.deepEqual([client.closedCalls, server.closedCalls], [1, 1]);
    assert.equal(client.closedError, null);
  });
}

function destroyDeliversNothing(harness: RuntimeHarness): Promise<void> {
  return withPair(harness, async ({ client, server }) => {
    server.onData = () => server.stream.destroy();
    client.stream.write(new Uint8Array(8 * MIB));
    await Promise.all([client.ended(), server.ended()]);
    assert.equal(server.chunks.length, 1);
    assert.equal(server.closedError, null);
  });
}

function writeAfterEnd(harness: RuntimeHarness): Promise<void> {
  return withPair(harness, async ({ client, server }) => {
    client.stream.write(patternBytes(100));
    client.stream.close();
    client.stream.write(patternBytes(100));
    await Promise.all([client.ended(), server.ended()]);
    client.stream.write(patternBytes(100));
    server.stream.write(patternBytes(100));
    assert.equal(server.receivedBytes, 100);
    assert.deepEqual([client.closedCalls, server.closedCalls], [1, 1]);
  });
}

function writeToGoneSide(harness: RuntimeHarness): Promise<void> {
  return withBarrier(harness, async ({ client, server }, barrier) => {
    client.stream.pause();
    server.stream.destroy();
    while (client.closedCalls === 0) {
      client.stream.write(patternBytes(64 * 1024));
      await roundTrips(barrier, 1);
      client.stream.resume();
    }
    assert.equal(client.closedCalls, 1);
  });
}
