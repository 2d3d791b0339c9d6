/** Term and vote survive every crash and every damage to one copy. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError, StorageError } from "../../src/errors.ts";
import { checkHardState, HardStateFile } from "../../src/log/hard_state_file.ts";
import { MemoryFiles } from "./memory_files.ts";
import { createRealDirectory } from "./real_log_directory.ts";
import { LogMachine } from "./simulated_log_machine.ts";

const PATH = "/data/hard_state";

async function createFiles(): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  await HardStateFile.create(files.runtime, PATH);
  return files;
}

async function save(files: MemoryFiles, currentTerm: number, votedFor: number): Promise<void> {
  const file = await HardStateFile.open(files.runtime, PATH);
  await file.save({ currentTerm, votedFor });
  assert.deepEqual(file.state, { currentTerm, votedFor });
  await file.close();
}

/** Runs `body` with a new file on a simulated disk. */
async function onSimulatedDisk(
  body: (machine: LogMachine, file: HardStateFile) => Promise<void>,
): Promise<void> {
  const machine = new LogMachine(1);
  await machine.start();
  await machine.run(async () => {
    await HardStateFile.create(machine.runtime!, PATH);
    await body(machine, await HardStateFile.open(machine.runtime!, PATH));
  });
}

describe("HardStateFile", () => {
  it("starts with term 0 and no vote", async () => {
    const file = await HardStateFile.open((await createFiles()).runtime, PATH);
    assert.deepEqual(file.state, { currentTerm: 0, votedFor: 0 });
    assert.equal(file.note, null);
    await file.close();
  });

  it("keeps what was saved, also on a real disk", async () => {
    const { runtime, path, dispose } = await createRealDirectory();
    await HardStateFile.create(runtime, `${path}/hard_state`);
    for (const [currentTerm, votedFor] of [[1, 0], [1, 3], [2, 1], [9_000_000_000, 2]]) {
      const file = await HardStateFile.open(runtime, `${path}/hard_state`);
      await file.save({ currentTerm: currentTerm!, votedFor: votedFor! });
      await file.close();
      const again = await HardStateFile.open(runtime, `${path}/hard_state`);
      assert.deepEqual(again.state, { currentTerm, votedFor });
      assert.equal(again.note, null);
      await again.close();
    }
    await dispose();
  });

  it("trap 3: never forgets a vote when any byte of one copy flips", async () => {
    const files = await createFiles();
    await save(files, 6, 1);
    await save(files, 7, 2);
    for (const copy of [0, 4096]) {
      for (let offset = copy; offset < copy + 128; offset += 1) {
        const damaged = new MemoryFiles(files);
        damaged.contents.get(PATH)![offset]! ^= 0x20;
        const file = await HardStateFile.open(damaged.runtime, PATH);
        assert.deepEqual(file.state, { currentTerm: 7, votedFor: 2 }, `byte ${offset}`);
        await file.close();
        if (file.note === null) continue;
        assert.match(file.note, copy === 0 ? /copy A/i : /copy B/i);
        const restored = damaged.contents.get(PATH)!.subarray(copy, copy + 512);
        assert.deepEqual(restored, files.contents.get(PATH)!.subarray(copy, copy + 512));
      }
    }
  });

  it("refuses to run with both copies bad, or without the file", async () => {
    const files = await createFiles();
    await save(files, 7, 2);
    for (const copy of [0, 4096]) files.contents.get(PATH)![copy + 40]! ^= 1;
    await assert.rejects(HardStateFile.open(files.runtime, PATH), (error: Error) => {
      assert.ok(error instanceof BadDataError);
      assert.match(error.message, /both copies are bad/);
      return true;
    });
    files.contents.delete(PATH);
    await assert.rejects(HardStateFile.open(files.runtime, PATH), BadDataError);
    assert.equal(files.contents.size, 0);
  });

  it("refuses terms that fall and votes that change", async () => {
    const file = await HardStateFile.open((await createFiles()).runtime, PATH);
    await file.save({ currentTerm: 5, votedFor: 1 });
    await assert.rejects(file.save({ currentTerm: 4, votedFor: 0 }));
    await assert.rejects(file.save({ currentTerm: 5, votedFor: 2 }));
    await assert.rejects(file.save({ currentTerm: 5, votedFor: 0 }));
    await file.save({ currentTerm: 6, votedFor: 2 });
    await file.close();
  });

  it("closes behind a save that is under way", async () => {
    await onSimulatedDisk(async (machine, file) => {
      const ends: string[] = [];
      const saved = file.save({ currentTerm: 1, votedFor: 1 }).then(() => ends.push("saved"));
      await file.close();
      ends.push("closed");
      await saved;
      assert.deepEqual(ends, ["saved", "closed"]);
      const again = await HardStateFile.open(machine.runtime!, PATH);
      assert.deepEqual(again.state, { currentTerm: 1, votedFor: 1 });
      const failing = again.save({ currentTerm: 2, votedFor: 1 });
      machine.disk.failNextSync();
      await Promise.all([assert.rejects(failing, StorageError), again.close()]);
    });
  });

  it("is unusable after a failed save", async () => {
    await onSimulatedDisk(async (machine, file) => {
      machine.disk.failNextSync();
      await assert.rejects(file.save({ currentTerm: 1, votedFor: 1 }), StorageError);
      await assert.rejects(file.save({ currentTerm: 1, votedFor: 1 }), StorageError);
      assert.deepEqual(file.state, { currentTerm: 0, votedFor: 0 });
      await file.close();
    });
  });
});

describe("checkHardState", () => {
  it("refuses a term below that of the last entry", () => {
    checkHardState({ currentTerm: 3, votedFor: 0 }, { term: 3, index: 10 });
    checkHardState({ currentTerm: 0, votedFor: 0 }, { term: 0, index: 0 });
    assert.throws(
      () => checkHardState({ currentTerm: 2, votedFor: 0 }, { term: 3, index: 10 }),
      BadDataError,
    );
  });
});
