/**
 * Every byte flipped, every size cut, every set of sectors missing, for logs of many shapes and for
 * the other files of a data directory. What opens them finds the same state, cuts the torn tail of
 * the last unit and keeps every entry before it, or refuses and says where and what to do.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError } from "../../src/errors.ts";
import { DAMAGED_DIRECTORY_FIX, DAMAGED_IDENTITY_FIX } from "../../src/log/damaged_directory.ts";
import { openDataDirectory } from "../../src/log/data_directory.ts";
import { HardStateFile } from "../../src/log/hard_state_file.ts";
import { readIdentity } from "../../src/log/identity_file.ts";
import { recoverLog } from "../../src/log/log_recovery.ts";
import { printCounts } from "../counted.ts";
import { buildShapes, type BuiltShape } from "./log_shapes.ts";
import { MemoryFiles } from "./memory_files.ts";
import { joinHex, openStore, SNAPSHOTS_PATH, writeSnapshot } from "./snapshot_world.ts";

/** How often each of the ways out was taken. */
class Ends {
  "the same state" = 0;
  "torn tails cut" = 0;
  "refusals" = 0;
}

/** Opens a damaged log, and notes how that ended. */
async function judge(
  files: MemoryFiles,
  { shape, ends, place, mayLose }: {
    readonly shape: BuiltShape;
    readonly ends: Ends;
    readonly place: string;
    /** Whether the damage is what a crash leaves of the last unit. */
    readonly mayLose: boolean;
  },
): Promise<void> {
  try {
    const found = await recoverLog(files.runtime, { directory: "/data/log", mode: "read" });
    const { segments, recovery } = found!;
    const lastIndex = segments.at(-1)!.lastIndex;
    assert.equal(segments[0]!.firstIndex, shape.firstIndex, place);
    if (lastIndex === shape.lastIndex) ends["the same state"] += 1;
    else {
      assert.ok(mayLose, `${place}: ${lastIndex} of ${shape.lastIndex} entries are left`);
      assert.equal(lastIndex, shape.lastUnit.lastIndexBefore, place);
      // Without a single byte of it the unit was never begun, as far as anybody can tell.
      const bytes = files.contents.get(shape.segments.at(-1)!.path)!;
      const isGone = bytes.subarray(shape.lastUnit.start).every((byte) => byte === 0);
      assert.equal(recovery.tornTailBytes > 0, !isGone, `${place}: nothing is said`);
      ends["torn tails cut"] += 1;
    }
  } catch (error) {
    checkRefusal(error, place);
    assert.match((error as Error).message, /"\/data\/log\/.*segment" at offset \d+, from index \d/);
    ends.refusals += 1;
  }
}

/** A refusal is a BadDataError with a way out, and nothing else. */
function checkRefusal(error: unknown, place: string, fix = DAMAGED_DIRECTORY_FIX): void {
  assert.ok(error instanceof BadDataError, `${place}: ${error}`);
  assert.deepEqual(error.fix, fix, place);
}

/** Changes bytes of a file, runs `body`, and puts them back. */
async function withBytes(
  file: Uint8Array,
  { offset, bytes }: { readonly offset: number; readonly bytes: Uint8Array },
  body: () => Promise<void>,
): Promise<void> {
  const before = file.slice(offset, offset + bytes.length);
  file.set(bytes, offset);
  await body();
  file.set(before, offset);
}

/** The offsets to flip: all, but for the middle of very long units, of which every 97th. */
function* offsetsOf(end: number): Generator<number> {
  for (let offset = 0; offset < end; offset += 1) {
    const isEnd = offset < 1_200 || end - offset < 400;
    if (end < 5_000 || isEnd || offset % 97 === 0) yield offset;
  }
}

const shapes = await buildShapes();

describe("a log with every kind of damage", () => {
  for (const shape of shapes) {
    it(`trap 48: loses nothing silently: ${shape.name}`, async () => {
      const flips = new Ends();
      const cuts = new Ends();
      const tears = new Ends();
      await flipEveryByte(shape, flips);
      await cutAtEveryByte(shape, cuts);
      await tearEverySet(shape, tears);
      printCounts(`flipped bytes of ${shape.name}`, { ...flips });
      printCounts(`cut files of ${shape.name}`, { ...cuts });
      printCounts(`missing sectors of ${shape.name}`, { ...tears });
      assert.ok(flips.refusals > 500, `${flips.refusals} flips were refused`);
      assert.equal(cuts["torn tails cut"], 0);
    });
  }
});

async function flipEveryByte(shape: BuiltShape, ends: Ends): Promise<void> {
  for (const { path, end } of shape.segments) {
    const file = shape.files.contents.get(path)!;
    // The next header, or the seal, is among what is flipped.
    for (const offset of offsetsOf(end + 192)) {
      const mask = [0x01, 0x80, 0xff][offset % 3]!;
      const bytes = Uint8Array.of(file[offset]! ^ mask);
      const place = `byte ${offset} of ${path}, mask ${mask}`;
      const same = ends["the same state"];
      await withBytes(
        file,
        { offset, bytes },
        () => judge(shape.files, { shape, ends, place, mayLose: false }),
      );
      const isUnnoticed = ends["the same state"] > same;
      assert.ok(offset >= end || !isUnnoticed, `${place} was not noticed`);
    }
  }
}

async function cutAtEveryByte(shape: BuiltShape, ends: Ends): Promise<void> {
  const { path, end } = shape.segments.at(-1)!;
  const whole = shape.files.contents.get(path)!;
  const { start } = shape.lastUnit;
  const from = end - start > 5_000 ? end - 3_000 : Math.max(0, start - 200);
  for (let size = from; size < end + 70; size += 1) {
    shape.files.contents.set(path, whole.subarray(0, size));
    const place = `cut at ${size}`;
    await judge(shape.files, { shape, ends, place, mayLose: false });
  }
  shape.files.contents.set(path, whole);
}

/** Each set of the sectors of the last unit, or of its first and last ones, is missing. */
async function tearEverySet(shape: BuiltShape, ends: Ends): Promise<void> {
  const { path, end } = shape.segments.at(-1)!;
  const { start } = shape.lastUnit;
  const file = shape.files.contents.get(path)!;
  const first = Math.floor(start / 512);
  const count = Math.floor((Math.max(end, start + 1) - 1) / 512) - first + 1;
  const sectors = Array.from({ length: count }, (_, i) => first + i)
    .filter((_, i) => i < 4 || i >= count - 3);
  for (let missing = 1; missing < 2 ** sectors.length; missing += 1) {
    const bytes = file.slice(start, end);
    for (const [i, sector] of sectors.entries()) {
      if ((missing & (1 << i)) === 0) continue;
      bytes.fill(0, Math.max(0, sector * 512 - start), Math.max(0, (sector + 1) * 512 - start));
    }
    const place = `sectors ${missing.toString(2)} are missing`;
    await withBytes(
      file,
      { offset: start, bytes },
      () => judge(shape.files, { shape, ends, place, mayLose: true }),
    );
  }
}

describe("the other files with every kind of damage", () => {
  it("trap 3: never forgets a vote, whatever byte flips in one copy or in both", async () => {
    const path = "/data/hard_state";
    const files = new MemoryFiles();
    await HardStateFile.create(files.runtime, path);
    const file = await HardStateFile.open(files.runtime, path);
    await file.save({ currentTerm: 7, votedFor: 2 });
    await file.close();
    const whole = files.contents.get(path)!.slice();
    const ends = { "the same state": 0, "copies mended": 0, "refusals": 0 };
    const judgeState = async (damaged: Uint8Array, place: string): Promise<void> => {
      files.contents.set(path, damaged);
      try {
        const { state, note } = await HardStateFile.open(files.runtime, path);
        assert.deepEqual(state, { currentTerm: 7, votedFor: 2 }, place);
        ends[note === null ? "the same state" : "copies mended"] += 1;
        if (note === null) return;
        const mended = files.contents.get(path)!;
        for (const copy of [0, 4096]) {
          for (let at = copy; at < copy + 512; at += 1) assert.equal(mended[at], whole[at], place);
        }
      } catch (error) {
        checkRefusal(error, place);
        assert.ok((error as Error).message.includes(path), place);
        ends.refusals += 1;
      }
    };
    for (let offset = 0; offset < 512; offset += 1) {
      for (const copies of [[0], [4096], [0, 4096]]) {
        for (const mask of [0x01, 0x80, 0xff]) {
          const damaged = whole.slice();
          for (const copy of copies) damaged[copy + offset]! ^= mask;
          await judgeState(damaged, `byte ${offset} of copies at ${copies.join()}, mask ${mask}`);
        }
      }
    }
    for (let size = 0; size < whole.length; size += size < 5_000 ? 1 : 97) {
      await judgeState(whole.slice(0, size), `cut at ${size}`);
    }
    printCounts("damaged hard states", ends);
    assert.ok(ends["copies mended"] > 400 && ends.refusals > 200);
  });

  it("refuses an identity with any byte flipped, and one that was cut", async () => {
    const files = new MemoryFiles();
    const options = { path: "/data", nodeId: 3, clusterName: "blue", segmentBytes: 64 * 1024 };
    const directory = await openDataDirectory(files.runtime, options);
    const { identity } = directory;
    await directory.saveIdentity({ ...identity, born: true });
    const path = "/data/identity";
    const whole = files.contents.get(path)!;
    const ends = { "refusals": 0 };
    const refuse = async (damaged: Uint8Array, place: string): Promise<void> => {
      files.contents.set(path, damaged);
      await assert.rejects(readIdentity(files.runtime, "/data"), (error) => {
        checkRefusal(error, place, DAMAGED_IDENTITY_FIX);
        assert.ok((error as Error).message.includes(path), place);
        return true;
      }, place);
      ends.refusals += 1;
    };
    for (let offset = 0; offset < whole.length; offset += 1) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const damaged = whole.slice();
        damaged[offset]! ^= mask;
        await refuse(damaged, `byte ${offset}, mask ${mask}`);
      }
      await refuse(whole.slice(0, offset), `cut at ${offset}`);
    }
    printCounts("damaged identities", ends);
  });

  it("refuses a snapshot with any byte flipped, and one that was cut", async () => {
    const files = new MemoryFiles();
    const store = await openStore(files.runtime);
    await writeSnapshot(store, 4);
    await writeSnapshot(store, 9);
    const path = `${SNAPSHOTS_PATH}/${(await files.readDirectory(SNAPSHOTS_PATH))[0]}`;
    const whole = files.contents.get(path)!;
    const ends = { "refusals at opening": 0, "refusals at restoring": 0 };
    const refuse = async (damaged: Uint8Array, place: string): Promise<void> => {
      files.contents.set(path, damaged);
      let end: keyof typeof ends = "refusals at opening";
      await assert.rejects(async () => {
        const opened = await openStore(files.runtime);
        end = "refusals at restoring";
        await joinHex(opened.state(opened.latest!));
      }, (error) => {
        checkRefusal(error, place);
        assert.match((error as Error).message, /\.snapshot" at offset \d+/);
        return true;
      }, place);
      ends[end] += 1;
    };
    for (let offset = 0; offset < whole.length; offset += 1) {
      const damaged = whole.slice();
      damaged[offset]! ^= [0x01, 0x80, 0xff][offset % 3]!;
      await refuse(damaged, `byte ${offset}`);
      await refuse(whole.slice(0, offset), `cut at ${offset}`);
    }
    printCounts("damaged snapshots", ends);
    assert.ok(ends["refusals at restoring"] > 20);
  });
});
