import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "../../src/errors.ts";
import { ByteBuilder } from "../../src/wire/byte_builder.ts";
import { writeClientMessage } from "../../src/wire/client_codec.ts";
import { FrameDecoder } from "../../src/wire/frame.ts";
import {
  clientClientMessageLayout,
  kvCommandLayout,
  kvResultLayout,
  peerPeerMessageLayout,
  storageConfigurationLayout,
} from "../../src/wire/generated/layouts.ts";
import { encodeKvResult } from "../../src/wire/kv_codec.ts";
import { checkMessage } from "../../src/wire/message_check.ts";
import { encodePeerMessage } from "../../src/wire/peer_codec.ts";
import { encodeConfiguration } from "../../src/wire/storage_codec.ts";
import type { StructLayout } from "../../src/wire/struct_layout.ts";
import { bytesOf, clientMessages, configuration, kvResults, peerMessages } from "./wire_samples.ts";

/** Counts how often single bytes of `bytes` are read: a measure of work that is no time. */
function counted(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly reads: () => number } {
  let count = 0;
  const proxy = new Proxy(bytes, {
    get(target, name) {
      if (typeof name === "string" && /^\d+$/.test(name)) count += 1;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { bytes: proxy, reads: () => count };
}

/** A segment of the given words, each as its low and high half. */
function segment(...halves: readonly (readonly [low: number, high: number])[]): Uint8Array {
  const bytes = new Uint8Array(halves.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, [low, high]] of halves.entries()) {
    view.setUint32(i * 8, low, true);
    view.setUint32(i * 8 + 4, high, true);
  }
  return bytes;
}

/** A pointer to a struct `offset` words behind the pointer. */
function struct(offset: number, dataWords: number, pointers: number): [number, number] {
  return [offset << 2, dataWords | (pointers << 16)];
}

/** A pointer to a list. `size` is the code of the element size. */
function list(offset: number, size: number, count: number): [number, number] {
  return [(offset << 2) | 1, ((count << 3) | size) >>> 0];
}

const BYTE = 2;
const POINTER = 6;
const COMPOSITE = 7;

/** Refuses the segment and returns why; every refusal reads less than `readsMax` bytes. */
function refusal(bytes: Uint8Array, layout: StructLayout, readsMax = 400): string {
  const counter = counted(bytes);
  try {
    checkMessage(counter.bytes, { segmentStart: 0, layout });
  } catch (error) {
    assert(error instanceof ProtocolError, String(error));
    assert(counter.reads() <= readsMax, `${counter.reads()} reads are at most ${readsMax}`);
    return error.message;
  }
  return "accepted";
}

/** Refuses a StatusAnswer whose list of members is at the end of the given words. */
function statusWithMembers(...rest: readonly [number, number][]): string {
  const envelope = [struct(0, 2, 1), [0, 7], [1, 0]] as [number, number][];
  const bytes = segment(...envelope, struct(0, 0, 6), [0, 0], [0, 0], [0, 0], ...rest);
  return refusal(bytes, clientClientMessageLayout);
}

test("checkMessage visits every word of our messages at most once", () => {
  const builder = new ByteBuilder();
  for (const message of peerMessages) {
    const frame = encodePeerMessage(message);
    const options = { segmentStart: 8, layout: peerPeerMessageLayout };
    assert.equal(checkMessage(frame, options), frame.length / 8 - 1);
  }
  for (const message of clientMessages) {
    writeClientMessage(builder, message);
    const frame = builder.take();
    const options = { segmentStart: 8, layout: clientClientMessageLayout };
    assert.equal(checkMessage(frame, options), frame.length / 8 - 1);
  }
});

test("checkMessage refuses lists of nothing with 2^29 − 1 elements (DESIGN §5)", () => {
  const count = 2 ** 29 - 1;
  for (const size of [0, 1, 2, 3, 4, 5, 6, 7]) {
    assert.match(statusWithMembers(list(2, size, count), [0, 0], [0, 0]), /Bad field "members"/);
  }
  // One element of no words, repeated 2^30 - 1 times.
  const tag: [number, number] = [((2 ** 30 - 1) << 2) >>> 0, 0];
  const empty = statusWithMembers(list(2, COMPOSITE, 0), [0, 0], [0, 0], tag);
  assert.match(empty, /its elements are shorter than a "StatusMember"/);
});

test("checkMessage refuses elements that do not fill their list, or are shorter than ours", () => {
  const element = (words: number) =>
    Array.from({ length: words }, () => [0, 0] as [number, number]);
  const rest: [number, number][] = [[0, 0], [0, 0]];
  const two: [number, number] = [2 << 2, 3 | (2 << 16)];
  const short = statusWithMembers(list(2, COMPOSITE, 5), ...rest, two, ...element(5));
  assert.match(short, /its 2 elements do not fill 5 words/);
  const narrow: [number, number] = [2 << 2, 2 | (2 << 16)];
  const old = statusWithMembers(list(2, COMPOSITE, 8), ...rest, narrow, ...element(8));
  assert.match(old, /shorter than a "StatusMember"/);
  const wide: [number, number] = [2 << 2, 4 | (3 << 16)];
  const newer = statusWithMembers(list(2, COMPOSITE, 14), ...rest, wide, ...element(14));
  assert.equal(newer, "accepted");
});

test("checkMessage refuses pointers that share words, which multiply work (DESIGN §5)", () => {
  // Three lists of members in one place: each word may be reached once.
  const tag: [number, number] = [1 << 2, 1 | (2 << 16)];
  const once = list(2, COMPOSITE, 3);
  const twice = list(1, COMPOSITE, 3);
  const bytes = segment(struct(0, 0, 3), once, twice, [0, 0], tag, [1, 0], [0, 0], [0, 0]);
  assert.match(refusal(bytes, storageConfigurationLayout), /overlaps with another one/);
  // A put whose key and value are the same 64 KiB.
  const large = new Uint8Array(24 + 65_536);
  large.set(segment(struct(0, 0, 2), list(1, BYTE, 65_536), list(0, BYTE, 65_536)));
  assert.match(refusal(large, kvCommandLayout), /"value" of "Command": it overlaps/);
});

test("checkMessage refuses pointers that leave the message, and pointers to themselves", () => {
  const at = (pointer: [number, number]) =>
    refusal(segment(struct(0, 0, 2), pointer, [0, 0]), kvCommandLayout);
  assert.match(at(list(1, BYTE, 1)), /leads out of the message/);
  assert.match(at(list(0, BYTE, 9)), /leads out of the message/);
  assert.match(at(list(-4, BYTE, 1)), /leads out of the message/);
  assert.match(at(list(2 ** 28, BYTE, 2 ** 29 - 1)), /leads out of the message/);
  assert.match(at(list(-1, BYTE, 8)), /overlaps/);
  const loop = segment(struct(0, 2, 1), [0, 7], [1, 0], struct(-1, 0, 6));
  assert.match(refusal(loop, clientClientMessageLayout), /leads out|overlaps/);
});

test("checkMessage refuses far pointers, capabilities and pointers of another kind", () => {
  const at = (pointer: [number, number]) =>
    refusal(segment(struct(0, 0, 2), pointer, [0, 0], [0, 0]), kvCommandLayout);
  assert.match(at([2, 0]), /"key" of "Command": the pointer is not one to bytes/);
  assert.match(at([3, 0]), /not one to bytes/);
  assert.match(at(struct(1, 1, 0)), /not one to bytes/);
  assert.match(at(list(1, POINTER, 1)), /not one to bytes/);
  assert.match(refusal(segment([2, 0], [0, 0]), kvCommandLayout), /not one to a struct/);
  assert.match(refusal(segment([0, 0], [0, 0]), kvCommandLayout), /without a root/);
  assert.match(refusal(new Uint8Array(0), kvCommandLayout), /0 bytes: want whole words/);
  assert.match(refusal(new Uint8Array(12), kvCommandLayout), /12 bytes: want whole words/);
});

test("checkMessage refuses texts without an end, and texts that are not UTF-8", () => {
  const at = (text: readonly number[]) => {
    const words = new Uint8Array(8);
    words.set(text);
    const head = segment(struct(0, 2, 1), [0, 0], [4 << 16, 0], list(0, BYTE, text.length));
    return refusal(new Uint8Array([...head, ...words]), kvResultLayout);
  };
  assert.equal(at([...bytesOf("abc"), 0]), "accepted");
  assert.equal(at([0]), "accepted");
  assert.match(at([]), /does not end with a NUL/);
  assert.match(at([...bytesOf("abc")]), /does not end with a NUL/);
  assert.match(at([0xff, 0]), /not UTF-8/);
  assert.match(at([0xc0, 0x80, 0]), /not UTF-8/);
  assert.match(at([0xed, 0xa0, 0x80, 0]), /not UTF-8/);
});

test("checkMessage refuses union members, enum values and integers that are not ours", () => {
  const peer = (tag: number) =>
    refusal(segment(struct(0, 2, 1), [0, tag], [1, 0], [0, 0]), peerPeerMessageLayout);
  assert.equal(peer(11), "accepted");
  assert.match(peer(12), /"union" of "PeerMessage": its member is 12: want one below 12/);
  const role = segment(struct(0, 2, 1), [0, 0], [0, 0], struct(0, 2, 0), [0, 0], [0, 2]);
  assert.match(refusal(role, peerPeerMessageLayout), /"role" of "Hello": its value is 2/);
  const term = (low: number, high: number) =>
    refusal(segment(struct(0, 2, 0), [0, 7], [low, high]), peerPeerMessageLayout);
  assert.equal(term(0xffffffff, 0x1fffff), "accepted");
  assert.match(term(0, 0x200000), /"term" of "PeerMessage": its value is beyond 2\^53/);
  const amount = (low: number, high: number) =>
    refusal(segment(struct(0, 2, 0), [3 << 16, 0], [low, high]), kvCommandLayout);
  assert.equal(amount(0xffffffff, 0x1fffff), "accepted");
  assert.equal(amount(1, 0xffe00000), "accepted");
  assert.equal(amount(0xffffffff, 0xffffffff), "accepted");
  assert.match(amount(0, 0xffe00000), /beyond 2\^53/);
  assert.match(amount(0, 0x80000000), /beyond 2\^53/);
  assert.match(amount(0, 0x200000), /beyond 2\^53/);
});

test("checkMessage does work in proportion to the bytes of a large list", () => {
  const item = kvResults[10]!;
  assert(item.type === "list");
  const items = Array.from({ length: 1000 }, () => item.items[0]!);
  const bytes = encodeKvResult({ ...item, items });
  const counter = counted(bytes);
  checkMessage(counter.bytes, { segmentStart: 0, layout: kvResultLayout });
  assert(counter.reads() <= 2 * bytes.length, `${counter.reads()} reads of ${bytes.length} bytes`);
  const members = encodeConfiguration(configuration);
  assert(checkMessage(members, { segmentStart: 8, layout: storageConfigurationLayout }) > 0);
});

test("FrameDecoder refuses an HTTP request after a few bytes (DESIGN §5)", () => {
  const counter = counted(bytesOf("GET / HTTP/1.1\r\n".repeat(1000)));
  const decoder = new FrameDecoder();
  decoder.push(counter.bytes);
  assert.throws(() => decoder.next(), /HTTP request/);
  assert(counter.reads() <= 16, `${counter.reads()} reads are at most 16`);
});
