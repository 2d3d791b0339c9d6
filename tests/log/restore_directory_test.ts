/** A data directory that is made from a backup: whole or told apart, whatever cuts its making. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError, RefusedError } from "../../src/errors.ts";
import { openDataDirectory } from "../../src/log/data_directory.ts";
import { type RestoredDirectory, restoreDirectory } from "../../src/log/restore_directory.ts";
import { SnapshotDirectory } from "../../src/log/snapshot_directory.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { MemoryFiles } from "./memory_files.ts";
import { LogMachine } from "./simulated_log_machine.ts";
import { hex, joinHex, metaOf, stateOf } from "./snapshot_world.ts";
import { TRY_EVERY } from "../sampling.ts";

const PATH = "/data/node";
const SEGMENT_BYTES = 64 * 1024;
const INDEX = 30;
const FILE = `/data/backup/snapshots/${String(INDEX).padStart(20, "0")}-${"c".repeat(32)}.snapshot`;
const STATE = stateOf(INDEX).map(hex).join("");

/** Writes the backup. */
async function backUp(runtime: Runtime): Promise<void> {
  const store = await SnapshotDirectory.open(runtime, "/data/backup");
  await store.write(metaOf(INDEX, "c"), stateOf(INDEX)[Symbol.iterator]());
  await store.close();
  await runtime.files.syncDirectory("/data");
}

function restore(runtime: Runtime, nodeId = 7): Promise<RestoredDirectory> {
  return restoreDirectory(runtime, {
    file: FILE,
    path: PATH,
    nodeId,
    clusterName: "green",
    segmentBytes: SEGMENT_BYTES,
  });
}

/** Opens the directory as a node does, and verifies all that it holds; returns its cluster. */
async function verify(runtime: Runtime): Promise<string> {
  const directory = await openDataDirectory(runtime, { path: PATH, nodeId: 7 });
  const { identity } = directory;
  const { clusterId, instanceId } = identity;
  const members = [{ id: 7, address: "", instanceId }];
  assert.notEqual(clusterId, "c".repeat(32));
  assert.deepEqual({ ...identity, clusterId: "", instanceId: "" }, {
    formatVersion: 1,
    clusterId: "",
    clusterName: "green",
    nodeId: 7,
    instanceId: "",
    born: true,
    removed: false,
    deviatesSince: 0,
    replaces: [],
    joinIndex: 0,
    promiseMs: null,
    members,
    recovery: null,
    formerClusterIds: ["c".repeat(32)],
  });
  const log = await directory.openLog({ segmentBytes: SEGMENT_BYTES });
  assert.deepEqual([log.firstIndex, log.lastIndex], [INDEX + 1, INDEX]);
  await log.close();
  const hardState = await directory.openHardState();
  assert.deepEqual(hardState.state, { currentTerm: 3, votedFor: 0 });
  await hardState.close();
  const snapshots = await directory.openSnapshots();
  const { latest } = snapshots;
  assert.ok(latest !== null);
  const { snapshotId } = latest.meta;
  assert.deepEqual(latest.meta, {
    ...metaOf(INDEX),
    snapshotId,
    clusterId,
    configurationIndex: INDEX,
    configuration: { voters: members, votersOld: [], learners: [], promotions: [] },
  });
  assert.equal(await joinHex(snapshots.state(latest)), STATE);
  await snapshots.close();
  await directory.close();
  return clusterId;
}

/** Restores with a crash at some call, and again; true where all calls were made before it. */
async function tryCrash(call: number, kind: "crash-before" | "crash-after" | "kill") {
  const machine = new LogMachine(`restore ${call} ${kind}`);
  await machine.start();
  const runtime = machine.runtime!;
  await machine.run(() => backUp(runtime));
  const at = machine.disk.callCount + call;
  if (kind === "kill") machine.killAtCall(at);
  else machine.disk.faults.onCall = ({ number }) => number === at ? kind : "ok";
  let reported: string | null = null;
  const isComplete = await machine.run(async () => {
    reported = (await restore(runtime)).clusterId;
  });
  machine.disk.faults.onCall = null;
  const next = kind === "kill" ? machine.restartProcess() : machine.reboot();
  let isThere = false;
  await machine.run(async () => {
    const names = await next.files.readDirectory(PATH).catch(() => [] as string[]);
    isThere = names.includes("identity");
    if (names.includes("restoring") && !isThere) {
      await assert.rejects(openDataDirectory(next, { path: PATH, nodeId: 7 }), (error: Error) => {
        assert.ok(error instanceof BadDataError);
        assert.match(error.message, /raft snapshot restore was cut short in it/);
        return true;
      });
    }
    if (reported !== null) assert.ok(isThere, "what was reported is there");
    if (isThere) await verify(next);
    else await restore(next);
    await verify(next);
  });
  const last = machine.reboot();
  await machine.run(async () => {
    const clusterId = await verify(last);
    if (reported !== null) assert.equal(clusterId, reported);
    await assert.rejects(restore(last), RefusedError);
  });
  return isComplete;
}

describe("restoreDirectory", () => {
  for (const kind of ["crash-before", "crash-after", "kill"] as const) {
    it(`trap 49: is whole, or told apart and done again: ${kind} at every call`, async () => {
      let calls = 0;
      for (let isComplete = false; !isComplete;) {
        calls += TRY_EVERY;
        isComplete = await tryCrash(calls, kind);
      }
      assert.ok(calls > 40, `only ${calls} calls`);
    });
  }

  it("refuses a backup that is damaged at any byte, and makes nothing", async () => {
    const whole = new MemoryFiles();
    await backUp(whole.runtime);
    const { length } = whole.contents.get(FILE)!;
    for (let at = 0; at < length; at += at < 600 ? 1 : 37) {
      const files = new MemoryFiles(whole);
      files.contents.get(FILE)![at]! ^= 0x10;
      await assert.rejects(restore(files.runtime), BadDataError, `byte ${at}`);
      assert.deepEqual([...files.contents.keys()], [FILE]);
    }
    for (const cut of [0, 1, 100, length - 1]) {
      const files = new MemoryFiles(whole);
      files.contents.set(FILE, files.contents.get(FILE)!.slice(0, cut));
      await assert.rejects(restore(files.runtime), BadDataError, `cut at ${cut}`);
    }
  });

  it("refuses a directory that holds anything, and leaves it alone", async () => {
    const files = new MemoryFiles();
    await backUp(files.runtime);
    files.contents.set(`${PATH}/letter.txt`, new Uint8Array(3));
    await assert.rejects(restore(files.runtime), (error: Error) => {
      assert.ok(error instanceof RefusedError);
      assert.match(error.message, /Cannot restore into "\/data\/node": it is not empty/);
      assert.deepEqual(error.why[0], 'it holds "letter.txt"');
      return true;
    });
    assert.equal(files.contents.size, 2);
  });
});
