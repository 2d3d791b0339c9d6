/**
 * Watches one side of a connection in a test, and makes connected pairs.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ByteStream, ByteStreamHandler, Listener } from "../runtime/runtime.ts";
import type { RuntimeHarness } from "./runtime_harness.ts";

/** Somebody who waits for `bytes` to have arrived, or for the end where `bytes` is null. */
interface Waiter {
  readonly bytes: number | null;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Keeps everything that a stream delivered. */
export class StreamRecorder implements ByteStreamHandler {
  readonly stream: ByteStream;
  readonly chunks: Uint8Array[] = [];
  /** Bytes received. */
  receivedBytes = 0;
  /** How often `closed` was called. */
  closedCalls = 0;
  /** What `closed` was called with; undefined before. */
  closedError: Error | null | undefined = undefined;
  /** Called for each chunk after it was recorded. */
  onData: (chunk: Uint8Array) => void = () => {};
  #waiters: Waiter[] = [];
  #delivering = false;

  /** Watches `stream`; the caller starts it with this recorder. */
  constructor(stream: ByteStream) {
    this.stream = stream;
  }

  /** Records a chunk. */
  data(chunk: Uint8Array): void {
    assert.equal(this.#delivering, false, "data was called from within data or closed");
    assert.equal(this.closedCalls, 0, "data was called after closed");
    assert.ok(chunk.length > 0, "data was called with no bytes");
    this.#delivering = true;
    this.chunks.push(chunk);
    this.receivedBytes += chunk.length;
    this.onData(chunk);
    this.#wake();
    this.#delivering = false;
  }

  /** Records the end. */
  closed(error: Error | null): void {
    assert.equal(this.#delivering, false, "closed was called from within data");
    this.closedCalls += 1;
    this.closedError = error;
    this.#wake();
  }

  /** Resolves once `bytes` bytes have arrived; rejects if the stream ends before. */
  received(bytes: number): Promise<void> {
    return this.#wait(bytes);
  }

  /** Resolves once the stream has ended. */
  ended(): Promise<void> {
    return this.#wait(null);
  }

  /** Everything received, in one piece. */
  bytes(): Uint8Array {
    const joined = new Uint8Array(this.receivedBytes);
    let offset = 0;
    for (const chunk of this.chunks) {
      joined.set(chunk, offset);
      offset += chunk.length;
    }
    return joined;
  }

  #wait(bytes: number | null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ bytes, resolve, reject });
      this.#wake();
    });
  }

  #wake(): void {
    const ended = this.closedCalls > 0;
    this.#waiters = this.#waiters.filter(({ bytes, resolve, reject }) => {
      if (bytes === null ? ended : this.receivedBytes >= bytes) resolve();
      else if (ended) reject(new Error(`Ended after ${this.receivedBytes} of ${bytes} bytes`));
      else return true;
      return false;
    });
  }
}

/** Both sides of one connection. */
export interface StreamPair {
  readonly listener: Listener;
  /** The side that dialled. */
  readonly client: StreamRecorder;
  /** The side that was accepted. */
  readonly server: StreamRecorder;
}

/** Connects two recorders, both started. */
export async function connectPair(harness: RuntimeHarness): Promise<StreamPair> {
  const { runtime, host } = harness;
  let onAccepted: (recorder: StreamRecorder) => void = () => {};
  const accepted = new Promise<StreamRecorder>((resolve) => onAccepted = resolve);
  const listener = await runtime.network.listen({
    host,
    port: 0,
    onConnection: (stream) => {
      const recorder = new StreamRecorder(stream);
      stream.start(recorder);
      onAccepted(recorder);
    },
  });
  const stream = await runtime.network.connect({ host, port: listener.port, timeoutMs: 10_000 });
  const client = new StreamRecorder(stream);
  stream.start(client);
  return { listener, client, server: await accepted };
}

/**
 * Runs `body` with a connected pair, and once more with the two sides exchanged: a runtime may
 * serve the side that dials and the side that accepts in different ways.
 */
export async function withPair(
  harness: RuntimeHarness,
  body: (pair: StreamPair) => Promise<void>,
): Promise<void> {
  await withOnePair(harness, body);
  await withOnePair(harness, (pair) => {
    return body({ listener: pair.listener, client: pair.server, server: pair.client });
  });
}

/** Runs `body` with a connected pair and takes the pair down afterwards. */
export async function withOnePair(
  harness: RuntimeHarness,
  body: (pair: StreamPair) => Promise<void>,
): Promise<void> {
  const pair = await connectPair(harness);
  try {
    await body(pair);
  } finally {
    pair.client.stream.destroy();
    pair.server.stream.destroy();
    await pair.listener.close();
  }
}

/** Like {@linkcode withPair}, with another pair beside it for {@linkcode roundTrips}. */
export function withBarrier(
  harness: RuntimeHarness,
  body: (pair: StreamPair, barrier: StreamPair) => Promise<void>,
): Promise<void> {
  return withOnePair(harness, (barrier) => withPair(harness, (pair) => body(pair, barrier)));
}

/**
 * Sends one byte there and back `count` times: whatever was on its way before has had every chance
 * to arrive, with no clock involved.
 */
export async function roundTrips(pair: StreamPair, count: number): Promise<void> {
  const { client, server } = pair;
  for (let trip = 0; trip < count; trip += 1) {
    const atServer = server.receivedBytes + 1;
    const atClient = client.receivedBytes + 1;
    client.stream.write(new Uint8Array(1));
    await server.received(atServer);
    server.stream.write(new Uint8Array(1));
    await client.received(atClient);
  }
}

/** Bytes that repeat with a period no buffer size shares, so that a shifted piece shows. */
export function patternBytes(length: number, start = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = (start + index) % 251;
  return bytes;
}

/** Fails unless `bytes` is the pattern from `start` on. */
export function assertPattern(bytes: Uint8Array, start = 0): void {
  let wrong = -1;
  for (let index = 0; index < bytes.length && wrong < 0; index += 1) {
    if (bytes[index] !== (start + index) % 251) wrong = index;
  }
  assert.equal(wrong, -1, `Wrong byte at ${wrong} of ${bytes.length}`);
}
