/**
 * What changes a data directory besides the log, alone and together with it, for crashes at every
 * call to the disk.
 */
import assert from "node:assert/strict";
import { openDataDirectory } from "../../src/log/data_directory.ts";
import { HardStateFile } from "../../src/log/hard_state_file.ts";
import type { SegmentedLog } from "../../src/log/segmented_log.ts";
import type { SnapshotDirectory } from "../../src/log/snapshot_directory.ts";
import { checkNoGap, discardStaleLog, restartLog } from "../../src/raft/log_contents.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { CrashDisk } from "../../src/testing/crash_disk.ts";
import type { CrashOperation } from "../../src/testing/crash_points.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { syncLog } from "../../src/testing/log_contract.ts";
import { makeDataDirectory } from "./log_crash_operations.ts";
import { openLog, readLog } from "./log_script.ts";
import { DATA_PATH } from "./simulated_log_machine.ts";
import {
  fileOf,
  metaOf,
  openStore,
  send,
  stateOf,
  verifySnapshot,
  writeSnapshot,
} from "./snapshot_world.ts";

const HARD_STATE_PATH = `${DATA_PATH}/hard_state`;
const CLUSTER_ID = "0123456789abcdef0123456789abcdef";

/** A promise that is one of some texts. */
function checkOneOf(found: string, promise: string): void {
  const allowed: string[] = JSON.parse(promise);
  assert.ok(allowed.includes(found), `found ${found}, want ${allowed.join(" or ")}`);
}

/** Term and vote: the old or the new one, and never what was replaced. */
const hardState: CrashOperation = {
  name: "save the hard state",
  prepare: async (runtime) => {
    await makeDataDirectory(runtime);
    await HardStateFile.create(runtime, HARD_STATE_PATH);
  },
  run: async (runtime, promise) => {
    let allowed = ["0 0"];
    promise(() => JSON.stringify(allowed));
    const file = await HardStateFile.open(runtime, HARD_STATE_PATH);
    for (const [currentTerm, votedFor] of [[1, 0], [1, 3], [2, 1], [900_000_000_000, 2]]) {
      allowed.push(`${currentTerm} ${votedFor}`);
      await file.save({ currentTerm: currentTerm!, votedFor: votedFor! });
      allowed = allowed.slice(-1);
    }
    await file.close();
  },
  recover: async (runtime) => {
    const file = await HardStateFile.open(runtime, HARD_STATE_PATH);
    assert.equal(file.note, null, "a crash damages no copy");
    return () => Promise.resolve(`${file.state.currentTerm} ${file.state.votedFor}`);
  },
  check: checkOneOf,
  goOn: async (runtime) => {
    const file = await HardStateFile.open(runtime, HARD_STATE_PATH);
    const currentTerm = file.state.currentTerm + 1;
    await file.save({ currentTerm, votedFor: 5 });
    return `${currentTerm} 5`;
  },
};

const DIRECTORY = { path: "/data/deep/down", nodeId: 4, segmentBytes: 64 * 1024 };

/** Opens a whole directory as a node does; reads its identity, log and hard state. */
async function recoverDirectory(runtime: Runtime): Promise<() => Promise<string>> {
  const directory = await openDataDirectory(runtime, DIRECTORY);
  const file = await directory.openHardState();
  const log = await directory.openLog({ segmentBytes: DIRECTORY.segmentBytes });
  const snapshots = await directory.openSnapshots();
  assert.equal(snapshots.latest, null);
  const { identity } = directory;
  const { currentTerm } = file.state;
  return () => Promise.resolve(JSON.stringify({ identity, currentTerm, last: log.lastIndex }));
}

/** Changes everything that a directory holds. */
async function goOnInDirectory(runtime: Runtime): Promise<string> {
  const directory = await openDataDirectory(runtime, DIRECTORY);
  const identity = { ...directory.identity, clusterName: "renamed" };
  await directory.saveIdentity(identity);
  const file = await directory.openHardState();
  const currentTerm = file.state.currentTerm + 1;
  await file.save({ currentTerm, votedFor: 1 });
  const log = await directory.openLog({ segmentBytes: DIRECTORY.segmentBytes });
  log.append(createBatch({ firstIndex: log.lastIndex + 1, count: 1, term: 1 }));
  await syncLog(log);
  return JSON.stringify({ identity, currentTerm, last: log.lastIndex });
}

/** A directory is made as a whole, and never made again once somebody has learned its id. */
const creation: CrashOperation = {
  name: "make a data directory",
  run: async (runtime, promise) => {
    let instanceId = "";
    promise(() => instanceId);
    const directory = await openDataDirectory(runtime, DIRECTORY);
    instanceId = directory.identity.instanceId;
    await directory.close();
  },
  recover: recoverDirectory,
  check: (found, instanceId) => {
    const { identity, currentTerm, last } = JSON.parse(found);
    if (instanceId !== "") assert.equal(identity.instanceId, instanceId);
    assert.equal(identity.nodeId, DIRECTORY.nodeId);
    assert.equal(identity.born, false);
    assert.equal(currentTerm, 0);
    assert.equal(last, 0);
  },
  goOn: goOnInDirectory,
};

/** A node that learns its cluster, is born, and is removed. */
const identityChanges: CrashOperation = {
  name: "change the identity",
  prepare: async (runtime) => {
    await (await openDataDirectory(runtime, DIRECTORY)).close();
  },
  run: async (runtime, promise) => {
    let allowed: string[] = [];
    promise(() => JSON.stringify(allowed));
    const directory = await openDataDirectory(runtime, DIRECTORY);
    const { instanceId } = directory.identity;
    const members = [1, 4, 9].map((id) => ({ id, address: `node-${id}:7000`, instanceId }));
    const short = (): string => describeIdentity(directory.identity);
    allowed = [short()];
    for (
      const change of [{ clusterId: CLUSTER_ID, members }, { born: true }, { removed: true }]
    ) {
      const identity = { ...directory.identity, ...change };
      allowed.push(describeIdentity(identity));
      await directory.saveIdentity(identity);
      allowed = [short()];
    }
    await directory.close();
  },
  recover: recoverDirectory,
  check: (found, promise) => {
    const allowed: string[] = JSON.parse(promise);
    if (allowed.length === 0) return;
    const { identity } = JSON.parse(found);
    checkOneOf(describeIdentity(identity), promise);
  },
  goOn: goOnInDirectory,
};

function describeIdentity(identity: object): string {
  return JSON.stringify(identity);
}

/** Where a snapshot stands, its whole state read and compared. */
async function readStore(store: SnapshotDirectory): Promise<number> {
  const { latest } = store;
  const index = latest?.meta.lastIncludedIndex ?? 0;
  if (latest !== null) await verifySnapshot(store, latest, index);
  return index;
}

/** The file of the snapshot of index 30 as another node sends it. */
async function sentSnapshot(): Promise<Uint8Array> {
  const store = await openStore(new CrashDisk().boot("sender"));
  return await fileOf(store, await writeSnapshot(store, 30, "c"));
}

/** Receives the snapshot of index 30, or the rest of it, or as much as `piecesMax` allows. */
async function receiveSnapshot(store: SnapshotDirectory, piecesMax = Infinity): Promise<void> {
  const sent = await sentSnapshot();
  const receiver = await store.receive({ ...metaOf(30, "c"), totalBytes: sent.length });
  await send(receiver, sent, { pieceBytes: 2_000, piecesMax });
  if (receiver.storedBytes === sent.length) await receiver.finish();
}

/** Ways to come to snapshots; `done` is told the index of each one that was reported. */
const snapshotScripts: Readonly<
  Record<string, (runtime: Runtime, done: (index: number) => void) => Promise<void>>
> = {
  "write two snapshots": async (runtime, done) => {
    const store = await openStore(runtime);
    await writeSnapshot(store, 10, "a");
    done(10);
    await writeSnapshot(store, 20, "b");
    done(20);
    await store.close();
  },
  "write, receive and write a snapshot": async (runtime, done) => {
    const store = await openStore(runtime);
    await writeSnapshot(store, 10, "a");
    done(10);
    await receiveSnapshot(store);
    done(30);
    await writeSnapshot(store, 40, "d");
    done(40);
    await store.close();
  },
  "receive a snapshot in two lives": async (runtime, done) => {
    const store = await openStore(runtime);
    await receiveSnapshot(store, 2);
    await store.close();
    const again = await openStore(runtime);
    await receiveSnapshot(again);
    done(30);
    await again.close();
  },
};

const snapshotOperations: readonly CrashOperation[] = Object.entries(snapshotScripts)
  .map(([name, script]) => ({
    name,
    prepare: makeDataDirectory,
    run: async (runtime, promise) => {
      let reported = 0;
      promise(() => `${reported}`);
      await script(runtime, (index) => reported = index);
    },
    recover: async (runtime) => {
      const store = await openStore(runtime);
      return async () => `${await readStore(store)}`;
    },
    check: (found, reported) =>
      assert.ok(Number(found) >= Number(reported), `found ${found}, ${reported} was reported`),
    goOn: async (runtime) => {
      const store = await openStore(runtime);
      // What was received in part is taken up, or what is newer is written.
      if (await readStore(store) < 30) await receiveSnapshot(store);
      await writeSnapshot(store, 50, "e");
      const names = await runtime.files.readDirectory(`${DATA_PATH}/snapshots`);
      assert.equal(names.length, 1, `left: ${names.join(", ")}`);
      return "50";
    },
  }));

/** Entries of which three fit into a segment, each synced. */
async function fillLog(log: SegmentedLog, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const firstIndex = log.lastIndex + 1;
    log.append(createBatch({ firstIndex, count: 1, term: 1, payloadBytes: 20_000 }));
    await syncLog(log);
  }
}

/** Opens snapshots and log as a node does. */
async function recoverBoth(runtime: Runtime): Promise<() => Promise<string>> {
  const store = await openStore(runtime);
  const log = await openLog(runtime);
  const meta = store.latest?.meta ?? null;
  checkNoGap(log, meta);
  if (meta !== null) await discardStaleLog(log, meta);
  return async () => {
    const { firstIndex, lastIndex, entries } = await readLog(log);
    const terms = entries.map(({ index, term }) => `${index}:${term}`).join(" ");
    return JSON.stringify({ snapshot: await readStore(store), firstIndex, lastIndex, terms });
  };
}

/** Appends behind what is there. */
async function goOnInLog(runtime: Runtime): Promise<string> {
  const log = await openLog(runtime);
  const store = await openStore(runtime);
  log.append(createBatch({ firstIndex: log.lastIndex + 1, count: 1, term: 99 }));
  await syncLog(log);
  const { firstIndex, lastIndex, entries } = await readLog(log);
  const terms = entries.map(({ index, term }) => `${index}:${term}`).join(" ");
  return JSON.stringify({ snapshot: await readStore(store), firstIndex, lastIndex, terms });
}

/** A log of four entries, and nothing else. */
async function makeFourEntries(runtime: Runtime): Promise<void> {
  await makeDataDirectory(runtime);
  const log = await openLog(runtime);
  await fillLog(log, 4);
  await log.close();
}

/** A snapshot is taken, and the log forgets what it covers. */
const compaction: CrashOperation = {
  name: "take a snapshot and compact the log",
  prepare: makeFourEntries,
  run: async (runtime, promise) => {
    let snapshot = 0;
    promise(() => `${snapshot}`);
    const store = await openStore(runtime);
    await store.write(metaOf(4, "a"), stateOf(4)[Symbol.iterator]());
    snapshot = 4;
    const log = await openLog(runtime);
    await log.truncatePrefix(5);
    await log.close();
    await store.close();
  },
  recover: recoverBoth,
  check: (found, snapshot) => {
    const both = JSON.parse(found);
    assert.ok(both.snapshot >= Number(snapshot), `found snapshot ${both.snapshot}`);
    assert.equal(both.lastIndex, 4);
    assert.ok(both.firstIndex <= both.snapshot + 1, `the log starts at ${both.firstIndex}`);
  },
  goOn: goOnInLog,
};

/** A snapshot of the leader's replaces a log that is behind, or another. */
const install: CrashOperation = {
  name: "install a snapshot and reset the log",
  prepare: makeFourEntries,
  run: async (runtime, promise) => {
    let promised = { snapshot: 0, lastIndex: 4 };
    promise(() => JSON.stringify(promised));
    const log = await openLog(runtime);
    const store = await openStore(runtime);
    await receiveSnapshot(store);
    promised = { snapshot: 30, lastIndex: 30 };
    await restartLog(log, 30);
    log.append(createBatch({ firstIndex: 31, count: 2, term: 3 }));
    await syncLog(log);
    promised = { snapshot: 30, lastIndex: 32 };
    await log.close();
    await store.close();
  },
  recover: recoverBoth,
  check: (found, promise) => {
    const both = JSON.parse(found);
    const promised = JSON.parse(promise);
    assert.ok(both.snapshot >= promised.snapshot, `found snapshot ${both.snapshot}`);
    assert.ok(both.lastIndex >= promised.lastIndex, `found ${found}, promised ${promise}`);
    assert.equal(both.firstIndex, both.snapshot === 30 ? 31 : 1);
    const terms = both.snapshot === 30 ? /^(31:3( 32:3)?)?$/ : /^1:1 2:1 3:1 4:1$/;
    assert.match(both.terms, terms);
  },
  goOn: goOnInLog,
};

/** Everything in here. */
export const storeOperations: readonly CrashOperation[] = [
  ...[hardState, creation, identityChanges, ...snapshotOperations, compaction, install],
];
