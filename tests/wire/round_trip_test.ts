import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../src/assert.ts";
import { putUint32 } from "../../src/bytes.ts";
import { ProtocolError } from "../../src/errors.ts";
import { encodeAppendEntries } from "../../src/wire/append_entries_codec.ts";
import { ByteBuilder } from "../../src/wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../../src/wire/client_codec.ts";
import type { ClientMessage } from "../../src/wire/client_messages.ts";
import { FrameDecoder } from "../../src/wire/frame.ts";
import { CHECKSUM_OFFSET, sealFrame } from "../../src/wire/frame_checksum.ts";
import { decodeHelloFrame } from "../../src/wire/hello_codec.ts";
import * as kv from "../../src/wire/kv_codec.ts";
import {
  decodePeerFrame,
  encodePeerMessage,
  type PeerFrame,
  type PeerGreeting,
  type PeerWord,
  writePeerMessage,
} from "../../src/wire/peer_codec.ts";
import * as storage from "../../src/wire/storage_codec.ts";
import {
  appendEntries,
  bytesOf,
  clientMessages,
  configuration,
  countingBytes,
  hello,
  identity,
  kvCommands,
  kvQueries,
  kvResults,
  peerMessages,
  records,
} from "./wire_samples.ts";

/** The same message with a word of nothing behind it: no hand-placed reader knows that layout. */
function withUnknownLayout(frame: Uint8Array): Uint8Array {
  const other = new Uint8Array(frame.length + 8);
  other.set(frame);
  putUint32(other, 4, frame.length / 8);
  putUint32(other, CHECKSUM_OFFSET, 0);
  sealFrame(other);
  return other;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const builder = new ByteBuilder();
  for (const part of parts) builder.append(part);
  return builder.take();
}

/** What a frame of `message` decodes to. */
function received(
  message: PeerWord | PeerGreeting,
  recordBytes: Uint8Array,
): PeerFrame | PeerGreeting {
  if (message.type !== "appendEntriesRequest") return message;
  const { entries, ...rest } = message;
  const entryCount = entries === null ? 0 : entries.lastIndex - entries.firstIndex + 1;
  return { ...rest, entryCount, records: recordBytes };
}

function encodeClient(message: ClientMessage): Uint8Array {
  const builder = new ByteBuilder();
  writeClientMessage(builder, message);
  return builder.take();
}

test("peer messages decode to what was encoded, by hand and by capnp-ts", () => {
  for (const message of peerMessages) {
    const frame = encodePeerMessage(message);
    const wanted = received(message, new Uint8Array(0));
    assert.deepEqual(decodePeerFrame(frame), wanted);
    assert.deepEqual(decodePeerFrame(withUnknownLayout(frame)), wanted);
  }
});

test("client messages decode to what was encoded, by hand and by capnp-ts", () => {
  for (const message of clientMessages) {
    const frame = encodeClient(message);
    assert.deepEqual(decodeClientMessage(frame), message);
    assert.deepEqual(decodeClientMessage(withUnknownLayout(frame)), message);
  }
});

test("AppendEntries carries records of any count and size, in one part or in many", () => {
  for (const payloadBytes of [0, 1, 8, 100, 70_000, 9 * 1024 * 1024]) {
    for (const count of payloadBytes > 100_000 ? [1] : [1, 3]) {
      const payloads = Array.from({ length: count }, () => countingBytes(payloadBytes));
      const bytes = records(42, payloads);
      const cut = Math.min(bytes.length, 48);
      const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)];
      const message = appendEntries(count);
      const parts = encodeAppendEntries({ message, records: pieces });
      assert.equal(parts.length, bytes.length <= 65_536 ? 1 : 3);
      const frame = concat(parts);
      assert.deepEqual(encodePeerMessage(message, pieces), frame);
      const decoded = decodePeerFrame(frame);
      assert.deepEqual(decoded, received(message, bytes));
      assert(decoded.type === "appendEntriesRequest");
      assert.equal(decoded.records.buffer, frame.buffer, "records are a view");
      assert.deepEqual(decodePeerFrame(withUnknownLayout(frame)), received(message, bytes));
    }
  }
});

test("AppendEntries asserts that its records follow prevLogIndex (trap 26)", () => {
  const one = records(42, [bytesOf("a")]);
  const encode = (first: number, bytes: Uint8Array) => () => {
    const message = appendEntries(1);
    const entries = { ...message.entries!, firstIndex: first, lastIndex: first };
    return encodePeerMessage({ ...message, entries }, [bytes]);
  };
  assert.doesNotThrow(encode(42, one));
  assert.throws(encode(43, one), AssertionError);
  assert.throws(encode(42, records(43, [bytesOf("a")])), AssertionError);
  assert.throws(encode(42, one.subarray(0, 44)), AssertionError);
  assert.throws(() => encodePeerMessage(appendEntries(0), [one]), AssertionError);
  assert.throws(() => encodePeerMessage(peerMessages[2]!, [one]), AssertionError);
});

test("AppendEntries refuses records that do not follow, or are too few (trap 26)", () => {
  const frame = encodePeerMessage(appendEntries(2), [records(42, [bytesOf("a"), bytesOf("b")])]);
  const changed = (offset: number, value: number) => {
    const other = frame.slice();
    putUint32(other, CHECKSUM_OFFSET, 0);
    putUint32(other, offset, value);
    sealFrame(other);
    return () => decodePeerFrame(other);
  };
  assert.doesNotThrow(changed(72, 2));
  assert.throws(changed(40, 42), /Cannot append from index 42: want 43/);
  assert.throws(changed(72, 0), /Cannot hold 0 records in 96 bytes/);
  assert.throws(changed(72, 3), /Cannot hold 3 records in 96 bytes/);
});

test("one buffer carries many messages, and FrameDecoder cuts them again", () => {
  const builder = new ByteBuilder();
  for (const message of peerMessages) writePeerMessage(builder, message);
  const decoder = new FrameDecoder();
  decoder.push(builder.take());
  const none = new Uint8Array(0);
  for (const message of peerMessages) {
    assert.deepEqual(decodePeerFrame(decoder.next()!), received(message, none));
  }
  assert.equal(decoder.next(), null);
});

test("a hello reads the same whoever dialed, and nothing else does", () => {
  assert.deepEqual(decodeHelloFrame(encodePeerMessage({ type: "hello", hello })), hello);
  const client = clientMessages[0]!;
  assert(client.type === "hello");
  assert.deepEqual(decodeHelloFrame(encodeClient(client)), client.hello);
  assert.deepEqual(
    encodePeerMessage({ type: "hello", hello }),
    encodeClient({ type: "hello", hello }),
  );
  for (const message of peerMessages.slice(1)) {
    assert.throws(() => decodeHelloFrame(encodePeerMessage(message)), /want a hello first/);
  }
});

test("a hello without the magic, or with an impossible range of versions, is refused", () => {
  const frame = encodePeerMessage({ type: "hello", hello });
  assert.equal(String.fromCharCode(...frame.subarray(40, 48)), "RAFT2026");
  putUint32(frame, 40, 1);
  putUint32(frame, CHECKSUM_OFFSET, 0);
  sealFrame(frame);
  assert.throws(() => decodeHelloFrame(frame), /magic/);
  const odd = encodePeerMessage({ type: "hello", hello: { ...hello, protocolMin: 4 } });
  assert.throws(() => decodeHelloFrame(odd), /Cannot speak protocols 4 to 3/);
});

test("integers beyond 2^53 − 1 are refused, never rounded (trap 56)", () => {
  const message = { type: "readIndexRequest", term: Number.MAX_SAFE_INTEGER, readId: 3 } as const;
  assert.deepEqual(decodePeerFrame(encodePeerMessage(message)), message);
  for (const term of [-1, 1.5, 2 ** 53, Number.NaN, Infinity]) {
    assert.throws(() => encodePeerMessage({ ...message, term }), AssertionError);
    const accepted = { ...peerMessages[6]!, term } as PeerWord;
    assert.throws(() => encodePeerMessage(accepted), AssertionError);
  }
  const hot = [encodePeerMessage(appendEntries(0)), encodePeerMessage(peerMessages[6]!)];
  for (const frame of [encodePeerMessage(message), ...hot]) {
    for (const offset of [24, 40]) {
      const large = frame.slice();
      putUint32(large, offset + 4, 0x200000);
      putUint32(large, CHECKSUM_OFFSET, 0);
      sealFrame(large);
      assert.throws(() => decodePeerFrame(large), /beyond 2\^53/);
    }
  }
});

test("key-value commands, queries and results decode to what was encoded", () => {
  for (const command of kvCommands) {
    const bytes = kv.encodeKvCommand(command);
    assert.deepEqual(kv.decodeKvCommand(bytes), command);
    assert.deepEqual(kv.decodeKvCommand(new Uint8Array([...bytes, ...new Uint8Array(8)])), command);
  }
  for (const query of kvQueries) {
    const bytes = kv.encodeKvQuery(query);
    assert.deepEqual(kv.decodeKvQuery(bytes), query);
    assert.deepEqual(kv.decodeKvQuery(new Uint8Array([...bytes, ...new Uint8Array(8)])), query);
  }
  for (const result of kvResults) {
    const bytes = kv.encodeKvResult(result);
    assert.deepEqual(kv.decodeKvResult(bytes), result);
    assert.deepEqual(kv.decodeKvResult(new Uint8Array([...bytes, ...new Uint8Array(8)])), result);
  }
});

test("a command that is none is a ProtocolError, for the state machine to answer", () => {
  for (const bytes of [[], [1], new Array(8).fill(0), new Array(16).fill(255)]) {
    assert.throws(() => kv.decodeKvCommand(Uint8Array.from(bytes)), ProtocolError);
    assert.throws(() => kv.decodeKvQuery(Uint8Array.from(bytes)), ProtocolError);
    assert.throws(() => kv.decodeKvResult(Uint8Array.from(bytes)), ProtocolError);
  }
});

test("stored state decodes to what was encoded", () => {
  assert.deepEqual(storage.decodeIdentity(storage.encodeIdentity(identity)), identity);
  for (const promiseMs of [null, 0, 1, 65_535]) {
    const bytes = storage.encodeIdentity({ ...identity, promiseMs });
    assert.equal(storage.decodeIdentity(bytes).promiseMs, promiseMs);
  }
  const tooLong = { ...identity, promiseMs: 65_536 };
  assert.throws(() => storage.encodeIdentity(tooLong), AssertionError);
  const state = { currentTerm: 7, votedFor: 2 };
  assert.deepEqual(storage.decodeHardState(storage.encodeHardState(state)), state);
  const bytes = storage.encodeConfiguration(configuration);
  assert.deepEqual(storage.decodeConfiguration(bytes), configuration);
});

test("stored state that is cut, long or out of order is a ProtocolError", () => {
  const bytes = storage.encodeConfiguration(configuration);
  const cut = bytes.subarray(0, bytes.length - 8);
  assert.throws(() => storage.decodeConfiguration(cut), /segment table/);
  assert.throws(() => storage.decodeConfiguration(new Uint8Array(0)), ProtocolError);
  const long = new Uint8Array([...bytes, ...new Uint8Array(8)]);
  assert.throws(() => storage.decodeConfiguration(long), /segment table/);
  const voters = configuration.voters.toReversed();
  assert.throws(() => storage.encodeConfiguration({ ...configuration, voters }), AssertionError);
  // The ids of the first two voters in the wrong order: 4 becomes 1.
  const swapped = bytes.slice();
  swapped[swapped.indexOf(4, 48)] = 1;
  assert.throws(() => storage.decodeConfiguration(swapped), /member 1 after 1: want ascending/);
});

test("ages are rounded up and never overflow", () => {
  const query = clientMessages[3]!;
  assert(query.type === "query");
  const maxAgeMs = (value: number) => {
    const decoded = decodeClientMessage(encodeClient({ ...query, maxAgeMs: value }));
    return decoded.type === "query" ? decoded.maxAgeMs : null;
  };
  assert.equal(maxAgeMs(0.2), 1);
  assert.equal(maxAgeMs(-3), 0);
  assert.equal(maxAgeMs(Infinity), Number.MAX_SAFE_INTEGER);
});
