/** A file of the operating system, where the system does less than it was asked. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FileError } from "../../src/runtime/runtime.ts";
import { SystemFile, writeEach, type WriteParts } from "../../src/runtime/shared/system_file.ts";

/** Runs `body` with a new file whose writes go through `writeParts`. */
async function withFile(
  writeParts: WriteParts,
  body: (file: SystemFile) => Promise<void> | void,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "raft-file-"));
  const path = join(directory, "file");
  const file = new SystemFile({ descriptor: fs.openSync(path, "w+"), path, writeParts });
  try {
    await body(file);
  } finally {
    await file.close();
    await rm(directory, { recursive: true });
  }
}

test("write goes on where the system took a part", async () => {
  let calls = 0;
  const writeFew: WriteParts = (descriptor, parts, position) => {
    calls += 1;
    const first = parts[0] ?? new Uint8Array(0);
    return fs.writeSync(descriptor, first, 0, Math.min(3, first.length), position);
  };
  await withFile(writeFew, async (file) => {
    const text = ["some", "", "parts of", "various", " ", "lengths"];
    file.write(text.map((part) => new TextEncoder().encode(part)), 5);
    const bytes = new Uint8Array(32);
    assert.equal(await file.read(bytes, 5), 27);
    assert.equal(new TextDecoder().decode(bytes.subarray(0, 27)), text.join(""));
    assert.equal(calls, 12);
  });
});

test("write fails where the system takes nothing", async () => {
  await withFile(() => 0, (file) => {
    assert.throws(() => file.write([new Uint8Array(10)], 0), (error: unknown) => {
      assert.ok(error instanceof FileError);
      assert.equal(error.code, "EIO");
      return true;
    });
  });
});

test("write says what and why where the system fails", async () => {
  const failing: WriteParts = () => {
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  };
  await withFile(failing, (file) => {
    assert.throws(() => file.write([new Uint8Array(10)], 0), {
      name: "FileError",
      code: "ENOSPC",
      path: file.path,
      message: `Cannot write "${file.path}": no space left on the device (ENOSPC)`,
    });
  });
});

test("writeEach puts the parts one after the other", async () => {
  await withFile(writeEach, async (file) => {
    file.write([new Uint8Array(3).fill(1), new Uint8Array(4).fill(2)], 0);
    const bytes = new Uint8Array(8);
    assert.equal(await file.read(bytes, 0), 7);
    assert.deepEqual(bytes, Uint8Array.of(1, 1, 1, 2, 2, 2, 2, 0));
  });
});
