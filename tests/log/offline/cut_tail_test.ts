/**
 * Cutting a bad tail off a log: exactly the tail goes, a copy of it stays, and the segment gets the
 * size back that it was made with. Where cutting does not help, no byte changes.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { recoverLog } from "../../../src/log/log_recovery.ts";
import { type BadTail, cutTail, type TailFinding } from "../../../src/log/offline/cut_tail.ts";
import { printCounts } from "../../counted.ts";
import { buildShapes, type BuiltShape, SHAPE_SEGMENT_BYTES } from "../log_shapes.ts";
import { MemoryFiles } from "../memory_files.ts";

/** What there was to cut, and the file that keeps it. */
async function repair(
  files: MemoryFiles,
  agrees = true,
): Promise<{ readonly finding: TailFinding; readonly name: string | null }> {
  let found: TailFinding | null = null;
  const name = await cutTail(files.runtime, "/data", {
    decide: (finding) => {
      found = finding;
      return agrees;
    },
  });
  return { finding: found ?? assert.fail("nothing was decided"), name };
}

/** The last index and the torn bytes that a start would find. */
async function recover(files: MemoryFiles): Promise<[number, number]> {
  const found = await recoverLog(files.runtime, { directory: "/data/log", mode: "read" });
  return [found!.segments.at(-1)!.lastIndex, found!.recovery.tornTailBytes];
}

/** Quicker than a deep comparison, of which there are many. */
function checkBytes(found: Uint8Array | undefined, wanted: Uint8Array, context: string): void {
  assert.ok(found !== undefined && Buffer.compare(found, wanted) === 0, context);
}

function checkUnchanged(files: MemoryFiles, before: MemoryFiles, context: string): void {
  assert.deepEqual([...files.contents.keys()], [...before.contents.keys()], context);
  for (const [path, bytes] of before.contents) {
    checkBytes(files.contents.get(path), bytes, context);
  }
}

function lastPath({ segments }: BuiltShape): string {
  return segments.at(-1)!.path;
}

/** Fails unless `tail` was cut off `before`, and nothing else changed. */
async function checkCut(
  { before, after, path, tail, name, context }: {
    readonly before: MemoryFiles;
    readonly after: MemoryFiles;
    readonly path: string;
    readonly tail: BadTail;
    readonly name: string;
    readonly context: string;
  },
): Promise<void> {
  const { offset, bytes } = tail;
  const [old, now] = [before.contents.get(path)!, after.contents.get(path)!];
  assert.equal(now.length, SHAPE_SEGMENT_BYTES, `${context}: the size that it was made with`);
  checkBytes(now.subarray(0, offset), old.subarray(0, offset), `${context}: good units`);
  assert.ok(now.subarray(offset).every((byte) => byte === 0), `${context}: zeros behind them`);
  const kept = after.contents.get(`/data/${name}`);
  checkBytes(kept, old.subarray(offset, offset + bytes), `${context}: what was cut`);
  assert.ok(old.subarray(offset + bytes).every((byte) => byte === 0), `${context}: all of it`);
  for (const [other, content] of before.contents) {
    if (other !== path) checkBytes(after.contents.get(other), content, `${context}: ${other}`);
  }
  assert.equal(after.contents.size, before.contents.size + 1, context);
  assert.deepEqual(await recover(after), [tail.lastIndexKept, 0], context);
  const again = await repair(after);
  assert.deepEqual(again.finding, { type: "clean", lastIndex: tail.lastIndexKept }, context);
}

/** How many repairs had which outcome. */
class Repairs {
  readonly counts = { "clean": 0, "torn": 0, "damaged": 0, "elsewhere": 0 };

  /** Repairs `files`, which are those of `shape` with something done to the last segment. */
  async check(shape: BuiltShape, files: MemoryFiles, context: string): Promise<TailFinding> {
    const before = new MemoryFiles(files);
    const refused = await repair(files, false);
    checkUnchanged(files, before, `${context}: nothing was agreed to`);
    assert.equal(refused.name, null);
    const { finding, name } = await repair(files);
    assert.deepEqual(finding, refused.finding, context);
    this.counts[finding.type === "bad tail" ? finding.tail.state : finding.type] += 1;
    if (finding.type !== "bad tail") {
      checkUnchanged(files, before, `${context}: nothing to cut`);
      assert.equal(name, null);
      return finding;
    }
    const { tail } = finding;
    assert.ok(name !== null, context);
    assert.ok(tail.lastIndexKept <= shape.lastIndex, context);
    await checkCut({ before, after: files, path: lastPath(shape), tail, name, context });
    return finding;
  }
}

const built = await buildShapes();

describe("cutTail", () => {
  it("gives a file that was cut its size back, or refuses where that loses more", async () => {
    const repairs = new Repairs();
    for (const shape of built) {
      const whole = shape.files.contents.get(lastPath(shape))!;
      const { end } = shape.segments.at(-1)!;
      const { start } = shape.lastUnit;
      const sizes = [0, 100, 511, 512, 513, start, start + 1, start + 63, start + 64, start + 65];
      for (const size of new Set([...sizes, end - 65, end - 1, end, end + 1, whole.length - 1])) {
        if (size < 0 || size >= whole.length) continue;
        const files = new MemoryFiles(shape.files);
        files.contents.set(lastPath(shape), whole.slice(0, size));
        const context = `${shape.name}, cut at ${size}`;
        const finding = await repairs.check(shape, files, context);
        if (size < 512) assert.equal(finding.type, "elsewhere", `${context}: its header is gone`);
      }
    }
    printCounts("repairs of files that were cut", repairs.counts);
    assert.ok(repairs.counts.damaged > 10 && repairs.counts.elsewhere > 10);
  });

  it("cuts exactly the unit that a flipped byte is in, where it is the last one", async () => {
    const repairs = new Repairs();
    for (const shape of built) {
      const { end } = shape.segments.at(-1)!;
      const { start, lastIndexBefore } = shape.lastUnit;
      for (const offset of [0, 40, start, start + 40, start + 70, start + 100, end - 1]) {
        if (offset >= end) continue;
        const files = new MemoryFiles(shape.files);
        files.contents.get(lastPath(shape))![offset]! ^= 0x10;
        const context = `${shape.name}, byte ${offset}`;
        const finding = await repairs.check(shape, files, context);
        if (offset < 512) assert.equal(finding.type, "elsewhere", context);
        if (finding.type !== "bad tail" || offset < start) continue;
        const { tail } = finding;
        assert.deepEqual([tail.offset, tail.lastIndexKept], [start, lastIndexBefore], context);
      }
    }
    printCounts("repairs of flipped bytes", repairs.counts);
    assert.ok(repairs.counts.damaged > 10 && repairs.counts.elsewhere > 10);
  });

  it("trap 48: cuts nothing where something good is behind what is bad", async () => {
    const shape = built.find(({ name }) => name === "units of different sizes")!;
    const files = new MemoryFiles(shape.files);
    files.contents.get(lastPath(shape))![512 + 70]! ^= 1;
    const finding = await new Repairs().check(shape, files, "the first unit");
    assert.ok(finding.type === "elsewhere");
    assert.deepEqual(finding.problems.map(({ offset, index }) => [offset, index]), [[576, 1]]);
  });

  it("refuses a log without its last segment, or without any", async () => {
    const shape = built.find(({ segments }) => segments.length > 1)!;
    const files = new MemoryFiles(shape.files);
    files.contents.delete(lastPath(shape));
    const finding = await new Repairs().check(shape, files, "the last segment is gone");
    assert.ok(finding.type === "elsewhere");
    assert.deepEqual(finding.problems.map(({ kind }) => kind), ["missing_segment"]);
    for (const { path } of shape.segments) files.contents.delete(path);
    assert.equal((await repair(files)).finding.type, "elsewhere");
  });

  it("keeps what was cut before: every copy has a name of its own", async () => {
    const shape = built.find(({ name }) => name === "with a torn tail")!;
    const names = new Set<string | null>();
    const files = new MemoryFiles(shape.files);
    for (const fill of [9, 8, 7]) {
      files.contents.get(lastPath(shape))!.fill(fill, 1024, 1100);
      const { finding, name } = await repair(files);
      assert.ok(finding.type === "bad tail" && finding.tail.state === "torn");
      assert.ok(files.contents.get(`/data/${name}`)?.includes(fill));
      names.add(name);
    }
    assert.equal(names.size, 3);
  });
});
