/**
 * One byte of a data directory is flipped, wherever it lies: `raft log verify` says so, in which
 * file and where, and of which entry. The only exception are the zeros behind the last unit of the
 * log: what stands there may be the torn remains of a write, which are told as such.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { HardStateFile } from "../../../src/log/hard_state_file.ts";
import { verifyDirectory } from "../../../src/log/offline/verify_directory.ts";
import { printCounts } from "../../counted.ts";
import { FIXTURE_V1 } from "../format_fixture.ts";
import { MemoryFiles } from "../memory_files.ts";

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** The directory of the fixture: two segments, a snapshot, identity and hard state. */
function readFixture(): MemoryFiles {
  const files = new MemoryFiles();
  const from = join(root, FIXTURE_V1, "data");
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = relative(from, path).replaceAll("\\", "/");
    files.contents.set(`/data/${name}`, new Uint8Array(readFileSync(path)));
  }
  return files;
}

function verify(files: MemoryFiles) {
  return verifyDirectory(files.runtime, "/data", { isThorough: true });
}

/** All offsets near the start and the end of what is in use, and some of the others. */
function* offsetsOf(bytes: Uint8Array): Generator<number> {
  const used = bytes.findLastIndex((byte) => byte !== 0);
  for (let at = 0; at < bytes.length; at += 1) {
    const isDense = at < 70 || Math.abs(at - used) < 80 || (at >= 4090 && at < 4170);
    if (isDense || at % 1009 === 0) yield at;
  }
}

describe("a data directory with one byte flipped", () => {
  it("is never called sound, and file, offset and index are named", async () => {
    const files = readFixture();
    const { log, problems } = await verify(files);
    assert.deepEqual(problems, []);
    const counts = { named: 0, torn: 0, harmless: 0 };
    for (const [path, bytes] of files.contents) {
      const segment = log.segments.find(({ name }) => path.endsWith(name));
      for (const at of offsetsOf(bytes)) {
        bytes[at]! ^= [0x01, 0x80, 0xff][at % 3]!;
        const report = await verify(files);
        bytes[at]! ^= [0x01, 0x80, 0xff][at % 3]!;
        const place = `byte ${at} of ${path}`;
        const isTail = segment?.isSealed === false && at >= segment.usedBytes;
        if (isTail && report.problems.length === 0) {
          assert.ok(report.tornTail, place);
          counts.torn += 1;
          continue;
        }
        const found = report.problems.find((one) => path.endsWith(one.segment));
        assert.ok(found !== undefined && found.offset <= at, `${place}: ${found?.offset}`);
        const holdsEntries = segment !== undefined && at < segment.usedBytes;
        assert.ok(!holdsEntries || found.index !== undefined, `${place}: ${found.message}`);
        counts[found.isHarmless ? "harmless" : "named"] += 1;
      }
    }
    printCounts("flipped bytes of a data directory", counts);
    assert.ok(counts.named > 500 && counts.harmless > 90, JSON.stringify(counts));
  });

  it("is mended at the start where zeros of the hard state are something else", async () => {
    const files = readFixture();
    const bytes = files.contents.get("/data/hard_state")!;
    const whole = bytes.slice();
    for (const at of [200, 1_000, 8_000]) bytes[at] = 7;
    assert.deepEqual((await verify(files)).problems.map(({ offset }) => offset), [200, 8_000]);
    const opened = await HardStateFile.open(files.runtime, "/data/hard_state");
    assert.match(opened.note ?? "", /copy A .*: cleared; .*copy B .*: cleared/);
    await opened.close();
    assert.deepEqual(files.contents.get("/data/hard_state"), whole);
  });
});
