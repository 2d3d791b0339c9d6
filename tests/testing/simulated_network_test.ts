/** The network: a stream delivers in order or breaks; what each side learns of the other's end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ByteStream, Runtime } from "../../src/runtime/runtime.ts";
import type { FrameVerdict, NetworkFaults } from "../../src/testing/network_faults.ts";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";

const PORT = 7238;

class Side {
  readonly stream: ByteStream;
  readonly received: number[] = [];
  chunkCount = 0;
  end: string | null = null;

  constructor(stream: ByteStream) {
    this.stream = stream;
    stream.start({
      data: (chunk) => {
        assert.equal(this.end, null, "nothing follows the end");
        this.chunkCount++;
        for (const byte of chunk) this.received.push(byte);
      },
      closed: (error) => {
        assert.equal(this.end, null, "the end comes once");
        this.end = error === null ? "closed" : (error as Error & { code: string }).code;
      },
    });
  }
}

interface Pair {
  readonly world: SimulatedWorld;
  readonly runtime: Runtime;
  readonly dialed: Side;
  readonly accepted: Side;
}

async function connectPair(seed: number, network: Partial<NetworkFaults> = {}): Promise<Pair> {
  const world = new SimulatedWorld({ seed, network });
  const server = world.addMachine("server").boot();
  const runtime = world.addMachine("client").boot();
  const sides: Side[] = [];
  const connect = async () => {
    const onConnection = (stream: ByteStream) => sides.push(new Side(stream));
    await server.network.listen({ host: "0.0.0.0", port: PORT, onConnection });
    const stream = await runtime.network.connect({ host: "server", port: PORT, timeoutMs: 1000 });
    sides.unshift(new Side(stream));
  };
  const connected = connect();
  await world.scheduler.run({ until: () => sides.length === 2 });
  await connected;
  const [dialed, accepted] = sides as [Side, Side];
  return { world, runtime, dialed, accepted };
}

async function dial(world: SimulatedWorld, runtime: Runtime, host = "server"): Promise<string> {
  let result = "pending";
  runtime.network.connect({ host, port: PORT, timeoutMs: 1000 }).then(
    () => result = "connected",
    (error) => result = error.code,
  );
  await world.scheduler.run({ until: () => result !== "pending" });
  return result;
}

function pattern(length: number, start = 0): Uint8Array {
  return new Uint8Array(length).map((_, index) => (start + index) % 251);
}

function isPrefix(received: readonly number[]): boolean {
  return received.every((byte, index) => byte === index % 251);
}

test("stream delivers all bytes in order or breaks, whatever the network does", async () => {
  let whole = 0;
  let broken = 0;
  for (let seed = 0; seed < 150; seed++) {
    const pair = await connectPair(seed, {
      splitChance: 0.5,
      socketBufferBytes: 4096,
      resetChance: seed % 3 === 0 ? 0.01 : 0,
      retransmitTimeoutMs: 60_000,
    });
    const { world, dialed, accepted } = pair;
    const prng = world.prng;
    const sent = prng.range(1, 50_000);
    for (let at = 0; at < sent;) {
      const length = Math.min(prng.range(1, 3000), sent - at);
      const bytes = pattern(length, at);
      world.scheduler.schedule(() => dialed.stream.write(bytes), at / 100);
      at += length;
    }
    const link = { from: ["client"], to: ["server"], bothWays: prng.chance(0.5) };
    world.scheduler.schedule(() => world.network.cut(link), prng.range(0, 200));
    world.scheduler.schedule(() => world.network.mendAll(), prng.range(201, 5000));
    world.scheduler.schedule(() => world.network.link("client", "server").stall(100), 10);
    world.scheduler.schedule(() => accepted.stream.pause(), prng.range(0, 300));
    world.scheduler.schedule(() => accepted.stream.resume(), prng.range(301, 600));
    if (seed % 10 === 1) world.scheduler.schedule(() => world.network.reset(), 150);
    world.scheduler.schedule(() => dialed.stream.close(), 6000);
    await world.scheduler.run();
    assert.ok(isPrefix(accepted.received), `seed ${seed}: bytes in order`);
    assert.notEqual(dialed.end, null, `seed ${seed}: an end`);
    if (accepted.end === "closed") {
      whole++;
      assert.equal(accepted.received.length, sent, `seed ${seed}: all bytes before a clean end`);
    } else broken++;
    assert.equal(world.network.connectionCount, 0, `seed ${seed}: nothing is left`);
  }
  assert.ok(whole > 50 && broken > 10, `${whole} whole, ${broken} broken`);
});

test("stream chunks have nothing to do with writes", async () => {
  const { world, dialed, accepted } = await connectPair(1, { splitChance: 0.5 });
  for (let write = 0; write < 50; write++) dialed.stream.write(pattern(100, write * 100));
  await world.scheduler.run();
  assert.equal(accepted.received.length, 5000);
  assert.ok(isPrefix(accepted.received));
  assert.notEqual(accepted.chunkCount, 50);
});

test("writeBufferedBytes grows while the reader is slow, and falls again", async () => {
  const { world, dialed, accepted } = await connectPair(2, { socketBufferBytes: 1000 });
  accepted.stream.pause();
  dialed.stream.write(pattern(5000));
  await world.scheduler.run();
  assert.equal(dialed.stream.writeBufferedBytes, 4000);
  assert.equal(accepted.received.length, 0);
  accepted.stream.resume();
  await world.scheduler.run();
  assert.equal(dialed.stream.writeBufferedBytes, 0);
  assert.equal(accepted.received.length, 5000);
});

test("one-way cut lets bytes through and holds the acknowledgements", async () => {
  const { world, dialed, accepted } = await connectPair(3, { socketBufferBytes: 1000 });
  world.network.cut({ from: ["server"], to: ["client"], bothWays: false });
  dialed.stream.write(pattern(3000));
  await world.scheduler.run({ untilMs: 10_000 });
  assert.equal(accepted.received.length, 1000);
  assert.equal(dialed.stream.writeBufferedBytes, 2000);
  world.network.mendAll();
  await world.scheduler.run({ untilMs: 20_000 });
  assert.equal(accepted.received.length, 3000);
});

test("cut that lasts ends the sender with ETIMEDOUT, and the receiver learns nothing", async () => {
  const { world, dialed, accepted } = await connectPair(4, { retransmitTimeoutMs: 30_000 });
  world.network.cut({ from: ["client"], to: ["server"] });
  dialed.stream.write(pattern(10));
  await world.scheduler.run();
  assert.equal(dialed.end, "ETIMEDOUT");
  assert.equal(accepted.end, null);
});

test("connect is refused, times out, or finds no host", async () => {
  const { world, runtime } = await connectPair(5);
  assert.equal(await dial(world, runtime), "connected");
  assert.equal(await dial(world, runtime, "nowhere"), "ENOTFOUND");
  world.network.cut({ from: ["server"], to: ["client"], bothWays: false });
  assert.equal(await dial(world, runtime), "ETIMEDOUT");
  world.network.mendAll();
  const server = world.machines[0];
  server?.crash("kill");
  assert.equal(await dial(world, runtime), "ECONNREFUSED");
  server?.boot();
  server?.crash("power_loss");
  assert.equal(await dial(world, runtime), "ETIMEDOUT");
});

test("kill of a process is told to the other side at once", async () => {
  const { world, accepted } = await connectPair(6);
  world.machines[1]?.crash("kill");
  await world.scheduler.run({ untilMs: 100 });
  assert.notEqual(accepted.end, null);
});

test("loss of power leaves the other side half-open until it writes to the rebooted", async () => {
  const { world, accepted, dialed } = await connectPair(7);
  const client = world.machines[1];
  client?.crash("power_loss");
  await world.scheduler.run({ untilMs: 60_000 });
  assert.equal(accepted.end, null, "silence says nothing");
  accepted.stream.write(pattern(10));
  await world.scheduler.run({ untilMs: 70_000 });
  assert.equal(accepted.end, null, "a machine without power refuses nothing");
  client?.boot();
  await world.scheduler.run({ untilMs: 110_000 });
  assert.equal(accepted.end, "ECONNRESET");
  assert.equal(dialed.end, null, "the dead never learn");
});

test("half-open reset is learned by writing", async () => {
  const { world, accepted, dialed } = await connectPair(8);
  assert.equal(world.network.reset({ hosts: ["client"], halfOpen: true }), 1);
  await world.scheduler.run({ untilMs: 60_000 });
  const deaf = accepted.end === null ? accepted : dialed;
  const knowing = deaf === accepted ? dialed : accepted;
  assert.deepEqual([deaf.end, knowing.end], [null, "ECONNRESET"]);
  deaf.stream.write(pattern(10));
  await world.scheduler.run();
  assert.equal(deaf.end, "ECONNRESET");
});

test("paused process leaves bytes in the kernel and reads them later", async () => {
  const { world, accepted, dialed } = await connectPair(9);
  world.machines[0]?.runtime?.process.pause();
  dialed.stream.write(pattern(1000));
  await world.scheduler.run({ untilMs: 1_000 });
  assert.equal(accepted.received.length, 0);
  world.machines[0]?.runtime?.process.resume();
  await world.scheduler.run({ untilMs: 2_000 });
  assert.equal(accepted.received.length, 1000);
});

/** A frame of one segment with two words, that carries a number. */
function frame(number: number): Uint8Array {
  const bytes = new Uint8Array(24);
  new DataView(bytes.buffer).setUint32(4, 2, true);
  bytes[8] = number;
  return bytes;
}

async function sendFrames(verdicts: Record<number, FrameVerdict>): Promise<number[]> {
  const frameFault: NetworkFaults["frameFault"] = ({ bytes, from, to }) => {
    assert.deepEqual([from, to], ["client", "server"]);
    return verdicts[bytes[8] as number] ?? { kind: "deliver" };
  };
  const { world, dialed, accepted } = await connectPair(10, { frameFault, splitChance: 0.5 });
  const bytes = new Uint8Array([1, 2, 3, 4, 5].flatMap((number) => [...frame(number)]));
  for (let at = 0; at < bytes.length; at += 7) dialed.stream.write(bytes.slice(at, at + 7));
  await world.scheduler.run();
  return accepted.received.filter((_, index) => index % 24 === 8);
}

test("frame faults drop, duplicate and delay whole frames, but the first", async () => {
  assert.deepEqual(await sendFrames({}), [1, 2, 3, 4, 5]);
  const verdicts: Record<number, FrameVerdict> = {
    1: { kind: "drop" },
    2: { kind: "drop" },
    3: { kind: "duplicate" },
    4: { kind: "delay", delayMs: 10 },
  };
  assert.deepEqual(await sendFrames(verdicts), [1, 3, 3, 5, 4]);
});

test("frame faults leave a stream alone that does not consist of frames", async () => {
  const frameFault: NetworkFaults["frameFault"] = () => ({ kind: "drop" });
  const { world, dialed, accepted } = await connectPair(11, { frameFault });
  dialed.stream.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  await world.scheduler.run();
  assert.equal(accepted.received.length, 18);
});
