/**
 * Damage to a log at rest: whatever byte flips, whatever is cut or missing, recovery gives the same
 * entries, cuts a tail that nobody was told of, or refuses. It never loses an entry silently.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError, StorageError } from "../../src/errors.ts";
import { DAMAGED_DIRECTORY_FIX } from "../../src/log/damaged_directory.ts";
import { recoverLog } from "../../src/log/log_recovery.ts";
import { sealRecord } from "../../src/log/record.ts";
import { SEGMENT_HEADER_BYTES, segmentName } from "../../src/log/segment_header.ts";
import { SegmentedLog } from "../../src/log/segmented_log.ts";
import { decodeUnitHeader, encodeUnit, type UnitHeader } from "../../src/log/unit.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { syncLog } from "../../src/testing/log_contract.ts";
import { MemoryFiles } from "./memory_files.ts";

const SEGMENT_BYTES = 64 * 1024;
const OPTIONS = { path: "/data", segmentBytes: SEGMENT_BYTES, create: true };

/** What recovery made of a log. */
type Outcome = { lastIndex: number; tornTailBytes: number } | "refused";

async function recover(files: MemoryFiles): Promise<Outcome> {
  try {
    const options = { directory: "/data/log", mode: "read" } as const;
    const found = await recoverLog(files.runtime, options);
    const { recovery, segments } = found!;
    return { lastIndex: segments.at(-1)!.lastIndex, tornTailBytes: recovery.tornTailBytes };
  } catch (error) {
    assert.ok(error instanceof BadDataError, `not a BadDataError: ${error}`);
    assert.match(error.message, /at offset \d+, from index \d+ on/);
    assert.deepEqual(error.fix, DAMAGED_DIRECTORY_FIX);
    return "refused";
  }
}

function pathOf(firstIndex: number): string {
  return `/data/log/${segmentName(firstIndex)}`;
}

/** A log of units of the given counts of entries, with the offsets where units start and end. */
async function createLog(
  counts: readonly number[],
  payloadBytes = 100,
): Promise<{ files: MemoryFiles; ends: number[] }> {
  const files = new MemoryFiles();
  const log = await SegmentedLog.open(files.runtime, OPTIONS);
  const ends = [SEGMENT_HEADER_BYTES];
  for (const count of counts) {
    const before = log.lastIndex;
    log.append(createBatch({ firstIndex: before + 1, count, term: 1, payloadBytes }));
    await syncLog(log);
    const found = await recoverLog(files.runtime, { directory: "/data/log", mode: "read" });
    ends.push(found!.segments.at(-1)!.end);
  }
  await log.close();
  return { files, ends };
}

/** A log of three segments; the last one holds two units. */
async function createThreeSegments(): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const log = await SegmentedLog.open(files.runtime, OPTIONS);
  const payloadBytes = 20_000;
  for (let index = 1; index <= 8; index += 1) {
    log.append(createBatch({ firstIndex: index, count: 1, term: 1, payloadBytes }));
    await syncLog(log);
  }
  await log.close();
  const names = await files.readDirectory("/data/log");
  assert.deepEqual(names, [1, 4, 7].map(segmentName));
  return files;
}

describe("recovery of a flipped byte", () => {
  it("trap 48: keeps every entry or refuses, wherever the byte is", async () => {
    const { files, ends } = await createLog([1, 2, 5, 1]);
    const end = ends.at(-1)!;
    let refused = 0;
    for (let offset = 0; offset < end + 640; offset += 1) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const damaged = new MemoryFiles(files);
        const bytes = damaged.contents.get(pathOf(1))!;
        bytes[offset] = bytes[offset]! ^ mask;
        const outcome = await recover(damaged);
        if (outcome === "refused") refused += 1;
        else assert.equal(outcome.lastIndex, 9, `byte ${offset}, mask ${mask}: entries are lost`);
      }
    }
    // All bytes of header and units count, and those where the next header would be.
    assert.equal(refused, (end + 64) * 3);
  });

  it("refuses a byte that becomes zero, also the only one of its sector", async () => {
    const { files, ends } = await createLog([1, 1], 3000);
    const sparse = new MemoryFiles(files);
    const log = await SegmentedLog.open(sparse.runtime, OPTIONS);
    const batch = createBatch({ firstIndex: 3, count: 1, term: 1, payloadBytes: 3000 });
    batch.bytes.fill(0, 40, 3040);
    for (let at = 600; at < 3000; at += 512) batch.bytes[at] = 1;
    sealRecord(batch.bytes, 0, { index: 3, term: 1, timestampMs: 3, kind: 2, payloadBytes: 3000 });
    log.append(batch);
    await syncLog(log);
    await log.close();
    const start = ends.at(-1)!;
    const written = sparse.contents.get(pathOf(1))!;
    for (let offset = start; offset < start + 3200; offset += 1) {
      if (written[offset] === 0) continue;
      const damaged = new MemoryFiles(sparse);
      damaged.contents.get(pathOf(1))![offset] = 0;
      assert.equal(await recover(damaged), "refused", `byte ${offset}`);
    }
  });

  it("refuses or keeps all in a log of several segments", async () => {
    const files = await createThreeSegments();
    for (const firstIndex of [1, 4, 7]) {
      for (let offset = 0; offset < SEGMENT_BYTES; offset += 61) {
        const damaged = new MemoryFiles(files);
        const bytes = damaged.contents.get(pathOf(firstIndex))!;
        bytes[offset] = bytes[offset]! ^ 0x10;
        const outcome = await recover(damaged);
        if (outcome !== "refused") assert.equal(outcome.lastIndex, 8, `byte ${offset}`);
      }
    }
  });
});

describe("recovery of a torn tail", () => {
  it("trap 48: cuts the last unit where any set of its sectors was not written", async () => {
    for (const first of [1, 3]) {
      const { files, ends } = await createLog([first, 14]);
      const [, start, end] = ends as [number, number, number];
      const firstSector = Math.floor(start / 512);
      const sectors = Math.floor((end - 1) / 512) - firstSector + 1;
      assert.ok(sectors >= 5 && sectors <= 8, `${sectors} sectors`);
      for (let missing = 1; missing < 2 ** sectors; missing += 1) {
        const torn = new MemoryFiles(files);
        const bytes = torn.contents.get(pathOf(1))!;
        for (let sector = 0; sector < sectors; sector += 1) {
          if ((missing & (1 << sector)) === 0) continue;
          const from = Math.max(start, (firstSector + sector) * 512);
          bytes.fill(0, from, Math.min(end, (firstSector + sector + 1) * 512));
        }
        const outcome = await recover(torn);
        assert.notEqual(outcome, "refused", `missing ${missing.toString(2)}`);
        assert.equal((outcome as { lastIndex: number }).lastIndex, first);
        const log = await SegmentedLog.open(torn.runtime, OPTIONS);
        assert.equal(log.recovery.tornTailBytes > 0, missing !== 2 ** sectors - 1);
        await log.close();
        const rest = torn.contents.get(pathOf(1))!.subarray(start);
        assert.ok(rest.every((byte) => byte === 0), "the torn tail is still there");
      }
    }
  });

  it("tells a sector that was given as zeros from one that is missing", async () => {
    const { files, ends } = await createLog([1]);
    const log = await SegmentedLog.open(files.runtime, OPTIONS);
    const batch = createBatch({ firstIndex: 2, count: 1, term: 1, payloadBytes: 8000 });
    batch.bytes.fill(0, 40 + 2000, 40 + 6000);
    const entry = { index: 2, term: 1, timestampMs: 2, kind: 2, payloadBytes: 8000 } as const;
    sealRecord(batch.bytes, 0, entry);
    log.append(batch);
    await syncLog(log);
    await log.close();
    assert.deepEqual(await recover(files), { lastIndex: 2, tornTailBytes: 0 });
    const position = ends.at(-1)! + 64 + 40;
    const rotten = new MemoryFiles(files);
    rotten.contents.get(pathOf(1))![position + 100]! ^= 1;
    assert.equal(await recover(rotten), "refused");
    const torn = new MemoryFiles(files);
    const missing = Math.ceil((position + 6100) / 512) * 512;
    torn.contents.get(pathOf(1))!.fill(0, missing, missing + 512);
    const outcome = await recover(torn);
    assert.equal((outcome as { lastIndex: number }).lastIndex, 1);
  });

  it("refuses a missing sector in a unit that another one follows", async () => {
    const { files, ends } = await createLog([8, 8]);
    const [start, middle] = ends as [number, number];
    for (let sector = start; sector < middle; sector += 512) {
      const damaged = new MemoryFiles(files);
      damaged.contents.get(pathOf(1))!.fill(0, sector, Math.min(middle, sector + 512));
      assert.equal(await recover(damaged), "refused", `sector at ${sector}`);
    }
  });

  it("refuses data behind the reach of a crash", async () => {
    const files = new MemoryFiles();
    const options = { ...OPTIONS, segmentBytes: 16 * 1024 * 1024 };
    await (await SegmentedLog.open(files.runtime, options)).close();
    const bytes = files.contents.get(pathOf(1))!;
    bytes[bytes.length - 100] = 1;
    assert.equal(await recover(files), "refused");
  });
});

describe("damage to an open log", () => {
  it("fails the reads and cuts that meet it, and says where it is", async () => {
    const { files, ends } = await createLog([4, 4]);
    const log = await SegmentedLog.open(files.runtime, OPTIONS);
    const bytes = files.contents.get(pathOf(1))!;
    const offset = ends[0]! + 64 + 40;
    bytes[offset]! ^= 1;
    const range = { firstIndex: 1, lastIndex: 8, bytesMax: 10_000 };
    await assert.rejects(log.read(range), (error: Error) => {
      assert.ok(error instanceof StorageError);
      assert.ok(error.message.includes(pathOf(1)));
      assert.ok(error.message.includes(`offset ${offset - 40}`));
      return true;
    });
    assert.equal((await log.read({ ...range, firstIndex: 2 })).lastIndex, 8);
    await assert.rejects(log.truncateSuffix(6), StorageError);
    await log.close();
  });
});

describe("recovery of missing and foreign segments", () => {
  it("refuses where a segment in the middle, or the last one, is gone", async () => {
    for (const firstIndex of [4, 7]) {
      const files = await createThreeSegments();
      files.contents.delete(pathOf(firstIndex));
      await assert.rejects(SegmentedLog.open(files.runtime, OPTIONS), (error: Error) => {
        assert.ok(error instanceof BadDataError);
        assert.match(error.message, /is missing/);
        assert.match(error.message, new RegExp(`from index ${firstIndex} on`));
        return true;
      });
    }
  });

  it("refuses a segment under another name, and one of another log", async () => {
    const renamed = await createThreeSegments();
    await renamed.rename(pathOf(7), pathOf(9));
    assert.equal(await recover(renamed), "refused");
    const files = await createThreeSegments();
    const other = await createThreeSegments();
    const foreign = other.contents.get(pathOf(7))!;
    foreign[20]! ^= 1;
    files.contents.set(pathOf(7), foreign);
    assert.equal(await recover(files), "refused");
  });

  it("refuses a log without segments unless it is to be created", async () => {
    const { runtime } = new MemoryFiles();
    const open = SegmentedLog.open(runtime, { ...OPTIONS, create: false });
    await assert.rejects(open, BadDataError);
  });

  it("refuses a good unit that does not chain to the one before it", async () => {
    for (const fault of ["sequence", "previousChecksum"] as const) {
      const { files, ends } = await createLog([1, 1]);
      const options = { directory: "/data/log", mode: "read" } as const;
      const segment = (await recoverLog(files.runtime, options))!.segments[0]!;
      const start = ends[1]!;
      const { bytes } = createBatch({ firstIndex: 2, count: 1, term: 1 });
      const place = { seed: segment.seed, position: start };
      const header = decodeUnitHeader(files.contents.get(pathOf(1))!, start, place) as UnitHeader;
      const unit = { ...place, ...header, parts: [bytes] };
      const bad = encodeUnit({ ...unit, [fault]: fault === "sequence" ? 1 : 12345 });
      const file = await files.open(pathOf(1), "write");
      file.write(encodeUnit(unit).parts, start);
      assert.deepEqual(await recover(files), { lastIndex: 2, tornTailBytes: 0 });
      file.write(bad.parts, start);
      assert.equal(await recover(files), "refused", fault);
    }
  });

  it("is not misled by a value that holds a copy of the log", async () => {
    const { files, ends } = await createLog([1, 1]);
    const log = await SegmentedLog.open(files.runtime, OPTIONS);
    const copy = files.contents.get(pathOf(1))!.slice(0, 4096);
    const batch = createBatch({ firstIndex: 3, count: 1, term: 1, payloadBytes: 4096 });
    batch.bytes.set(copy, 40);
    const entry = { index: 3, term: 1, timestampMs: 3, kind: 2, payloadBytes: 4096 } as const;
    sealRecord(batch.bytes, 0, entry);
    log.append(batch);
    await syncLog(log);
    await log.close();
    assert.deepEqual(await recover(files), { lastIndex: 3, tornTailBytes: 0 });
    const start = ends.at(-1)!;
    files.contents.get(pathOf(1))!.fill(0, start, (Math.floor(start / 512) + 1) * 512);
    const outcome = await recover(files);
    assert.equal((outcome as { lastIndex: number }).lastIndex, 2);
  });
});
