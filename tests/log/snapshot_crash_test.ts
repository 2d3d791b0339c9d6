/**
 * Snapshots on a disk whose syncs fail, and readers of files that are removed meanwhile. The
 * crashes are in crash_points_test.ts.
 */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import type { SnapshotDirectory } from "../../src/log/snapshot_directory.ts";
import { FileError } from "../../src/runtime/runtime.ts";
import type { Index } from "../../src/types.ts";
import { MemoryFiles } from "./memory_files.ts";
import { LogMachine } from "./simulated_log_machine.ts";
import {
  fileOf,
  hex,
  metaOf,
  openStore,
  send,
  stateOf,
  verifySnapshot,
  writeSnapshot,
} from "./snapshot_world.ts";

/** The bytes of one chunk on the way from another node. */
const PIECE_BYTES = 1_500;

/** The file of the snapshot of index 30, as another node sends it. */
let sent: Uint8Array = new Uint8Array(0);

before(async () => {
  const store = await openStore(new MemoryFiles().runtime);
  sent = await fileOf(store, await writeSnapshot(store, 30, "c"));
});

/** Receives the snapshot of index 30, or the rest of it. */
async function receiveSent(store: SnapshotDirectory): Promise<void> {
  const receiver = await store.receive({ ...metaOf(30, "c"), totalBytes: sent.length });
  await send(receiver, sent, { pieceBytes: PIECE_BYTES });
  await receiver.finish();
}

/** Fails unless the store has a snapshot as new as `reported`, and can go on. */
async function verifyStore(store: SnapshotDirectory, reported: Index): Promise<void> {
  const { latest } = store;
  const index = latest?.meta.lastIncludedIndex ?? 0;
  assert.ok(index >= reported, `index ${index} is there, ${reported} was reported`);
  if (latest !== null) await verifySnapshot(store, latest, index);
}

describe("SnapshotDirectory on a bad disk", () => {
  it("trap 45: a reader goes on when its file was replaced and removed", async () => {
    const machine = new LogMachine("reader");
    await machine.start();
    const runtime = machine.runtime!;
    await machine.run(async () => {
      const store = await openStore(runtime);
      const old = await writeSnapshot(store, 10, "a");
      const whole = await fileOf(store, old);
      const reader = await store.openReader(old);
      const half = Math.floor(old.totalBytes / 2);
      const first = await reader.read(0, half);
      await writeSnapshot(store, 20, "b");
      assert.equal(machine.disk.list("/data/snapshots").length, 1);
      const second = await reader.read(half, old.totalBytes);
      assert.equal(hex(first) + hex(second), hex(whole));
      await reader.close();
      await store.close();
    });
  });

  it("trap 47: counts nothing of a file whose sync failed, though it can be read", async () => {
    const machine = new LogMachine("failed sync");
    await machine.start();
    const runtime = machine.runtime!;
    await machine.run(async () => {
      const store = await openStore(runtime);
      let isWritten = false;
      machine.disk.faults.onCall = ({ kind, path, number }) => {
        isWritten ||= kind === "write";
        if (kind !== "sync" || !isWritten) return "ok";
        // The kernel takes the pages for clean from now on, and nobody can remove the file.
        machine.killAtCall(number + 1);
        return new FileError("EIO", path, "broken by a test");
      };
      await receiveSent(store);
    });
    assert.equal(machine.runtime, null);
    machine.disk.faults.onCall = null;
    const next = machine.restartProcess();
    await machine.run(async () => receiveSent(await openStore(next)));
    const last = machine.reboot();
    await machine.run(async () => verifyStore(await openStore(last), 30));
  });

  it("trap 47: a rename whose sync of the directory failed reports no snapshot", async () => {
    const machine = new LogMachine("directory");
    await machine.start();
    const runtime = machine.runtime!;
    await machine.run(async () => {
      const store = await openStore(runtime);
      await writeSnapshot(store, 10, "a");
      machine.disk.faults.onCall = ({ kind }) =>
        kind === "syncDirectory" ? new Error("broken by a test") : "ok";
      await assert.rejects(store.write(metaOf(20, "b"), stateOf(20)[Symbol.iterator]()));
      machine.disk.faults.onCall = null;
      assert.equal(store.latest?.meta.lastIncludedIndex, 10);
      await verifySnapshot(store, store.latest!, 10);
      await store.close();
    });
  });
});
