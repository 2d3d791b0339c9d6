/**
 * Messages of any content come back as they were, and bytes that are no message are refused by a
 * ProtocolError and nothing else.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { getUint32, putUint32 } from "../../src/bytes.ts";
import { ProtocolError } from "../../src/errors.ts";
import { ByteBuilder } from "../../src/wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../../src/wire/client_codec.ts";
import type { ClientMessage, MemberChange, StatusMember } from "../../src/wire/client_messages.ts";
import { FrameDecoder } from "../../src/wire/frame.ts";
import { CHECKSUM_OFFSET, rootOffset, sealFrame } from "../../src/wire/frame_checksum.ts";
import * as kv from "../../src/wire/kv_codec.ts";
import type { KvCommand, KvCondition, KvItem, KvResult } from "../../src/wire/kv_messages.ts";
import { decodePeerFrame, encodePeerMessage, type PeerWord } from "../../src/wire/peer_codec.ts";
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
import { propertyRuns } from "../sampling.ts";

/** Plain objects: deep equality tells those without a prototype apart. */
function record<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const integer = fc.oneof(fc.nat(), fc.maxSafeNat());
const text = fc.string({ unit: "binary", maxLength: 40 });
const bytes = fc.uint8Array({ maxLength: 100 });
const id = fc.uint8Array({ minLength: 16, maxLength: 16 });
const hexId = id.map((value) =>
  Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("")
);
const requestId = integer;
const bool = fc.boolean();

const peerMessage: fc.Arbitrary<PeerWord> = fc.oneof(
  record({
    type: fc.constant("requestVoteRequest" as const),
    term: integer,
    lastLogIndex: integer,
    lastLogTerm: integer,
    preVote: bool,
    leadershipTransfer: bool,
  }),
  record({
    type: fc.constant("appendEntriesResponse" as const),
    accepted: fc.constant(true as const),
    term: integer,
    matchIndex: integer,
    readSequence: integer,
    session: fc.nat(),
    promiseMs: fc.nat(0xffff),
    storageFull: fc.boolean(),
    ageToken: fc.nat(0xffffffff),
  }),
  record({
    type: fc.constant("appendEntriesResponse" as const),
    accepted: fc.constant(false as const),
    term: integer,
    prevLogIndex: integer,
    hintIndex: integer,
    hintTerm: integer,
    readSequence: integer,
    session: fc.nat(),
    promiseMs: fc.nat(0xffff),
    storageFull: fc.boolean(),
  }),
  record({
    type: fc.constant("readIndexResponse" as const),
    term: integer,
    readId: integer,
    readIndex: fc.option(integer),
  }),
  record({ type: fc.constant("timeoutNow" as const), term: integer }),
  record({
    type: fc.constant("stateHash" as const),
    term: integer,
    index: integer,
    tables: fc.nat(0xffffffff),
    tablesVersion: fc.nat(),
    machine: fc.nat(0xffffffff),
    machineVersion: fc.nat(),
    deviatesSince: integer,
  }),
  record({
    type: fc.constant("installSnapshotResponse" as const),
    term: integer,
    snapshotId: hexId,
    lastIncludedIndex: integer,
    storedBytes: integer,
    session: fc.nat(),
    status: fc.constantFrom("receiving" as const, "installed" as const, "refused" as const),
  }),
  record({
    type: fc.constant("installSnapshotRequest" as const),
    term: integer,
    snapshotId: hexId,
    lastIncludedIndex: integer,
    lastIncludedTerm: integer,
    totalBytes: fc.integer({ min: 1000, max: 2000 }),
    offset: fc.nat(900),
    dataChecksum: fc.nat(),
    session: fc.nat(),
    data: bytes,
  }),
);

const statusMember: fc.Arbitrary<StatusMember> = record({
  id: integer,
  address: text,
  voter: bool,
  reachable: bool,
  matchIndex: integer,
  version: text,
});

const memberAction = fc.constantFrom(
  "add" as const,
  "addLearner" as const,
  "promote" as const,
  "demote" as const,
  "remove" as const,
  "setAddress" as const,
);
const memberChange: fc.Arbitrary<MemberChange> = record({
  action: memberAction,
  id: fc.integer({ min: 1 }),
  address: text,
  instanceId: fc.oneof(hexId, fc.constant("")),
});

const clientMessage: fc.Arbitrary<ClientMessage> = fc.oneof(
  record({
    type: fc.constant("changeMembership" as const),
    requestId,
    changes: fc.array(memberChange, { minLength: 1, maxLength: 4 }),
    force: bool,
  }),
  record({ type: fc.constant("transferLeadership" as const), requestId, target: integer }),
  record({ type: fc.constant("triggerSnapshot" as const), requestId }),
  record({
    type: fc.constant("membershipAnswer" as const),
    requestId,
    configurationIndex: integer,
  }),
  record({
    type: fc.constant("transferAnswer" as const),
    requestId,
    leaderId: integer,
    term: integer,
  }),
  record({ type: fc.constant("snapshotAnswer" as const), requestId, index: integer }),
  record({ type: fc.constant("propose" as const), requestId, commandId: id, command: bytes }),
  record({
    type: fc.constant("query" as const),
    requestId,
    consistency: fc.constantFrom("linearizable" as const, "lease" as const, "stale" as const),
    maxAgeMs: integer,
    query: bytes,
  }),
  record({
    type: fc.constant("proposeAnswer" as const),
    requestId,
    index: integer,
    term: integer,
    duplicate: bool,
    result: bytes,
  }),
  record({
    type: fc.constant("queryAnswer" as const),
    requestId,
    servedBy: integer,
    index: integer,
    ageMs: integer,
    result: bytes,
  }),
  record({
    type: fc.constant("statusAnswer" as const),
    requestId,
    nodeId: integer,
    role: fc.constantFrom("follower" as const, "candidate" as const, "leader" as const),
    term: integer,
    leaderId: integer,
    leaderAddress: text,
    clusterId: hexId,
    clusterName: text,
    commitIndex: integer,
    appliedIndex: integer,
    firstIndex: integer,
    lastIndex: integer,
    logTimeMs: integer,
    leaderContactAgeMs: integer,
    configurationIndex: integer,
    members: fc.array(statusMember, { maxLength: 5 }),
    version: text,
    uptimeMs: integer,
    notes: fc.array(text, { maxLength: 4 }),
    snapshotIndex: integer,
    joint: bool,
    promotions: fc.array(integer, { maxLength: 4 }),
    transferTarget: integer,
    alarms: fc.array(record({ nodeId: integer, index: integer, message: text }), { maxLength: 2 }),
  }),
);

const condition: fc.Arbitrary<KvCondition> = fc.oneof(
  fc.constantFrom({ type: "none" as const }, { type: "absent" as const }),
  record({ type: fc.constant("revision" as const), revision: integer }),
  record({ type: fc.constant("value" as const), value: bytes }),
);

const kvCommand: fc.Arbitrary<KvCommand> = fc.oneof(
  record({
    type: fc.constant("put" as const),
    key: bytes,
    value: bytes,
    condition,
    returnPrevious: bool,
  }),
  record({ type: fc.constant("delete" as const), key: bytes, condition }),
  record({ type: fc.constant("deletePrefix" as const), prefix: bytes, dryRun: bool }),
  record({ type: fc.constant("increment" as const), key: bytes, amount: fc.maxSafeInteger() }),
);

const kvItem: fc.Arbitrary<KvItem> = record({
  key: bytes,
  value: bytes,
  revision: integer,
  createRevision: integer,
  version: integer,
});

const kvResult: fc.Arbitrary<KvResult> = fc.oneof(
  record({
    type: fc.constant("put" as const),
    revision: integer,
    created: bool,
    previous: fc.option(kvItem),
  }),
  record({
    type: fc.constant("increment" as const),
    revision: integer,
    value: fc.maxSafeInteger(),
  }),
  record({
    type: fc.constant("conditionFailed" as const),
    revision: integer,
    current: fc.option(kvItem),
  }),
  record({ type: fc.constant("invalid" as const), message: text }),
  record({
    type: fc.constant("get" as const),
    found: fc.constant(true),
    revision: integer,
    createRevision: integer,
    version: integer,
    value: bytes,
  }),
  record({
    type: fc.constant("list" as const),
    revision: integer,
    items: fc.array(kvItem, { maxLength: 6 }),
    more: bool,
  }),
);

function encodeClient(message: ClientMessage): Uint8Array {
  const builder = new ByteBuilder();
  writeClientMessage(builder, message);
  return builder.take();
}

test("property: what is encoded is what is decoded", () => {
  fc.assert(fc.property(peerMessage, (message) => {
    assert.deepEqual(decodePeerFrame(encodePeerMessage(message)), message);
  }));
  fc.assert(fc.property(clientMessage, (message) => {
    assert.deepEqual(decodeClientMessage(encodeClient(message)), message);
  }));
  fc.assert(fc.property(kvCommand, (command) => {
    assert.deepEqual(kv.decodeKvCommand(kv.encodeKvCommand(command)), command);
  }));
  fc.assert(fc.property(kvResult, (result) => {
    assert.deepEqual(kv.decodeKvResult(kv.encodeKvResult(result)), result);
  }));
  fc.assert(fc.property(bytes, bytes, integer, bool, (prefix, after, limit, withValues) => {
    const query = { type: "list" as const, prefix, after, limit: limit % 2 ** 32, withValues };
    assert.deepEqual(kv.decodeKvQuery(kv.encodeKvQuery(query)), query);
  }));
});

/** Every frame of the samples, with what decodes it. */
const frames: readonly (readonly [Uint8Array, (frame: Uint8Array) => unknown])[] = [
  ...peerMessages.map((message) => [encodePeerMessage(message), decodePeerFrame] as const),
  [
    encodePeerMessage(appendEntries(2), [records(42, [bytesOf("a"), bytesOf("b")])]),
    decodePeerFrame,
  ],
  ...clientMessages.map((message) => [encodeClient(message), decodeClientMessage] as const),
];

/** Everything without a checksum of its own, with what decodes it. */
const unsealed: readonly (readonly [Uint8Array, (bytes: Uint8Array) => unknown])[] = [
  ...kvCommands.map((command) => [kv.encodeKvCommand(command), kv.decodeKvCommand] as const),
  ...kvQueries.map((query) => [kv.encodeKvQuery(query), kv.decodeKvQuery] as const),
  ...kvResults.map((result) => [kv.encodeKvResult(result), kv.decodeKvResult] as const),
  [storage.encodeIdentity(identity), storage.decodeIdentity],
  [storage.encodeConfiguration(configuration), storage.decodeConfiguration],
  [storage.encodeHardState({ currentTerm: 3, votedFor: 1 }), storage.decodeHardState],
];

/** Decodes; anything but success and a ProtocolError fails the test. */
function survives(decode: (bytes: Uint8Array) => unknown, input: Uint8Array): boolean {
  try {
    decode(input);
    return true;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return false;
  }
}

test("every flipped bit of every frame is detected", () => {
  for (const [frame, decode] of frames) {
    const copy = frame.slice();
    for (let bit = 0; bit < frame.length * 8; bit += 1) {
      copy[bit >>> 3]! ^= 1 << (bit & 7);
      assert.equal(survives(decode, copy), false, `bit ${bit} of ${frame.length} bytes`);
      copy[bit >>> 3]! ^= 1 << (bit & 7);
    }
    assert.deepEqual(copy, frame, "decoding leaves the frame as it was");
    assert.equal(survives(decode, copy), true);
  }
});

/** Computes the checksum of a frame anew, wherever its root struct is now. */
function reseal(frame: Uint8Array): void {
  try {
    const offset = rootOffset(frame);
    putUint32(frame, offset, 0);
    sealFrame(frame);
    const checksum = getUint32(frame, CHECKSUM_OFFSET);
    if (offset !== CHECKSUM_OFFSET) {
      putUint32(frame, CHECKSUM_OFFSET, 0);
      putUint32(frame, offset, checksum);
    }
  } catch (error) {
    assert(error instanceof ProtocolError);
  }
}

/** Changes to make: positions as fractions, and the new bytes. */
const changes = fc.array(
  record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), byte: fc.nat({ max: 255 }) }),
  { minLength: 1, maxLength: 6 },
);

function applyChanges(
  source: Uint8Array,
  list: readonly { readonly at: number; readonly byte: number }[],
): Uint8Array {
  const changed = source.slice();
  for (const { at, byte } of list) changed[Math.floor(at * changed.length)] = byte;
  return changed;
}

test("property: changed frames with a valid checksum are decoded or refused, never more", () => {
  fc.assert(
    fc.property(fc.nat({ max: frames.length - 1 }), changes, (i, list) => {
      const [frame, decode] = frames[i]!;
      const changed = applyChanges(frame, list);
      changed.set(frame.subarray(0, 8));
      reseal(changed);
      survives(decode, changed);
    }),
    propertyRuns(3000),
  );
  fc.assert(
    fc.property(fc.nat({ max: unsealed.length - 1 }), changes, (i, list) => {
      const [source, decode] = unsealed[i]!;
      survives(decode, applyChanges(source, list));
    }),
    propertyRuns(3000),
  );
});

test("property: one changed pointer word in a frame is decoded or refused, never more", () => {
  const word = record({ at: fc.nat(), low: fc.integer(), high: fc.integer(), small: bool });
  fc.assert(
    fc.property(fc.nat({ max: frames.length - 1 }), word, (i, { at, low, high, small }) => {
      const [frame, decode] = frames[i]!;
      const changed = frame.slice();
      const offset = 8 + 8 * (at % (frame.length / 8 - 1));
      putUint32(changed, offset, small ? low & 0x1f : low);
      putUint32(changed, offset + 4, small ? high & 0x3ffff : high);
      reseal(changed);
      survives(decode, changed);
    }),
    propertyRuns(3000),
  );
});

test("property: garbage is refused by every decoder", () => {
  const decoders = [...frames, ...unsealed].map(([, decode]) => decode);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
    for (const decode of new Set(decoders)) survives(decode, garbage);
    const decoder = new FrameDecoder();
    decoder.push(garbage);
    survives(() => decoder.next(), garbage);
  }));
});
