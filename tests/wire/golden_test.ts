/**
 * The bytes of hand-placed messages, fixed: a change here breaks the protocol. Both capnp-ts and
 * the `capnp` tool read them, and what both write is read by us.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Message } from "capnp-ts";
import { putUint32 } from "../../src/bytes.ts";
import { encodeAppendEntries } from "../../src/wire/append_entries_codec.ts";
import { ByteBuilder } from "../../src/wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../../src/wire/client_codec.ts";
import type { ClientMessage } from "../../src/wire/client_messages.ts";
import { FrameDecoder } from "../../src/wire/frame.ts";
import { rootOffset, sealFrame } from "../../src/wire/frame_checksum.ts";
import { ClientMessage as ClientStruct } from "../../src/wire/generated/client.ts";
import { Command, Query, Result } from "../../src/wire/generated/kv.ts";
import { PeerMessage } from "../../src/wire/generated/peer.ts";
import * as kv from "../../src/wire/kv_codec.ts";
import { decodePeerFrame, encodePeerMessage } from "../../src/wire/peer_codec.ts";
import * as storage from "../../src/wire/storage_codec.ts";
import {
  appendEntries,
  bytesOf,
  clientMessages,
  configuration,
  identity,
  kvCommands,
  kvQueries,
  kvResults,
  peerMessages,
  records,
} from "./wire_samples.ts";

const twoRecords = records(42, [bytesOf("a"), bytesOf("b")]);
const appendFrame = encodePeerMessage(appendEntries(2), [twoRecords]);

function encodeClient(message: ClientMessage): Uint8Array {
  const builder = new ByteBuilder();
  writeClientMessage(builder, message);
  return builder.take();
}

/** The words of `bytes` as text: 16 hexadecimal digits each. */
function words(bytes: Uint8Array): string[] {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.match(/.{16}/g) ?? [];
}

/** The message in `frame` as capnp-ts alone reads it. */
function libraryRoot(frame: Uint8Array): Message {
  return new Message(frame, false);
}

/** The bytes of such a text. */
function bytesOfWords(text: readonly string[]): Uint8Array {
  const bytes = text.join("").match(/../g)!;
  return Uint8Array.from(bytes, (byte) => parseInt(byte, 16));
}

/** Two records. */
const RECORD_WORDS = [
  ...["29000000527dbcf4", "2a00000000000000", "0700000000000000", "0068e5cf8b010000"],
  ...["0200000000000000", "6100000000000000"],
  ...["290000005877e1dc", "2b00000000000000", "0700000000000000", "0168e5cf8b010000"],
  ...["0200000000000000", "6200000000000000"],
];

test("golden: AppendEntriesRequest", () => {
  assert.deepEqual(words(appendFrame), [
    ...["0000000017000000", "0000000002000100"],
    ...["a05cc00804000000", "0700000000000000", "0000000006000100"],
    ...["2900000000000000", "0600000000000000", "2800000000000000", "0900000000000000"],
    ...["0200000008000000", "efcdab8900000000", "0100000002030000"],
    ...RECORD_WORDS,
  ]);
  const root = libraryRoot(appendFrame).getRoot(PeerMessage);
  assert.equal(root.getTerm(), 7n);
  const request = root.getAppendEntriesRequest();
  assert.equal(request.getPrevLogIndex(), 41n);
  assert.equal(request.getPrevLogTerm(), 6n);
  assert.equal(request.getLeaderCommit(), 40n);
  assert.equal(request.getReadSequence(), 9n);
  assert.equal(request.getEntryCount(), 2);
  assert.equal(request.getSession(), 8);
  assert.equal(request.getProvenToken(), 0x89abcdef);
  assert.deepEqual(request.getEntries().toUint8Array(), twoRecords);
  const [whole] = encodeAppendEntries({ message: appendEntries(2), records: [twoRecords] });
  assert.deepEqual(whole, appendFrame);
});

test("golden: AppendEntriesResponse that accepts", () => {
  const frame = encodePeerMessage(peerMessages[6]!);
  assert.deepEqual(words(frame), [
    ...["0000000008000000", "0000000002000100"],
    ...["353ea44c05000000", "0700000000000000", "0000000004000000"],
    ...["0900000000000000", "2c00000000000000", "0000840308000000", "97badcfe00000000"],
  ]);
  const response = libraryRoot(frame).getRoot(PeerMessage).getAppendEntriesResponse();
  assert.equal(response.isAccepted(), true);
  assert.equal(response.getReadSequence(), 9n);
  assert.equal(response.getAccepted().getMatchIndex(), 44n);
  assert.equal(response.getAccepted().getAgeToken(), 0xfedcba97);
  assert.equal(response.getSession(), 8);
  assert.equal(response.getPromiseMs(), 900);
});

test("golden: AppendEntries without tokens, from a build that knows none", () => {
  const request = decodePeerFrame(bytesOfWords([
    ...["0000000016000000", "0000000002000100"],
    ...["5720e59804000000", "0700000000000000", "0000000005000100"],
    ...["2900000000000000", "0600000000000000", "2800000000000000", "0900000000000000"],
    ...["0200000008000000", "0100000002030000"],
    ...RECORD_WORDS,
  ]));
  assert.deepEqual(request, { ...decodePeerFrame(appendFrame) as object, provenToken: 0 });
  const answer = decodePeerFrame(bytesOfWords([
    ...["0000000007000000", "0000000002000100"],
    ...["f4f9e7a505000000", "0700000000000000", "0000000003000000"],
    ...["0900000000000000", "2c00000000000000", "0000840308000000"],
  ]));
  assert.deepEqual(answer, { ...peerMessages[6]!, ageToken: 0 });
});

test("golden: propose and its answer", () => {
  const propose = encodeClient(clientMessages[2]!);
  assert.deepEqual(words(propose), [
    ...["0000000009000000", "0000000002000100"],
    ...["0e7224a102000000", "0100000000000000", "0000000000000200"],
    ...["0500000082000000", "090000003a000000"],
    ...["0001020304050607", "08090a0b0c0d0e0f", "636f6d6d616e6400"],
  ]);
  const struct = libraryRoot(propose).getRoot(ClientStruct).getPropose();
  assert.equal(struct.getCommandId().getLength(), 16);
  assert.deepEqual(struct.getCommand().toUint8Array(), bytesOf("command"));
  const answer = encodeClient(clientMessages[5]!);
  assert.deepEqual(words(answer), [
    ...["0000000009000000", "0000000002000100"],
    ...["264ee2b405000000", "0100000000000000", "0000000003000100"],
    ...["2a00000000000000", "0700000000000000", "0100000000000000"],
    ...["0100000032000000", "726573756c740000"],
  ]);
  const answered = libraryRoot(answer).getRoot(ClientStruct).getProposeAnswer();
  assert.equal(answered.getIndex(), 42n);
  assert.equal(answered.getDuplicate(), true);
  assert.deepEqual(answered.getResult().toUint8Array(), bytesOf("result"));
});

test("golden: query and its answer", () => {
  const query = encodeClient(clientMessages[3]!);
  assert.deepEqual(words(query), [
    ...["0000000008000000", "0000000002000100"],
    ...["22b849ef03000000", "0200000000000000", "0000000002000100"],
    ...["0200000000000000", "f401000000000000", "010000002a000000", "7175657279000000"],
  ]);
  const struct = libraryRoot(query).getRoot(ClientStruct).getQuery();
  assert.equal(struct.getMaxAgeMs(), 500n);
  assert.deepEqual(struct.getQuery().toUint8Array(), bytesOf("query"));
  const answer = encodeClient(clientMessages[6]!);
  assert.deepEqual(words(answer), [
    ...["0000000008000000", "0000000002000100"],
    ...["7dfe141206000000", "0200000000000000", "0000000003000100"],
    ...["0300000000000000", "2a00000000000000", "1100000000000000", "0100000002000000"],
  ]);
  const answered = libraryRoot(answer).getRoot(ClientStruct).getQueryAnswer();
  assert.equal(answered.getServedBy(), 3n);
  assert.equal(answered.getAgeMs(), 17n);
});

test("golden: plain put and get, and their results, are as short as Cap'n Proto allows", () => {
  const flat = (bytes: Uint8Array) => new Message(bytes, false, true);
  const put = kv.encodeKvCommand(kvCommands[0]!);
  assert.deepEqual(words(put), [
    ...["0000000000000200", "050000001a000000", "050000002a000000"],
    ...["6b65790000000000", "76616c7565000000"],
  ]);
  const putStruct = flat(put).getRoot(Command).getPut();
  assert.deepEqual(putStruct.getKey().toUint8Array(), bytesOf("key"));
  assert.deepEqual(putStruct.getValue().toUint8Array(), bytesOf("value"));
  assert.equal(putStruct.hasCondition(), false);
  const get = kv.encodeKvQuery(kvQueries[0]!);
  assert.deepEqual(words(get), ["0000000000000100", "010000001a000000", "6b65790000000000"]);
  assert.deepEqual(flat(get).getRoot(Query).getGet().getKey().toUint8Array(), bytesOf("key"));
  const results = [0, 1, 8, 9].map((i) => kv.encodeKvResult(kvResults[i]!));
  assert.deepEqual(results.map(words), [
    ["0000000001000000", "0a00000000000000"],
    ["0000000002000000", "0a00000000000000", "0100000000000000"],
    [
      ...["0000000004000100", "0900000000000000", "0100050000000000", "0500000000000000"],
      ...["0200000000000000", "010000002a000000", "76616c7565000000"],
    ],
    ["0000000002000000", "0000000000000000", "0000050000000000"],
  ]);
  assert.equal(flat(results[0]!).getRoot(Result).getPut().getCreated(), false);
  assert.equal(flat(results[1]!).getRoot(Result).getPut().getCreated(), true);
  const found = flat(results[2]!).getRoot(Result).getGet();
  assert.equal(found.getFound(), true);
  assert.equal(found.getVersion(), 2n);
  assert.deepEqual(found.getValue().toUint8Array(), bytesOf("value"));
  assert.equal(flat(results[3]!).getRoot(Result).getGet().getFound(), false);
});

const schema = fileURLToPath(new URL("../../schema", import.meta.url));
const missing = spawnSync("capnp", ["--version"]).error !== undefined;
const withTool = { skip: missing ? "the `capnp` tool is not installed" : false };

/** Runs the tool on one of our schema files. */
function capnp(options: readonly string[], input: Uint8Array): Uint8Array {
  const result = spawnSync("capnp", options, { cwd: schema, input });
  assert.equal(result.status, 0, String(result.stderr));
  return new Uint8Array(result.stdout);
}

/** Decodes by the tool to text, encodes that by the tool, and returns both. */
function throughTool(type: readonly [file: string, struct: string], input: Uint8Array) {
  const text = capnp(["decode", "--short", ...type], input);
  return { text: new TextDecoder().decode(text), bytes: capnp(["encode", ...type], text) };
}

/** The frames of a stream, each with its checksum computed anew: the tool lays bytes out freely. */
function sealedFrames(stream: Uint8Array): Uint8Array[] {
  const decoder = new FrameDecoder();
  decoder.push(stream);
  const frames: Uint8Array[] = [];
  for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
    assert.equal(rootOffset(frame), 16);
    putUint32(frame, 16, 0);
    sealFrame(frame);
    frames.push(frame);
  }
  return frames;
}

test("capnp tool: reads a stream of peer messages, and its own are read", withTool, () => {
  const builder = new ByteBuilder();
  for (const message of peerMessages) builder.append(encodePeerMessage(message));
  builder.append(appendFrame);
  const { text, bytes } = throughTool(["peer.capnp", "PeerMessage"], builder.take());
  assert.match(
    text,
    /appendEntriesResponse = \(readSequence = 9, accepted = \(matchIndex = 44, ageToken = 42758785/,
  );
  assert.match(text, /rejected = \(prevLogIndex = 41, hintIndex = 30, hintTerm = 5\)/);
  assert.match(text, /entryCount = 2, entries = /);
  const frames = sealedFrames(bytes).map(decodePeerFrame);
  const ours = [...peerMessages.map((message) => encodePeerMessage(message)), appendFrame];
  assert.deepEqual(frames, ours.map(decodePeerFrame));
});

test("capnp tool: reads a stream of client messages, and its own are read", withTool, () => {
  const builder = new ByteBuilder();
  for (const message of clientMessages) writeClientMessage(builder, message);
  const { text, bytes } = throughTool(["client.capnp", "ClientMessage"], builder.take());
  assert.match(text, /consistency = stale, maxAgeMs = 500, query = "query"/);
  assert.match(text, /duplicate = true, result = "result"/);
  assert.deepEqual(sealedFrames(bytes).map(decodeClientMessage), [...clientMessages]);
});

test("capnp tool: reads stored state, and its own is read", withTool, () => {
  const stored = throughTool(["storage.capnp", "Identity"], storage.encodeIdentity(identity));
  assert.match(stored.text, /formatVersion = 1/);
  assert.deepEqual(storage.decodeIdentity(stored.bytes), identity);
  const members = storage.encodeConfiguration(configuration);
  const other = throughTool(["storage.capnp", "Configuration"], members);
  assert.deepEqual(storage.decodeConfiguration(other.bytes), configuration);
  const state = { currentTerm: 7, votedFor: 0 };
  const { text } = throughTool(["storage.capnp", "HardState"], storage.encodeHardState(state));
  assert.equal(text, "(currentTerm = 7, votedFor = 0)\n");
});

test("capnp tool: reads key-value commands, queries and results", withTool, () => {
  const text = (struct: string, bytes: Uint8Array) =>
    new TextDecoder().decode(
      capnp(["decode", "--short", "--flat", "kv.capnp", struct], bytes),
    ).trim();
  assert.equal(
    text("Command", kv.encodeKvCommand(kvCommands[0]!)),
    `(put = (key = "key", value = "value", returnPrevious = false))`,
  );
  assert.equal(text("Query", kv.encodeKvQuery(kvQueries[0]!)), `(get = (key = "key"))`);
  assert.equal(
    text("Result", kv.encodeKvResult(kvResults[1]!)),
    `(revision = 10, put = (created = true))`,
  );
  assert.equal(
    text("Result", kv.encodeKvResult(kvResults[8]!)),
    `(revision = 9, get = (found = true, createRevision = 5, version = 2, value = "value"))`,
  );
  for (const command of kvCommands) text("Command", kv.encodeKvCommand(command));
  for (const result of kvResults) text("Result", kv.encodeKvResult(result));
});
