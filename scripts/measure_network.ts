/**
 * Measures node:net against the native TCP calls of the runtime that executes it, with the traffic
 * that a cluster has: coalesced blocks of 16 KiB, and requests of 300 bytes with their answers.
 * The accepting and the dialling side are two processes on loopback. What the accepting one costs
 * is the steadier figure: messages a second also depend on who waits for whom.
 *
 * Usage: deno run -A scripts/measure_network.ts
 *        bun scripts/measure_network.ts
 *        node --import tsx scripts/measure_network.ts
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { ByteStream, Network } from "../src/runtime/runtime.ts";
import { SocketNetwork } from "../src/runtime/shared/socket_network.ts";
import { type NativeKind, nativeNetwork } from "./native_network.ts";

const HOST = "127.0.0.1";
const ROUNDS = 3;
const WARM_UP_MS = 300;
const MEASURE_MS = 1_000;
const ANSWER_BYTES = 64;

/** One kind of traffic. */
interface Shape {
  readonly name: string;
  /** What the client sends at once. */
  readonly requestBytes: number;
  /** What the server answers to each. */
  readonly answerBytes: number;
  readonly connections: number;
  /** Requests without an answer on each connection. */
  readonly inFlight: number;
}

const BLOCK = { requestBytes: 16 * 1024, answerBytes: ANSWER_BYTES, inFlight: 4 };
const REQUEST = { requestBytes: 300, answerBytes: 300, inFlight: 1 };

const SHAPES: readonly Shape[] = [
  { name: "16 KiB blocks, 1 connection", connections: 1, ...BLOCK },
  { name: "16 KiB blocks, 8 connections", connections: 8, ...BLOCK },
  { name: "300 B ping-pong, 1 connection", connections: 1, ...REQUEST },
  { name: "300 B ping-pong, 8 connections", connections: 8, ...REQUEST },
];

/** What one measurement gave. */
interface Result {
  readonly perSecond: number;
  readonly p50Ms: number;
  /** Processor time of the accepting side for each message, in microseconds. */
  readonly cpuUs: number;
}

type Kind = "node:net" | NativeKind;

/** Who accepts and who dials. */
interface Sides {
  readonly accepts: Kind;
  readonly dials: Kind;
}

function networkOf(kind: Kind): Network {
  return kind === "node:net" ? new SocketNetwork() : nativeNetwork(kind);
}

/** Answers each request of the given size; prints the port and serves until it is killed. */
async function serve(kind: Kind, shape: Shape): Promise<void> {
  const answer = new Uint8Array(shape.answerBytes);
  const listener = await networkOf(kind).listen({
    host: HOST,
    port: 0,
    onConnection: (stream) => {
      let received = 0;
      stream.start({
        data(chunk) {
          received += chunk.length;
          while (received >= shape.requestBytes) {
            received -= shape.requestBytes;
            stream.write(answer);
          }
        },
        closed() {},
      });
    },
  });
  console.log(listener.port);
}

/** Keeps one connection busy and reports each answer. */
function keepBusy(stream: ByteStream, shape: Shape, onAnswer: (latencyMs: number) => void): void {
  const request = new Uint8Array(shape.requestBytes);
  const sentMs: number[] = [];
  let received = 0;
  const send = (): void => {
    sentMs.push(performance.now());
    stream.write(request);
  };
  stream.start({
    data(chunk) {
      received += chunk.length;
      while (received >= shape.answerBytes) {
        received -= shape.answerBytes;
        onAnswer(performance.now() - (sentMs.shift() ?? 0));
        send();
      }
    },
    closed() {},
  });
  for (let sent = 0; sent < shape.inFlight; sent += 1) send();
}

async function measure(sides: Sides, shape: Shape): Promise<Result> {
  const server = startServer(sides.accepts, shape);
  try {
    const port = await firstLine(server);
    const latencies: number[] = [];
    const streams: ByteStream[] = [];
    for (let connection = 0; connection < shape.connections; connection += 1) {
      const stream = await networkOf(sides.dials).connect({ host: HOST, port, timeoutMs: 5_000 });
      keepBusy(stream, shape, (latencyMs) => latencies.push(latencyMs));
      streams.push(stream);
    }
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
    latencies.length = 0;
    const startCpuMs = cpuMs(server.pid);
    const startMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, MEASURE_MS));
    const perSecond = latencies.length * 1000 / (performance.now() - startMs);
    const cpuUs = 1000 * (cpuMs(server.pid) - startCpuMs) / latencies.length;
    for (const stream of streams) stream.destroy();
    return { perSecond, p50Ms: median(latencies), cpuUs };
  } finally {
    server.kill("SIGKILL");
  }
}

function startServer(kind: Kind, shape: Shape): ChildProcess {
  const script = fileURLToPath(import.meta.url);
  const runtimeArguments = "Deno" in globalThis
    ? ["run", "-A"]
    : "Bun" in globalThis
    ? []
    : ["--import", "tsx"];
  const shapeIndex = String(SHAPES.indexOf(shape));
  return spawn(process.execPath, [...runtimeArguments, script, "serve", kind, shapeIndex], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Processor time that a process has used; 0 where there is no /proc. */
function cpuMs(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // User and system time, in hundredths of a second.
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return 0;
  }
}

function firstLine(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.stdout?.once("data", (text: Uint8Array) => resolve(Number(text.toString())));
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? 0;
}

async function compare(pairs: readonly Sides[]): Promise<void> {
  const results = new Map<string, Result[]>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const shape of SHAPES) {
      for (const sides of pairs) {
        const key = `${shape.name} | ${sides.accepts} | ${sides.dials}`;
        results.set(key, [...results.get(key) ?? [], await measure(sides, shape)]);
      }
    }
  }
  console.log("| traffic | accepts | dials | messages/s | p50 µs | CPU µs a message |");
  console.log("| --- | --- | --- | --- | --- | --- |");
  for (const [key, rounds] of results) {
    const perSecond = Math.round(median(rounds.map((round) => round.perSecond)));
    const p50 = Math.round(1000 * median(rounds.map((round) => round.p50Ms)));
    const cpu = median(rounds.map((round) => round.cpuUs)).toFixed(1);
    console.log(`| ${key} | ${perSecond} | ${p50} | ${cpu} |`);
  }
}

/** What is worth comparing on the runtime at hand. */
function sidesToCompare(): readonly Sides[] {
  const portable: Sides = { accepts: "node:net", dials: "node:net" };
  const native: NativeKind | null = "Deno" in globalThis
    ? "deno"
    : "Bun" in globalThis
    ? "bun"
    : null;
  if (native === null) return [portable];
  return [
    portable,
    { accepts: native, dials: "node:net" },
    { accepts: "node:net", dials: native },
    { accepts: native, dials: native },
  ];
}

const [command, kind, shapeIndex] = process.argv.slice(2);
if (command === "serve") {
  const shape = SHAPES[Number(shapeIndex)];
  if (shape === undefined) throw new RangeError(`Unknown shape: ${shapeIndex}`);
  await serve(kind as Kind, shape);
} else {
  await compare(sidesToCompare());
  process.exit();
}
