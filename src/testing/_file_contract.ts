/**
 * The part of the runtime contract about files.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type File, FileError, type FileSystem, LockedError } from "../runtime/runtime.ts";
import { assertPattern, patternBytes } from "./_stream_recorder.ts";
import type { ContractTest, RuntimeHarness } from "./runtime_harness.ts";

/** The tests of the file system. */
export const fileContract: readonly ContractTest[] = [
  { name: "write puts parts one after the other", body: writesParts },
  { name: "write takes more parts than one system call", body: writesManyParts },
  { name: "write overwrites in place and leaves the rest", body: overwritesInPlace },
  { name: "write beyond the end fills the gap with zeros", body: fillsGap },
  { name: "sync calls back without an error, once", body: syncs },
  { name: "sync covers several writes and may be called again meanwhile", body: syncsTwice },
  { name: "read returns less only at the end", body: readsToTheEnd },
  { name: "read does not disturb reads at other positions", body: readsAtOnce },
  { name: "truncate cuts, and extends with zeros", body: truncates },
  { name: "open read rejects with ENOENT where there is no file", body: opensMissing },
  { name: "open write creates and keeps what is there", body: opensForWriting },
  { name: "open create rejects with EEXIST where there is a file", body: opensExisting },
  { name: "rename replaces in one step", body: renames },
  { name: "remove removes", body: removes },
  { name: "readDirectory lists in the order of code units", body: listsInOrder },
  { name: "makeDirectory creates what is missing", body: makesDirectories },
  { name: "freeBytes says how much room there is", body: tellsFreeBytes },
  { name: "lock refuses a second holder and lets go", body: locks },
  { name: "lock refuses all but one of many starters", body: locksOneOfMany },
];

/** Runs `body` with a new file at `DIRECTORY/name` and closes it. */
async function withFile(
  harness: RuntimeHarness,
  body: (file: File) => Promise<void>,
): Promise<void> {
  const file = await harness.runtime.files.open(`${harness.directory}/file`, "create");
  try {
    await body(file);
  } finally {
    await file.close();
  }
}

function sync(file: File): Promise<void> {
  return new Promise((resolve, reject) => {
    file.sync((error) => error === null ? resolve() : reject(error));
  });
}

async function content(file: File): Promise<Uint8Array> {
  const bytes = new Uint8Array(await file.size());
  assert.equal(await file.read(bytes, 0), bytes.length);
  return bytes;
}

async function writeFile(files: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const file = await files.open(path, "write");
  file.write([bytes], 0);
  await file.close();
}

/** What `assert.rejects` takes to expect a FileError with `code` and `path`. */
function fileErrorWith(code: string, path: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof FileError, `Not a FileError: ${error}`);
    assert.equal(error.code, code);
    assert.equal(error.path, path);
    assert.ok(error.message.includes(`"${path}"`), error.message);
    return true;
  };
}

function writesParts(harness: RuntimeHarness): Promise<void> {
  return withFile(harness, async (file) => {
    file.write([patternBytes(10), patternBytes(0, 10), patternBytes(5000, 10)], 0);
    file.write([patternBytes(90, 5010)], 5010);
    file.write([], 0);
    file.write([new Uint8Array(0)], 0);
    assert.equal(await file.size(), 5100);
    assertPattern(await content(file));
  });
}

function writesManyParts(harness: RuntimeHarness): Promise<void> {
  return withFile(harness, async (file) => {
    const parts = Array.from({ length: 3000 }, (_, index) => patternBytes(7, 7 * index));
    file.write(parts, 0);
    const bytes = await content(file);
    assert.equal(bytes.length, 21_000);
    assertPattern(bytes);
  });
}

function overwritesInPlace(harness: RuntimeHarness): Promise<void> {
  return withFile(harness, async (file) => {
    file.write([new Uint8Array(10_000).fill(1)], 0);
    file.write([new Uint8Array(3).fill(2), new Uint8Array(3).fill(3)], 4094);
    const expected = new Uint8Array(10_000).fill(1);
    expected.set([2, 2, 2, 3, 3, 3], 4094);
    assert.deepEqual(await content(file), expected);
  });
}

function fillsGap(harness: RuntimeHarness): Promise<void> {
  return withFile(harness, async (file) => {
    file.write([new Uint8Array(10).fill(1)], 5000);
    const expected = new Uint8Array(5010);
    expected.fill(1, 5000);
    assert.deepEqual(await content(file), expected);
  });
}

function syncs(harness: RuntimeHarness): Promise<void> {
  return withFile(harness, async (file) => {
    file.write([patternBytes(5000)], 0);
    const results: (Error | null)[] = [];
    await new Promise<void>((resolve) => {
      file.sync((error) => {
        results.push(error);
        resolve();
      });
      assert.equal(results.length, 0, "done was called from within sync");
    });
    await sync(file);
    assert.deepEqual(results, [null]);
  });
}

function syncsTwice(harness: RuntimeHarness): Promise<void> {
  return withFile(harness, async (file) => {
    file.write([patternBytes(1000)], 0);
    const first = sync(file);
    file.write([patternBytes(1000, 1000)], 1000);
    await Promise.all([first, sync(file)]);
    assertPattern(await content(file));
  });
}

function readsToTheEnd(harness: RuntimeHarness): Promise<void> {
  return withFile(harness, async (file) => {
    file.write([patternBytes(1000)], 0);
    const target = new Uint8Array(400).fill(255);
    assert.equal(await file.read(target, 100), 400);
    assertPattern(target, 100);
    target.fill(255);
    assert.equal(await file.read(target, 900), 100);
    assertPattern(target.subarray(0, 100), 900);
    assert.deepEqual(target.subarray(100), new Uint8Array(300).fill(255));
    assert.equal(await file.read(target, 1000), 0);
    assert.equal(await file.read(target, 2 ** 40), 0);
    assert.equal(await file.read(new Uint8Array(0), 0), 0);
  });
}

function readsAtOnce(harness: RuntimeHarness): Promise<void> {
  return withFile(harness, async (file) => {
    file.write([patternBytes(100_000)], 0);
    const reads = Array.from({ length: 50 }, async (_, index) => {
      const target = new Uint8Array(1500);
      assert.equal(await file.read(target, index * 1900), 1500);
      assertPattern(target, index * 1900);
    });
    file.write([patternBytes(10)], 0);
    await Promise.all(reads);
  });
}

function truncates(harness: RuntimeHarness): Promise<void> {
  return withFile(harness, async (file) => {
    file.write([new Uint8Array(1000).fill(1)], 0);
    await file.truncate(300);
    assert.equal(await file.size(), 300);
    await file.truncate(600);
    const expected = new Uint8Array(600);
    expected.fill(1, 0, 300);
    assert.deepEqual(await content(file), expected);
  });
}

async function opensMissing({ runtime, directory }: RuntimeHarness): Promise<void> {
  const { files } = runtime;
  const path = `${directory}/missing`;
  await assert.rejects(files.open(path, "read"), fileErrorWith("ENOENT", path));
  await assert.rejects(files.remove(path), fileErrorWith("ENOENT", path));
  await assert.rejects(files.readDirectory(path), fileErrorWith("ENOENT", path));
  await assert.rejects(files.rename(path, `${directory}/other`), fileErrorWith("ENOENT", path));
  await assert.rejects(files.syncDirectory(path), fileErrorWith("ENOENT", path));
  const inside = `${path}/file`;
  await assert.rejects(files.open(inside, "write"), fileErrorWith("ENOENT", inside));
  assert.equal(await files.size(path), null);
}

async function opensForWriting({ runtime, directory }: RuntimeHarness): Promise<void> {
  const path = `${directory}/file`;
  await writeFile(runtime.files, path, patternBytes(100));
  const file = await runtime.files.open(path, "write");
  assert.equal(file.path, path);
  assertPattern(await content(file));
  await file.close();
  const reader = await runtime.files.open(path, "read");
  assertPattern(await content(reader));
  assert.throws(() => reader.write([patternBytes(1)], 0), FileError);
  await reader.close();
}

async function opensExisting({ runtime, directory }: RuntimeHarness): Promise<void> {
  const path = `${directory}/file`;
  await writeFile(runtime.files, path, patternBytes(100));
  await assert.rejects(runtime.files.open(path, "create"), fileErrorWith("EEXIST", path));
  assert.equal(await runtime.files.size(path), 100);
}

async function renames({ runtime, directory }: RuntimeHarness): Promise<void> {
  const { files } = runtime;
  await writeFile(files, `${directory}/from`, patternBytes(100));
  await writeFile(files, `${directory}/to`, patternBytes(50));
  await files.rename(`${directory}/from`, `${directory}/to`);
  await files.syncDirectory(directory);
  assert.deepEqual(await files.readDirectory(directory), ["to"]);
  assert.equal(await files.size(`${directory}/to`), 100);
}

async function removes({ runtime, directory }: RuntimeHarness): Promise<void> {
  await writeFile(runtime.files, `${directory}/file`, patternBytes(1));
  await runtime.files.remove(`${directory}/file`);
  assert.deepEqual(await runtime.files.readDirectory(directory), []);
  assert.equal(await runtime.files.size(`${directory}/file`), null);
}

async function listsInOrder({ runtime, directory }: RuntimeHarness): Promise<void> {
  const names = ["2", "10", "a", "B", "_", "z", "é", "1"];
  for (const name of names) {
    await writeFile(runtime.files, `${directory}/${name}`, new Uint8Array(1));
  }
  const listed = await runtime.files.readDirectory(directory);
  assert.deepEqual(listed, ["1", "10", "2", "B", "_", "a", "z", "é"]);
}

async function makesDirectories({ runtime, directory }: RuntimeHarness): Promise<void> {
  const { files } = runtime;
  await files.makeDirectory(`${directory}/one/two`);
  await files.makeDirectory(`${directory}/one/two`);
  await files.syncDirectory(`${directory}/one`);
  assert.deepEqual(await files.readDirectory(`${directory}/one`), ["two"]);
  await writeFile(files, `${directory}/one/two/file`, patternBytes(1));
  const path = `${directory}/one/two/file/three`;
  await assert.rejects(files.makeDirectory(path), FileError);
}

async function locks({ runtime, directory }: RuntimeHarness): Promise<void> {
  const { files } = runtime;
  const path = `${directory}/LOCK`;
  assert.equal(await files.lockHolder(path), null);
  const lock = await files.lock(path);
  await assert.rejects(files.lock(path), LockedError);
  const names = await files.readDirectory(directory);
  assert.notEqual(await files.lockHolder(path), null);
  assert.deepEqual(await files.readDirectory(directory), names);
  await lock.release();
  assert.equal(await files.lockHolder(path), null);
  await lock.release();
  const again = await files.lock(path);
  await assert.rejects(files.lock(path), LockedError);
  const other = await files.lock(`${directory}/OTHER`);
  await Promise.all([again.release(), other.release()]);
}

async function locksOneOfMany({ runtime, directory }: RuntimeHarness): Promise<void> {
  const starters = Array.from({ length: 20 }, () => runtime.files.lock(`${directory}/LOCK`));
  const results = await Promise.allSettled(starters);
  const locks = results.filter((result) => result.status === "fulfilled");
  assert.equal(locks.length, 1);
  await locks[0]?.value.release();
}

async function tellsFreeBytes({ runtime, directory }: RuntimeHarness): Promise<void> {
  const bytes = await runtime.files.freeBytes(directory);
  assert.ok(bytes !== null && Number.isSafeInteger(bytes) && bytes > 0, `${bytes} are free`);
  const missing = `${directory}/missing`;
  if (runtime.name === "simulated") return;
  await assert.rejects(runtime.files.freeBytes(missing), fileErrorWith("ENOENT", missing));
}
