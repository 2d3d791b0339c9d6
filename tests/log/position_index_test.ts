/** Where reads of a segment start to walk. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { POINT_BYTES, PositionIndex, READ_ENDS_MAX } from "../../src/log/position_index.ts";
import { verifyRecords } from "../../src/log/record.ts";
import { SegmentedLog } from "../../src/log/segmented_log.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { readRange, syncLog } from "../../src/testing/log_contract.ts";
import { DATA_PATH, LogMachine } from "./simulated_log_machine.ts";

/** A point where the record with `index` starts a unit of 512 bytes, as all before it do. */
function pointAt(index: number) {
  const position = index * 512;
  return { index, position, recordsEnd: position + 100, unitEnd: position + 512 };
}

describe("PositionIndex", () => {
  it("finds the nearest point at or before an index, be it of a unit or the end of a read", () => {
    const points = new PositionIndex();
    const spaced = POINT_BYTES / 512;
    for (let index = 1; index <= 3 * spaced; index += 1) points.add(pointAt(index));
    assert.equal(points.find(spaced).index, 1);
    assert.equal(points.find(spaced + 5).index, spaced + 1);
    points.addReadEnd(pointAt(spaced + 3));
    assert.deepEqual(points.find(spaced + 5), pointAt(spaced + 3));
    assert.deepEqual(points.find(spaced + 3), pointAt(spaced + 3));
    assert.equal(points.find(spaced + 2).index, spaced + 1);
    assert.equal(points.find(2 * spaced + 2).index, 2 * spaced + 1);
  });

  it("keeps the latest ends of reads, each once", () => {
    const points = new PositionIndex();
    points.add(pointAt(1));
    points.addReadEnd(pointAt(2));
    for (let read = 0; read < 3; read += 1) {
      for (let index = 4; index < 3 + READ_ENDS_MAX; index += 1) points.addReadEnd(pointAt(index));
    }
    assert.equal(points.find(3).index, 2);
    points.addReadEnd(pointAt(3 + READ_ENDS_MAX));
    assert.equal(points.find(3).index, 1);
    assert.equal(points.find(4).index, 4);
  });
});

describe("SegmentedLog", () => {
  it("goes on reading where the last read ended", async () => {
    const machine = new LogMachine("read on");
    await machine.start();
    await machine.run(async () => {
      const options = { path: DATA_PATH, segmentBytes: 64 * 1024, create: true };
      const log = await SegmentedLog.open(machine.runtime!, options);
      for (let index = 1; index <= 40; index += 1) {
        log.append(createBatch({ firstIndex: index, count: 1, term: 1, payloadBytes: 900 }));
        await syncLog(log);
      }
      await readRange(log, 1, 30);
      let reads = 0;
      machine.disk.faults.onCall = ({ kind }) => {
        if (kind === "read") reads += 1;
        return "ok";
      };
      for (let index = 31; index <= 40; index += 1) {
        const batch = await log.read({ firstIndex: index, lastIndex: 40, bytesMax: 1 });
        assert.equal(verifyRecords(batch.bytes, index).lastIndex, index);
      }
      assert.equal(reads, 10);
    });
  });
});
