/** Frames and records of snapshots, and what well-summed frames with wrong records do. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BadDataError } from "../../src/errors.ts";
import { ByteSource } from "../../src/state_machine/byte_source.ts";
import { KeyValueStore } from "../../src/state_machine/key_value_store.ts";
import {
  readSnapshotFrames,
  SNAPSHOT_FRAME_BYTES_MAX,
  type SnapshotFormat,
  SnapshotFrameWriter,
} from "../../src/state_machine/snapshot_frames.ts";
import { SnapshotRecordReader } from "../../src/state_machine/snapshot_records.ts";

const FORMAT: SnapshotFormat = { name: "test", kind: 9, version: 1 };
const KEY_VALUE: SnapshotFormat = { name: "key-value store", kind: 2, version: 2 };

/** The frames that `fill` writes. */
function framesOf(
  format: SnapshotFormat,
  fill: (writer: SnapshotFrameWriter) => void,
): Uint8Array[] {
  const writer = new SnapshotFrameWriter(format);
  fill(writer);
  writer.finish();
  const frames: Uint8Array[] = [];
  for (let frame = writer.takeReady(); frame; frame = writer.takeReady()) frames.push(frame);
  return frames;
}

async function* asyncChunks(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  for (const chunk of chunks) yield chunk;
}

/** Restores a key-value store from integers as they are, in frames that are as they should be. */
function restoreIntegers(...integers: readonly number[]): Promise<void> {
  const frames = framesOf(KEY_VALUE, (writer) => {
    for (const integer of integers) writer.putInteger(integer);
  });
  return new KeyValueStore().restoreSnapshot(asyncChunks(frames));
}

describe("snapshot_records", () => {
  it("reads the records that were written, wherever frames and reads end", async () => {
    const record = fc.record({
      integers: fc.tuple(fc.maxSafeNat(), fc.nat(300), fc.maxSafeNat()),
      length: fc.constantFrom(0, 1, 100, 65_000, 65_520, 65_521, 200_000),
    }, { noNullPrototype: true });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 12 }), async (records) => {
        const frames = framesOf(FORMAT, (writer) => {
          for (const { integers, length } of records) {
            for (const integer of [...integers, length]) writer.putInteger(integer);
            writer.putBytes(new Uint8Array(length).fill(length));
          }
        });
        for (const frame of frames) assert.ok(frame.length <= SNAPSHOT_FRAME_BYTES_MAX);
        const reader = new SnapshotRecordReader(FORMAT);
        const read: unknown[] = [];
        const source = new ByteSource(asyncChunks(frames));
        for await (const body of readSnapshotFrames(source, FORMAT)) {
          reader.push(body);
          for (;;) {
            const integers = reader.peekIntegers(4)?.slice();
            const bytes = integers && reader.takeBytes(integers[3]!);
            if (!integers || !bytes) break;
            assert.ok(bytes.every((byte) => byte === (bytes.length & 255)));
            read.push({ integers: integers.slice(0, 3), length: bytes.length });
          }
        }
        assert.ok(reader.isEmpty);
        assert.deepEqual(read, records);
      }),
      { numRuns: 30 },
    );
  });

  it("trap 56: refuses an integer beyond 2^53 − 1 instead of rounding it", () => {
    const reader = new SnapshotRecordReader(FORMAT);
    reader.push(new Uint8Array(10).fill(0xff));
    assert.throws(() => reader.peekIntegers(1), BadDataError);
    const largest = framesOf(FORMAT, (writer) => writer.putInteger(Number.MAX_SAFE_INTEGER));
    const body = largest[0]!.slice(16);
    const exact = new SnapshotRecordReader(FORMAT);
    exact.push(body);
    assert.deepEqual(exact.peekIntegers(1), [Number.MAX_SAFE_INTEGER]);
    const beyond = new SnapshotRecordReader(FORMAT);
    beyond.push(body.map((byte, i) => i === 0 ? 0x80 : i === 7 ? byte + 1 : byte));
    assert.throws(() => beyond.peekIntegers(1), BadDataError);
  });

  it("refuses another kind and another version by name", async () => {
    const read = async (format: SnapshotFormat): Promise<void> => {
      const source = new ByteSource(asyncChunks(framesOf(format, () => {})));
      for await (const _ of readSnapshotFrames(source, FORMAT));
    };
    await read(FORMAT);
    await assert.rejects(read({ ...FORMAT, kind: 8 }), /kind is 8, want 9/);
    await assert.rejects(read({ ...FORMAT, version: 7 }), /version is 7, .* knows version 1/);
  });

  it("refuses wrong records of a key-value store in frames that are whole", async () => {
    const key = [1, 0, 5, 1, 1, 0, 0, 97] as const;
    const leased = [1, 0, 5, 1, 1, 4, 0, 97] as const;
    const lease = [4, 100, 170, 0] as const;
    await restoreIntegers(9, 70, 0, 1, ...key);
    await restoreIntegers(9, 70, 0, 2, ...key, 1, 0, 5, 1, 1, 0, 80, 98);
    await restoreIntegers(9, 70, 1, 1, ...lease, ...leased);
    const wrong: readonly (readonly number[])[] = [
      [],
      [9],
      [9, 70, 0, 1],
      [9, 70, 0, 2, ...key],
      [9, 70, 0, 0, ...key],
      [9, 70, 0, 2, 1, 0, 5, 1, 1, 0, 0, 98, ...key],
      [9, 70, 0, 2, ...key, ...key],
      [9, 70, 0, 1, 0, 0, 5, 1, 1, 0, 0],
      [9, 70, 0, 1, 70_000, 0, 5, 1, 1, 0, 0],
      [9, 70, 0, 1, 1, 9_000_000, 5, 1, 1, 0, 0],
      [9, 70, 0, 1, 1, 0, 0, 1, 1, 0, 0, 97],
      [9, 70, 0, 1, 1, 0, 5, 5, 1, 0, 0, 97],
      [9, 70, 0, 1, 1, 0, 5, 1, 0, 0, 0, 97],
      [9, 70, 0, 1, 1, 0, 5, Number.MAX_SAFE_INTEGER, 1, 0, 0, 97],
      [9, 70, 0, 1, ...leased],
      [9, 70, 1, 1, ...lease, 1, 0, 5, 1, 1, 4, 80, 97],
      [9, 70, 1, 0],
      [9, 70, 1, 0, 10, 100, 170, 0],
      [9, 70, 1, 0, 4, 0, 170, 0],
      [9, 70, 1, 0, 4, 100, 170, 2],
      [9, 70, 2, 0, ...lease, ...lease],
    ];
    for (const integers of wrong) {
      await assert.rejects(restoreIntegers(...integers), BadDataError, integers.join());
    }
  });
});
