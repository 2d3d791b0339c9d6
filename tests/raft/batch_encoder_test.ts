/** What a leader appends: one piece of memory that a follower verifies as it is. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AssertionError } from "../../src/assert.ts";
import { recordHeader, recordPayload, verifyRecords } from "../../src/log/record.ts";
import { encodeEntry, encodeProposals, proposalsBytes } from "../../src/raft/batch_encoder.ts";
import type { Proposal } from "../../src/raft/proposals.ts";
import { EntryKind } from "../../src/types.ts";

const sink = { proposalApplied: () => {}, proposalFailed: () => {} };

function proposal(commandBytes: number, fill: number): Proposal {
  return {
    commandId: new Uint8Array(16).fill(fill),
    command: new Uint8Array(commandBytes).fill(255 - fill),
    sink,
    requestId: fill,
  };
}

describe("encodeProposals", () => {
  it("makes consecutive records whose payload is the command id and the command", () => {
    const proposals = [proposal(0, 1), proposal(1, 2), proposal(8, 3), proposal(1_000, 4)];
    const batch = encodeProposals(proposals, { firstIndex: 41, term: 7, timestampMs: 123 });
    assert.deepEqual([batch.firstIndex, batch.lastIndex], [41, 44]);
    assert.equal(batch.bytes.length, proposalsBytes(proposals));
    const verified = verifyRecords(batch.bytes, 41);
    assert.deepEqual(verified.termRuns, [{ term: 7, firstIndex: 41 }]);
    assert.deepEqual(verified.configurationOffsets, []);
    for (const [i, offset] of verified.offsets.entries()) {
      const kind = EntryKind.command;
      const header = { index: 41 + i, term: 7, timestampMs: 123, kind };
      assert.deepEqual(recordHeader(batch.bytes, offset), header);
      const payload = recordPayload(batch.bytes, offset);
      assert.deepEqual(payload.subarray(0, 16), proposals[i]!.commandId);
      assert.deepEqual(payload.subarray(16), proposals[i]!.command);
    }
  });

  it("copies: the memory of a received chunk is free again", () => {
    const first = proposal(100, 1);
    const batch = encodeProposals([first], { firstIndex: 1, term: 1, timestampMs: 1 });
    const before = batch.bytes.slice();
    first.command.fill(9);
    first.commandId.fill(9);
    assert.deepEqual(batch.bytes, before);
  });

  it("makes no batch of nothing", () => {
    const header = { firstIndex: 1, term: 1, timestampMs: 1 };
    assert.throws(() => encodeProposals([], header), AssertionError);
  });
});

describe("encodeEntry", () => {
  it("makes one record of any kind", () => {
    for (
      const [kind, payloadBytes] of [[EntryKind.noop, 0], [EntryKind.configuration, 77]] as const
    ) {
      const payload = new Uint8Array(payloadBytes).fill(5);
      const batch = encodeEntry(kind, payload, { firstIndex: 9, term: 3, timestampMs: 4 });
      assert.deepEqual([batch.firstIndex, batch.lastIndex], [9, 9]);
      assert.deepEqual(verifyRecords(batch.bytes, 9).offsets, [0]);
      assert.deepEqual(recordHeader(batch.bytes, 0), { index: 9, term: 3, timestampMs: 4, kind });
      assert.deepEqual(recordPayload(batch.bytes, 0), payload);
    }
  });
});
