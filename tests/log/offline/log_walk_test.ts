/**
 * The offline reader of a log against recovery: what recovery refuses it lists, at the right place;
 * what recovery keeps it shows; and a log that is written to meanwhile is never called damaged.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError } from "../../../src/errors.ts";
import { recoverLog } from "../../../src/log/log_recovery.ts";
import { type LogSummary, summarizeLog } from "../../../src/log/offline/log_summary.ts";
import { LogView } from "../../../src/log/offline/log_view.ts";
import { readEntries } from "../../../src/log/offline/read_entries.ts";
import { segmentName } from "../../../src/log/segment_header.ts";
import { SegmentedLog } from "../../../src/log/segmented_log.ts";
import { batchByte, createBatch } from "../../../src/testing/log_batches.ts";
import { syncLog } from "../../../src/testing/log_contract.ts";
import { MemoryFiles } from "../memory_files.ts";
import { createRealDirectory } from "../real_log_directory.ts";

const SEGMENT_BYTES = 64 * 1024;
/** How often the node writes at least, and how often it is read meanwhile. */
const ROUNDS_MIN = 60;
const READS_MIN = 20;
const OPTIONS = { path: "/data", segmentBytes: SEGMENT_BYTES, create: true };

/** A log in units of the given counts of entries. */
async function createLog(counts: readonly number[], payloadBytes = 100): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const log = await SegmentedLog.open(files.runtime, OPTIONS);
  for (const [at, count] of counts.entries()) {
    const firstIndex = log.lastIndex + 1;
    log.append(createBatch({ firstIndex, count, term: 1 + Math.floor(at / 2), payloadBytes }));
    await syncLog(log);
  }
  await log.close();
  return files;
}

function pathOf(firstIndex: number): string {
  return `/data/log/${segmentName(firstIndex)}`;
}

async function summarize(files: MemoryFiles): Promise<LogSummary> {
  const view = await LogView.open(files.runtime, "/data");
  try {
    return await summarizeLog(view, { checksRecords: true });
  } finally {
    await view.close();
  }
}

/** What recovery makes of the same files: the last index and the torn bytes, or a refusal. */
async function recover(files: MemoryFiles): Promise<[number, number] | "refused"> {
  try {
    const found = await recoverLog(files.runtime, { directory: "/data/log", mode: "read" });
    return [found!.segments.at(-1)!.lastIndex, found!.recovery.tornTailBytes];
  } catch (error) {
    assert.ok(error instanceof BadDataError, String(error));
    return "refused";
  }
}

/** Compares the reader with recovery, and returns what the reader found. */
async function compare(files: MemoryFiles, context: string): Promise<LogSummary> {
  const summary = await summarize(files);
  const outcome = await recover(files);
  if (outcome === "refused") {
    assert.notEqual(summary.problems.length, 0, `${context}: refused, and no problem found`);
  } else {
    assert.deepEqual(summary.problems, [], context);
    const torn = summary.tail.state === "torn" ? summary.tail.bytes : 0;
    assert.deepEqual([summary.lastIndex, torn], outcome, context);
  }
  return summary;
}

describe("an offline reader", () => {
  it("shows the entries of a log", async () => {
    const files = await createLog([1, 2, 5, 1]);
    const { tail, problems, ...summary } = await compare(files, "whole");
    assert.deepEqual(problems, []);
    assert.equal(tail.state, "clean");
    assert.equal(summary.firstIndex, 1);
    assert.equal(summary.lastIndex, 9);
    assert.equal(summary.lastSoundIndex, 9);
    assert.equal(summary.lastTerm, 2);
    assert.equal(summary.entries, 9);
    assert.deepEqual(summary.termRuns, [{ term: 1, firstIndex: 1 }, { term: 2, firstIndex: 4 }]);
    const view = await LogView.open(files.runtime, "/data");
    const seen: number[] = [];
    for await (const entries of readEntries(view, { from: 3, to: 8 })) {
      for (const { index, term, payload } of entries) {
        seen.push(index);
        assert.equal(payload.length, 100);
        assert.ok(payload.every((byte) => byte === batchByte(index, term)));
      }
    }
    await view.close();
    assert.deepEqual(seen, [3, 4, 5, 6, 7, 8]);
  });

  it("changes no byte of what it reads", async () => {
    const files = await createLog([8, 8], 9000);
    const before = new MemoryFiles(files);
    await summarize(files);
    assert.deepEqual(files.contents, before.contents);
  });

  it("lists a flipped byte at its segment, offset and index, and goes on behind it", async () => {
    // Three segments of 3, 3 and 2 units.
    const files = await createLog([1, 1, 1, 1, 1, 1, 1, 1], 20_000);
    const recordBytes = 20_040;
    const unitBytes = 20_160;
    for (const firstIndex of [1, 4, 7]) {
      // The segment header, what is in a unit, and what is behind the last one.
      const inUnits = [0, 1, 2].flatMap((unit) =>
        [0, 40, 63, 64, 66, 70, 90, 9000, 20_103, 20_105, 20_150, 20_159]
          .map((inUnit) => 512 + unit * unitBytes + inUnit)
      );
      for (const offset of [0, 33, 300, ...inUnits, 512 + 3 * unitBytes, SEGMENT_BYTES - 1]) {
        const damaged = new MemoryFiles(files);
        damaged.contents.get(pathOf(firstIndex))![offset]! ^= 0x10;
        const context = `byte ${offset} of the segment of ${firstIndex}`;
        const { problems, lastIndex } = await compare(damaged, context);
        const unit = Math.floor((offset - 512) / unitBytes);
        if (offset < 512) assert.equal(problems[0]!.offset, 0, context);
        else if (unit < (firstIndex === 7 ? 2 : 3)) {
          const inUnit = (offset - 512) % unitBytes;
          const start = 512 + unit * unitBytes;
          const isRecord = inUnit >= 64 && inUnit < 64 + recordBytes;
          const { segment, offset: found, index } = problems[0]!;
          assert.equal(problems.length, 1, context);
          assert.equal(segment, segmentName(firstIndex), context);
          assert.equal(found, isRecord ? start + 64 : start, context);
          assert.equal(index, firstIndex + unit, context);
          if (firstIndex + unit < 8) assert.equal(lastIndex, 8, context);
        }
      }
    }
  });

  it("lists the records that are bad in one unit, each by its index", async () => {
    const files = await createLog([2, 6, 2]);
    const bytes = files.contents.get(pathOf(1))!;
    const records = 512 + 64 * Math.ceil((64 + 2 * 144 + 8) / 64) + 64;
    for (const at of [1, 4]) bytes[records + at * 144 + 60]! ^= 1;
    const { problems, lastSoundIndex, lastIndex } = await compare(files, "two records");
    assert.deepEqual(
      problems.map(({ kind, index, offset }) => ({ kind, index, offset })),
      [1, 4].map((at) => ({ kind: "bad_record", index: 3 + at, offset: records + at * 144 })),
    );
    assert.equal(lastSoundIndex, 2);
    assert.equal(lastIndex, 10);
  });

  it("agrees with recovery wherever the log is cut, and wherever a sector is gone", async () => {
    const files = await createLog([2, 3, 20]);
    const whole = files.contents.get(pathOf(1))!;
    for (let size = 0; size < 5000; size += 37) {
      const cut = new MemoryFiles(files);
      cut.contents.set(pathOf(1), whole.slice(0, size));
      await compare(cut, `cut at ${size}`);
    }
    for (let sector = 512; sector < 5000; sector += 512) {
      const torn = new MemoryFiles(files);
      torn.contents.get(pathOf(1))!.fill(0, sector, sector + 512);
      await compare(torn, `sector at ${sector}`);
    }
  });

  it("names the segment that is missing, and reads those behind it", async () => {
    for (const firstIndex of [4, 7]) {
      const files = await createLog([1, 1, 1, 1, 1, 1, 1, 1], 20_000);
      files.contents.delete(pathOf(firstIndex));
      const { problems, lastIndex, tail } = await compare(files, `${firstIndex} is missing`);
      assert.deepEqual(problems.map(({ kind, index }) => [kind, index]), [
        ["missing_segment", firstIndex],
      ]);
      assert.equal(lastIndex, firstIndex === 4 ? 8 : 6);
      assert.equal(tail.state, firstIndex === 4 ? "clean" : "missing");
    }
  });

  it("lists a foreign and a renamed segment", async () => {
    const files = await createLog([1, 1, 1, 1, 1, 1, 1, 1], 20_000);
    const renamed = new MemoryFiles(files);
    await renamed.rename(pathOf(7), pathOf(9));
    const found = await compare(renamed, "renamed");
    assert.deepEqual(found.problems.map(({ kind }) => kind), [
      "missing_segment",
      "renamed_segment",
    ]);
  });
});

describe("an offline reader beside a node that writes", () => {
  it("never calls the log damaged, whatever the node does to it meanwhile", async () => {
    const { path, runtime, dispose } = await createRealDirectory();
    const options = { ...OPTIONS, path };
    const log = await SegmentedLog.open(runtime, options);
    let reads = 0;
    let isReadEnough = false;
    let isOver = false;
    let term = 1;
    // The writer sets the pace, and the reader says when it is enough: neither waits for the other.
    const write = async (): Promise<void> => {
      for (let round = 0; round < ROUNDS_MIN || !isReadEnough; round += 1) {
        const count = 1 + (round * 7) % 40;
        log.append(createBatch({ firstIndex: log.lastIndex + 1, count, term, payloadBytes: 900 }));
        await syncLog(log);
        const cut = log.lastIndex - count - 20;
        if (round % 13 === 12 && cut > log.firstIndex) {
          await log.truncateSuffix(cut);
          term += 1;
        }
        const kept = log.lastIndex - 300;
        if (round % 20 === 19 && kept > log.firstIndex) await log.truncatePrefix(kept);
        if (round % 35 === 34) await log.truncatePrefix(log.lastIndex + 1000);
      }
    };
    const written = write().finally(() => isOver = true);
    try {
      while (!isOver) {
        const view = await LogView.open(runtime, path);
        const summary = await summarizeLog(view, { checksRecords: true });
        await view.close();
        assert.deepEqual(summary.problems, [], `read ${reads}`);
        assert.ok(summary.lastIndex >= summary.firstIndex - 1);
        reads += 1;
        isReadEnough = reads >= READS_MIN;
      }
    } finally {
      isReadEnough = true;
      await written;
    }
    await log.close();
    await dispose();
  });
});
