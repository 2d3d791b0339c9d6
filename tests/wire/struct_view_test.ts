/** Messages that are read in place, in layouts that this build does not write. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { putUint32 } from "../../src/bytes.ts";
import { ByteBuilder } from "../../src/wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../../src/wire/client_codec.ts";
import type { StatusAnswer } from "../../src/wire/client_messages.ts";
import { sealFrame } from "../../src/wire/frame_checksum.ts";
import { ClientMessage_Which } from "../../src/wire/generated/client.ts";
import { clientClientMessageLayout } from "../../src/wire/generated/layouts.ts";
import { viewFramed } from "../../src/wire/struct_view.ts";
import { clientMessages } from "./wire_samples.ts";

const { STATUS_ANSWER } = ClientMessage_Which;

/** A frame of these words behind the segment table; each is its low and its high half. */
function frameOf(...words: readonly (readonly [low: number, high: number])[]): Uint8Array {
  const frame = new Uint8Array(8 + 8 * words.length);
  putUint32(frame, 4, words.length);
  for (const [i, [low, high]] of words.entries()) {
    putUint32(frame, 8 + 8 * i, low);
    putUint32(frame, 12 + 8 * i, high);
  }
  return frame;
}

function decodeSealed(frame: Uint8Array): StatusAnswer {
  sealFrame(frame);
  return decodeClientMessage(frame) as StatusAnswer;
}

const isStatus = (message: { readonly type: string }) => message.type === "statusAnswer";
const sample = clientMessages.find(isStatus) as StatusAnswer;

function roundTrip(answer: StatusAnswer): StatusAnswer {
  const builder = new ByteBuilder();
  writeClientMessage(builder, answer);
  return decodeClientMessage(builder.take()) as StatusAnswer;
}

describe("StructView", () => {
  it("takes what an older build did not send for 0 and empty", () => {
    // The struct has two words, nodeId and role, and no pointers.
    const short = frameOf([0, 2 | (1 << 16)], [0, STATUS_ANSWER], [7, 0], [0, 2], [3, 0], [2, 0]);
    const answer = decodeSealed(short);
    assert.equal(answer.requestId, 7);
    assert.deepEqual([answer.nodeId, answer.role, answer.term], [3, "leader", 0]);
    assert.deepEqual([answer.leaderAddress, answer.clusterId, answer.joint], ["", "", false]);
    assert.deepEqual([answer.members, answer.notes, answer.promotions], [[], [], []]);
    // The struct is not there at all.
    const none = frameOf([0, 2 | (1 << 16)], [0, STATUS_ANSWER], [7, 0], [0, 0]);
    assert.deepEqual({ ...answer, nodeId: 0, role: "follower" }, decodeSealed(none));
  });

  it("follows pointers in any order, and passes over what a newer build added", () => {
    // Four words of data where two are known, and the struct in front of the root.
    const root = viewFramed(
      frameOf(
        ...[[5 << 2, 4 | (1 << 16)], [3, 0], [2, 0], [0, 0], [0, 0], [0, 0]] as const,
        ...[[0, STATUS_ANSWER], [8, 0], [99, 0], [99, 0], [-10 << 2, 2]] as const,
      ),
      clientClientMessageLayout,
    );
    assert.equal(root.integer(8), 8);
    assert.deepEqual([root.struct(0).integer(0), root.struct(0).uint16(8)], [3, 2]);
    assert.deepEqual([root.struct(1).integer(0), root.text(1), root.structs(1)], [0, "", []]);
  });

  it("reads texts of any length and script", () => {
    for (const text of ["", "a", "é", "\ufeffmark", "x".repeat(64), "y".repeat(65), "日本語"]) {
      const answer = { ...sample, clusterName: text, notes: [text, "", text] };
      assert.deepEqual(roundTrip(answer), answer);
    }
  });

  it("reads lists of any length", () => {
    for (let count = 0; count < 9; count += 1) {
      const members = Array.from({ length: count }, (_, i) => ({ ...sample.members[0]!, id: i }));
      const answer = { ...sample, members, promotions: members.map(({ id }) => id) };
      assert.deepEqual(roundTrip(answer), answer);
    }
  });
});
