/** The version of a segment: a newer one is told from damage. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { putUint32 } from "../../src/bytes.ts";
import { DAMAGED_DIRECTORY_FIX } from "../../src/log/damaged_directory.ts";
import { segmentName } from "../../src/log/segment_header.ts";
import { SegmentedLog } from "../../src/log/segmented_log.ts";
import { crc32 } from "../../src/runtime/checksum.ts";
import { MemoryFiles } from "./memory_files.ts";

const PATH = `/data/log/${segmentName(1)}`;
const OPTIONS = { path: "/data", segmentBytes: 64 * 1024, create: true };

/** A log whose only segment says that it has this version. */
async function createVersion(version: number, { isWhole }: { isWhole: boolean }) {
  const files = new MemoryFiles();
  await (await SegmentedLog.open(files.runtime, OPTIONS)).close();
  const header = files.contents.get(PATH)!.subarray(0, 512);
  putUint32(header, 8, version);
  if (isWhole) putUint32(header, 12, crc32(header.subarray(16), crc32(header.subarray(0, 12))));
  return files;
}

describe("a segment header", () => {
  it("of a newer version asks for the newer program, and names both versions", async () => {
    const { runtime } = await createVersion(2, { isWhole: true });
    await assert.rejects(SegmentedLog.open(runtime, OPTIONS), {
      name: "BadDataError",
      message: `Cannot read "${PATH}": its format version is 2, this program knows up to 1`,
      fix: ["start the newer program that wrote it"],
    });
  });

  it("is damaged where its version changed alone, or is none", async () => {
    for (
      const { version, isWhole } of [{ version: 2, isWhole: false }, { version: 0, isWhole: true }]
    ) {
      const { runtime } = await createVersion(version, { isWhole });
      await assert.rejects(SegmentedLog.open(runtime, OPTIONS), {
        name: "BadDataError",
        message: /the segment header is bad/,
        fix: DAMAGED_DIRECTORY_FIX,
      });
    }
  });
});
