/** Records of a peer are verified before anything is made of them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { putUint32 } from "../../src/bytes.ts";
import type { AppendEntriesRequest } from "../../src/consensus/messages.ts";
import { ProtocolError } from "../../src/errors.ts";
import { encodeEntry } from "../../src/raft/batch_encoder.ts";
import {
  lastTimestampMs,
  receivedBatch,
  type ReceivedRecords,
  verifiedMessage,
} from "../../src/raft/message_intake.ts";
import { batchTimestampMs, createBatch, readBatch } from "../../src/testing/log_batches.ts";
import { EntryKind } from "../../src/types.ts";
import type { AppendEntriesFrame } from "../../src/wire/append_entries_codec.ts";
import { encodeConfiguration } from "../../src/wire/storage_codec.ts";

const INSTANCE = "0123456789abcdef0123456789abcdef";

const configuration = {
  voters: [{ id: 1, address: "10.0.0.1:7238", instanceId: INSTANCE }],
  votersOld: [],
  learners: [],
  promotions: [],
};

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** Entries 5 and 6 of term 2, 7 of term 3, which is a configuration, and 8 of term 3. */
function records(): Uint8Array {
  return joined(
    createBatch({ firstIndex: 5, count: 2, term: 2 }).bytes,
    encodeEntry(EntryKind.configuration, encodeConfiguration(configuration), {
      firstIndex: 7,
      term: 3,
      timestampMs: 70,
    }).bytes,
    createBatch({ firstIndex: 8, count: 1, term: 3 }).bytes,
  );
}

function frame(changes: Partial<AppendEntriesFrame> = {}): AppendEntriesFrame {
  return {
    type: "appendEntriesRequest",
    term: 3,
    prevLogIndex: 4,
    prevLogTerm: 2,
    leaderCommit: 4,
    readSequence: 9,
    session: 0,
    provenToken: 0,
    entryCount: 4,
    records: records(),
    ...changes,
  };
}

/** The entries of a frame that is good. */
function entriesOf(source: AppendEntriesFrame) {
  const message = verifiedMessage(source) as AppendEntriesRequest;
  return message.entries!;
}

/** The records with a byte changed. */
function changed(offset: number, value: number): Uint8Array {
  const bytes = records();
  bytes[offset] = value;
  return bytes;
}

const bad: readonly { name: string; source: AppendEntriesFrame; reason: RegExp }[] = [
  {
    name: "a flipped bit in a payload",
    source: frame({ records: changed(60, 0) }),
    reason: /Record at offset 0 is bad: the checksum is/,
  },
  {
    name: "a flipped bit in a term",
    source: frame({ records: changed(144 + 16, 9) }),
    reason: /Record at offset 144 is bad: the checksum is/,
  },
  {
    name: "padding that is not zero",
    source: frame({ records: changed(143, 1) }),
    reason: /Record at offset 0 is bad: the padding/,
  },
  {
    name: "a record that is cut off",
    source: frame({ records: records().subarray(0, -8) }),
    reason: /is bad: the payload is cut off/,
  },
  {
    name: "a header that is cut off",
    source: frame({ records: records().subarray(0, 144 + 32) }),
    reason: /Record at offset 144 is bad: the header is cut off/,
  },
  {
    name: "a length of nothing",
    source: frame({ records: new Uint8Array(400) }),
    reason: /Record at offset 0 is bad: the length is 0/,
  },
  {
    name: "a length beyond every limit",
    source: frame({
      records: (() => {
        const bytes = records();
        putUint32(bytes, 0, 0xffffffff);
        return bytes;
      })(),
    }),
    reason: /the length is 4294967295/,
  },
  {
    name: "fewer records than the message says",
    source: frame({ entryCount: 5 }),
    reason: /Message carries 4 entries: want 5/,
  },
  {
    name: "more records than the message says",
    source: frame({ entryCount: 3 }),
    reason: /Message carries 4 entries: want 3/,
  },
  {
    name: "trap 26: records that do not follow prevLogIndex",
    source: frame({ prevLogIndex: 5 }),
    reason: /does not follow: index 5, want 6/,
  },
  {
    name: "trap 26: a hole between records",
    source: frame({
      entryCount: 2,
      records: joined(
        createBatch({ firstIndex: 5, count: 1, term: 2 }).bytes,
        createBatch({ firstIndex: 7, count: 1, term: 2 }).bytes,
      ),
    }),
    reason: /does not follow: index 7, want 6/,
  },
  {
    name: "trap 26: the same record twice",
    source: frame({
      entryCount: 2,
      records: joined(
        createBatch({ firstIndex: 5, count: 1, term: 2 }).bytes,
        createBatch({ firstIndex: 5, count: 1, term: 2 }).bytes,
      ),
    }),
    reason: /does not follow: index 5, want 6/,
  },
  {
    name: "terms that fall",
    source: frame({
      entryCount: 2,
      records: joined(
        createBatch({ firstIndex: 5, count: 1, term: 3 }).bytes,
        createBatch({ firstIndex: 6, count: 1, term: 2 }).bytes,
      ),
    }),
    reason: /does not follow: index 6, want 6; term 2 after 3/,
  },
  {
    name: "a first term below prevLogTerm",
    source: frame({ prevLogTerm: 3 }),
    reason: /Entries have terms 2 to 3: want 3 to 3/,
  },
  {
    name: "a last term above the leader's",
    source: frame({ term: 2 }),
    reason: /Entries have terms 2 to 3: want 2 to 2/,
  },
  {
    name: "a configuration that is none",
    source: frame({
      entryCount: 1,
      records: encodeEntry(EntryKind.configuration, new Uint8Array(40).fill(0x55), {
        firstIndex: 5,
        term: 2,
        timestampMs: 1,
      }).bytes,
    }),
    reason: /Entry is no configuration/,
  },
];

describe("verifiedMessage", () => {
  it("hands on what carries no entries as it is", () => {
    const vote = {
      type: "requestVoteResponse",
      term: 3,
      voteGranted: true,
      preVote: false,
    } as const;
    assert.equal(verifiedMessage(vote), vote);
    const heartbeat = verifiedMessage(frame({ entryCount: 0, records: new Uint8Array(0) }));
    assert.deepEqual(heartbeat, {
      type: "appendEntriesRequest",
      term: 3,
      prevLogIndex: 4,
      prevLogTerm: 2,
      leaderCommit: 4,
      readSequence: 9,
      session: 0,
      provenToken: 0,
      entries: null,
    });
  });

  it("tells the core indexes, terms and configurations", () => {
    const entries = entriesOf(frame());
    assert.deepEqual([entries.firstIndex, entries.lastIndex], [5, 8]);
    assert.deepEqual(entries.termRuns, [{ term: 2, firstIndex: 5 }, { term: 3, firstIndex: 7 }]);
    assert.deepEqual(entries.configurations, [{ index: 7, configuration }]);
  });

  for (const { name, source, reason } of bad) {
    it(`trap 55: refuses ${name}`, () => {
      assert.throws(() => verifiedMessage(source), (error: Error) => {
        assert.ok(error instanceof ProtocolError, String(error));
        assert.match(error.message, reason);
        return true;
      });
    });
  }

  it("trap 55: refuses every record with any bit flipped, and throws nothing else", () => {
    const good = createBatch({ firstIndex: 5, count: 1, term: 2, payloadBytes: 9 }).bytes;
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      const bytes = good.slice();
      bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7));
      const source = frame({ entryCount: 1, records: bytes });
      assert.throws(() => verifiedMessage(source), ProtocolError, `bit ${bit}`);
    }
  });
});

describe("receivedBatch", () => {
  it("gives the records from an index on, as they were received", () => {
    const source = frame();
    const received = entriesOf(source).source as ReceivedRecords;
    const whole = receivedBatch(received, 5);
    assert.equal(whole.bytes, source.records);
    for (const firstIndex of [5, 6, 7, 8]) {
      const batch = receivedBatch(received, firstIndex);
      assert.deepEqual([batch.firstIndex, batch.lastIndex], [firstIndex, 8]);
      assert.deepEqual(
        readBatch(batch).map(({ index }) => index),
        [5, 6, 7, 8].filter((index) => index >= firstIndex),
      );
    }
  });
});

describe("lastTimestampMs", () => {
  it("is the log time of the last record", () => {
    const received = entriesOf(frame()).source as ReceivedRecords;
    assert.equal(lastTimestampMs(received), batchTimestampMs(8));
  });
});
