/**
 * Measures the hot messages of the wire: nanoseconds a message to encode and to decode, each frame
 * with its checksum, as it is done in a node. Prints one JSON line a measurement.
 *
 * Usage, on each runtime:
 *   bun scripts/measure_wire.ts
 *   deno run -A scripts/measure_wire.ts
 *   node --import tsx scripts/measure_wire.ts
 */
import type { AppendEntriesRequest } from "../src/consensus/messages.ts";
import { RECORD_HEADER_BYTES, recordBytes, sealRecord } from "../src/log/record.ts";
import { encodeAppendEntries } from "../src/wire/append_entries_codec.ts";
import { ByteBuilder } from "../src/wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../src/wire/client_codec.ts";
import type { ClientMessage } from "../src/wire/client_messages.ts";
import { FrameDecoder } from "../src/wire/frame.ts";
import { decodeKvCommand, decodeKvResult, encodeKvCommand } from "../src/wire/kv_codec.ts";
import { encodeGet, encodeGetResult, encodePutResult } from "../src/wire/kv_hot_codec.ts";
import { readPlainGet, readPlainPut } from "../src/wire/kv_hot_codec.ts";
import { NO_CONDITION } from "../src/wire/kv_messages.ts";
import { decodePeerFrame, writePeerMessage } from "../src/wire/peer_codec.ts";

const ROUNDS = 25;
const ROUND_MS = 15;
const WARM_UP_CALLS = 3000;
/** Keeps results alive, so that no call is optimised away. */
let sink = 0;

function runtimeName(): string {
  const versions = process.versions as Record<string, string | undefined>;
  if (versions["bun"] !== undefined) return "bun";
  return versions["deno"] === undefined ? "node" : "deno";
}

/** Nanoseconds a call: the best of many short rounds, as other processes share the machine. */
function measure(call: () => number): number {
  for (let i = 0; i < WARM_UP_CALLS; i += 1) sink += call();
  let bestNs = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    let calls = 0;
    const start = performance.now();
    let end = start;
    while (end - start < ROUND_MS) {
      for (let i = 0; i < 100; i += 1) sink += call();
      calls += 100;
      end = performance.now();
    }
    bestNs = Math.min(bestNs, (end - start) * 1e6 / calls);
  }
  return bestNs;
}

/** Measures one message both ways and prints the line. */
function report(
  message: string,
  calls: { readonly encode?: () => number; readonly decode: () => number; readonly bytes: number },
): void {
  const encodeNs = calls.encode === undefined ? undefined : Math.round(measure(calls.encode));
  const decodeNs = Math.round(measure(calls.decode));
  const { bytes } = calls;
  console.log(JSON.stringify({ runtime: runtimeName(), message, bytes, encodeNs, decodeNs }));
}

const key = new Uint8Array(16).fill(107);
const value = new Uint8Array(128).fill(118);
const commandId = new Uint8Array(16).fill(1);
const command = encodeKvCommand({
  type: "put",
  key,
  value,
  condition: NO_CONDITION,
  returnPrevious: false,
});

/** One builder that is taken from now and then, as a socket does at the end of a turn. */
const builder = new ByteBuilder();

function flushed(): number {
  return builder.length > 32 * 1024 ? builder.take().length : builder.length;
}

function taken(write: (target: ByteBuilder) => void): Uint8Array {
  const target = new ByteBuilder();
  write(target);
  return target.take();
}

function measureAppendEntries(count: number): void {
  const payloadBytes = commandId.length + command.length;
  const records = new Uint8Array(count * recordBytes(payloadBytes));
  let offset = 0;
  for (let i = 0; i < count; i += 1) {
    records.set(command, offset + RECORD_HEADER_BYTES + commandId.length);
    const header = { index: 42 + i, term: 7, timestampMs: 1000, kind: 2, payloadBytes } as const;
    offset = sealRecord(records, offset, header);
  }
  const message: AppendEntriesRequest = {
    type: "appendEntriesRequest",
    term: 7,
    prevLogIndex: 41,
    prevLogTerm: 7,
    leaderCommit: 41,
    readSequence: 9,
    session: 1,
    provenToken: 0,
    entries: {
      firstIndex: 42,
      lastIndex: 41 + count,
      termRuns: [{ term: 7, firstIndex: 42 }],
      configurations: [],
      source: null,
    },
  };
  const pieces = [records];
  const frame = taken((target) => writePeerMessage(target, message, pieces));
  report(`appendEntriesRequest of ${count}`, {
    bytes: frame.length,
    encode: () => encodeAppendEntries({ message, records: pieces }).length,
    decode: () => decodePeerFrame(frame).type.length,
  });
}

function measurePeer(): void {
  for (const count of [1, 16, 256, 1024]) measureAppendEntries(count);
  const accepted = {
    type: "appendEntriesResponse",
    accepted: true,
    term: 7,
    matchIndex: 42,
    readSequence: 9,
    session: 1,
    promiseMs: 1000,
    storageFull: false,
    ageToken: 0,
  } as const;
  const frame = taken((target) => writePeerMessage(target, accepted));
  report("appendEntriesResponse accepted", {
    bytes: frame.length,
    encode: () => {
      writePeerMessage(builder, accepted);
      return flushed();
    },
    decode: () => decodePeerFrame(frame).type.length,
  });
  const rejected = {
    ...{ type: "appendEntriesResponse", accepted: false, term: 7, prevLogIndex: 41 } as const,
    ...{
      hintIndex: 40,
      hintTerm: 6,
      readSequence: 9,
      session: 1,
      promiseMs: 1000,
      storageFull: false,
    },
  };
  const other = taken((target) => writePeerMessage(target, rejected));
  report("appendEntriesResponse rejected (capnp-ts)", {
    bytes: other.length,
    encode: () => {
      writePeerMessage(builder, rejected);
      return flushed();
    },
    decode: () => decodePeerFrame(other).type.length,
  });
}

function measureClient(): void {
  const result = encodePutResult(42, false);
  const query = encodeGet(key);
  const found = encodeGetResult({
    ...{ found: true, revision: 42, createRevision: 40, version: 3, value },
  });
  const requestId = 4711;
  const messages: readonly ClientMessage[] = [
    { type: "propose", requestId, commandId, command },
    { type: "proposeAnswer", requestId, index: 42, term: 7, duplicate: false, result },
    { type: "query", requestId, consistency: "linearizable", maxAgeMs: 0, query },
    { type: "queryAnswer", requestId, servedBy: 1, index: 42, ageMs: 0, result: found },
    { type: "status", requestId },
  ];
  for (const message of messages) {
    const frame = taken((target) => writeClientMessage(target, message));
    report(message.type, {
      bytes: frame.length,
      encode: () => {
        writeClientMessage(builder, message);
        return flushed();
      },
      decode: () => decodeClientMessage(frame).type.length,
    });
  }
}

function measureKeyValue(): void {
  const place = { keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0 };
  report("put: offsets", {
    bytes: command.length,
    decode: () => readPlainPut(command, place) ? place.valueEnd : 0,
  });
  const put = { type: "put", key, value, condition: NO_CONDITION, returnPrevious: false } as const;
  report("put: object", {
    bytes: command.length,
    encode: () => encodeKvCommand(put).length,
    decode: () => decodeKvCommand(command).type.length,
  });
  const query = encodeGet(key);
  report("get: offsets", {
    bytes: query.length,
    encode: () => encodeGet(key).length,
    decode: () => readPlainGet(query, place) ? place.keyEnd : 0,
  });
  const result = encodePutResult(42, false);
  report("put result", {
    bytes: result.length,
    encode: () => encodePutResult(42, false).length,
    decode: () => decodeKvResult(result).type.length,
  });
  const values = { found: true, revision: 42, createRevision: 40, version: 3, value };
  const found = encodeGetResult(values);
  report("get result", {
    bytes: found.length,
    encode: () => encodeGetResult(values).length,
    decode: () => decodeKvResult(found).type.length,
  });
}

/** Cutting a stream of small frames in 64 KiB chunks, and one large frame in such chunks. */
function measureFraming(): void {
  const stream = taken((target) => {
    while (target.length < 64 * 1024) {
      writeClientMessage(target, { type: "propose", requestId: 1, commandId, command });
    }
  });
  const frames = Math.floor(stream.length / 240);
  const decoder = new FrameDecoder();
  const chunkNs = measure(() => {
    decoder.push(stream);
    let count = 0;
    while (decoder.next() !== null) count += 1;
    return count;
  });
  const runtime = runtimeName();
  const decodeNs = Math.round(chunkNs / frames);
  console.log(JSON.stringify({ runtime, message: "cut a small frame", bytes: 240, decodeNs }));
}

measureFraming();
measurePeer();
measureClient();
measureKeyValue();
if (sink === 0) console.log("nothing was measured");
