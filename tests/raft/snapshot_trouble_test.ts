/**
 * Disks that fail under a node that serves: what is read for a follower (entries of the log, the
 * newest snapshot), and what a follower cannot store.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StorageError } from "../../src/errors.ts";
import { silentLogger } from "../../src/observability/logger.ts";
import { SnapshotTrouble } from "../../src/raft/snapshot_trouble.ts";
import { FileError } from "../../src/runtime/runtime.ts";
import type { DiskCall } from "../../src/testing/disk_faults.ts";
import type { SimulatedNode } from "../../src/testing/simulated_cluster.ts";
import { DriverClock } from "./driver_world.ts";
import { SnapshotTransferWorld } from "./snapshot_transfer_world.ts";

const TIMEOUT = { timeout: 120_000 };
const FEW_KEYS = { keys: 10 };

/** The newest snapshot of a node. */
function snapshotOf(node: SimulatedNode): string {
  const [name] = node.machine.disk.list("data/snapshots").filter((one) =>
    one.endsWith(".snapshot")
  );
  assert.ok(name !== undefined, `node ${node.id} has no snapshot`);
  return `data/snapshots/${name}`;
}

/** Fails the calls to a node's disk that `isHit` names; returns how many were. */
function failCalls(node: SimulatedNode, isHit: (call: DiskCall) => boolean): { count: number } {
  const hits = { count: 0 };
  node.machine.disk.faults.onCall = (call) => {
    if (!isHit(call)) return "ok";
    hits.count += 1;
    return new FileError("EIO", call.path, `Cannot ${call.kind} "${call.path}": EIO`);
  };
  return hits;
}

/** Waits until a node has ended by itself, and returns why. */
async function ended(world: SnapshotTransferWorld, node: SimulatedNode): Promise<Error> {
  await world.until(() => node.lastError !== null);
  return node.lastError!;
}

/** What `promise` comes to, while the world goes on. */
async function settled<Value>(
  world: SnapshotTransferWorld,
  promise: Promise<Value>,
): Promise<Value> {
  let isSettled = false;
  const done = () => void (isSettled = true);
  promise.then(done, done);
  await world.until(() => isSettled);
  return await promise;
}

/** Another node leads, serves the one that was away, and the one that ended comes back. */
async function goesOn(world: SnapshotTransferWorld, node: SimulatedNode): Promise<void> {
  await world.put(5);
  node.machine.disk.faults.onCall = null;
  world.cluster.startAll();
  await world.caughtUp();
  await world.checkStates();
}

describe("a leader whose snapshot is of no use", () => {
  it("takes another one where it cannot be read, and sends that", TIMEOUT, async () => {
    const world = await new SnapshotTransferWorld("unreadable", FEW_KEYS).formed();
    const away = await world.leaveBehind();
    const leader = world.cluster.leader!;
    const broken = snapshotOf(leader);
    const hits = failCalls(leader, ({ kind, path }) => kind === "read" && path === broken);
    world.cluster.start(away);
    await world.caughtUp();
    assert.equal(world.cluster.leader, leader, "the leader goes on");
    assert.equal(hits.count, 1, "what cannot be read is not read again");
    assert.notEqual(snapshotOf(leader), broken);
    await world.checkStates();
  });

  it("takes another one where a backup cannot read it", TIMEOUT, async () => {
    const world = await new SnapshotTransferWorld("backup", FEW_KEYS).formed();
    await world.put(5);
    const { raft } = world.cluster.leader!.running!;
    const opened = await settled(world, raft.openSnapshot());
    const broken = snapshotOf(world.cluster.leader!);
    failCalls(world.cluster.leader!, ({ kind, path }) => kind === "read" && path === broken);
    await assert.rejects(settled(world, opened.read(0, 100)), StorageError);
    await settled(world, opened.close());
    await world.until(() => snapshotOf(world.cluster.leader!) !== broken);
    const again = await settled(world, raft.openSnapshot());
    assert.equal((await settled(world, again.read(0, 100))).length, 100, "nothing was applied");
    await settled(world, again.close());
  });

  it("saves nowhere what has rotted: another one, and says so for an hour", TIMEOUT, async () => {
    const world = await new SnapshotTransferWorld("rotten backup", FEW_KEYS).formed();
    await world.put(5);
    const leader = world.cluster.leader!;
    const { raft } = leader.running!;
    await settled(world, raft.openSnapshot().then((one) => one.close()));
    assert.equal(raft.readings().raft!.snapshots.unusable, 0);
    assert.deepEqual(raft.status().notes, []);
    const rotten = snapshotOf(leader);
    leader.machine.disk.corrupt({ path: rotten, offset: 1_000, mask: 4 });
    const reader = await settled(world, raft.openSnapshot());
    assert.notEqual(snapshotOf(leader), rotten);
    assert.ok(snapshotOf(leader).includes(reader.snapshot.meta.snapshotId), "the new one");
    await settled(world, reader.close());
    const { unusable, recentlyUnusable } = raft.readings().raft!.snapshots;
    assert.deepEqual([unusable, recentlyUnusable], [1, true]);
    assert.match(
      raft.status().notes.join(),
      /snapshot was of no use, look at the disk: .*checksum/,
    );
    await settled(world, raft.openSnapshot().then((one) => one.close()));
    assert.equal(raft.readings().raft!.snapshots.unusable, 1, "the new one is good");
  });

  it("takes another one where it has rotted, which a follower finds out", TIMEOUT, async () => {
    const world = await new SnapshotTransferWorld("rotten", FEW_KEYS).formed();
    const away = await world.leaveBehind();
    const leader = world.cluster.leader!;
    const rotten = snapshotOf(leader);
    leader.machine.disk.corrupt({ path: rotten, offset: 10_000, mask: 4 });
    world.cluster.start(away);
    await world.caughtUp();
    assert.equal(world.cluster.leader, leader, "the leader goes on");
    assert.notEqual(snapshotOf(leader), rotten);
    await world.checkStates();
  });

  it("ends where it cannot write another one either, and the others go on", TIMEOUT, async () => {
    const world = await new SnapshotTransferWorld("hopeless", FEW_KEYS).formed();
    const away = await world.leaveBehind();
    const leader = world.cluster.leader!;
    failCalls(
      leader,
      ({ kind, path }) => ["read", "write"].includes(kind) && path.startsWith("data/snapshots/"),
    );
    world.cluster.start(away);
    const error = await ended(world, leader);
    assert.ok(error instanceof StorageError, String(error));
    assert.match(error.message, /Cannot write the snapshot of index \d+: Cannot write ".*": EIO/);
    await goesOn(world, leader);
  });
});

describe("SnapshotTrouble", () => {
  it("says once what a leader's repeated tries meet, and again after a while", async () => {
    const clock = new DriverClock();
    const lines: unknown[] = [];
    const trouble = new SnapshotTrouble({
      clock,
      store: { latest: null, state: () => assert.fail("nothing is read") },
      logger: { ...silentLogger, warn: (_, fields) => void lines.push(fields?.["reason"]) },
      taker: { replace: () => assert.fail("nothing is taken") },
      failed: (error) => assert.fail(error),
    });
    const meet = (reason: string) => trouble.notReceived(new StorageError(reason));
    for (const free of [9, 8, 7]) meet(`${free} bytes are free`);
    assert.deepEqual([lines, trouble.notes], [["9 bytes are free"], ["7 bytes are free"]]);
    meet("The disk is broken");
    await clock.pass(120_000);
    assert.deepEqual(trouble.notes, [], "nobody sends it any more");
    meet("The disk is broken");
    assert.equal(lines.length, 3);
    trouble.received();
    assert.deepEqual(trouble.notes, []);
  });
});

describe("a leader whose log cannot be read", () => {
  it("ends, and another one serves the follower that needs it", TIMEOUT, async () => {
    const world = new SnapshotTransferWorld("log", { ...FEW_KEYS, tailCacheBytesMax: 1 });
    await world.formed();
    await world.put(5);
    const away = world.cluster.nodes.find((node) => node !== world.cluster.leader)!;
    world.cluster.crash(away, "power_loss");
    await world.put(20);
    const leader = world.cluster.leader!;
    const hits = failCalls(
      leader,
      ({ kind, path }) => kind === "read" && path.endsWith(".segment"),
    );
    world.cluster.start(away);
    const error = await ended(world, leader);
    assert.ok(error instanceof StorageError, String(error));
    assert.match(error.message, /Cannot read the log: Cannot read ".*\.segment": EIO/);
    assert.equal(hits.count, 1, "nothing is read again");
    await goesOn(world, leader);
  });
});

describe("a follower without room for the leader's snapshot", () => {
  it("says so, fills nothing up, and takes it once there is room", TIMEOUT, async () => {
    const world = await new SnapshotTransferWorld("room", { keys: 40 }).formed();
    const away = await world.leaveBehind();
    world.cluster.start(away);
    const { disk } = away.machine;
    // The spare segment is there, and room for a half of the snapshot.
    await world.until(() => away.running !== null && disk.list("data/spare").length === 1);
    const freeBytes = 150 * 1024;
    disk.faults.capacityBytes = disk.usedBytes + freeBytes;
    const notes = () => away.running!.status().notes;
    await world.until(() => notes().length > 0);
    assert.match(notes()[0]!, /there is no room for it: it takes \d+ bytes more, and \d+ are free/);
    let leastBytes = freeBytes;
    disk.faults.onCall = () => {
      leastBytes = Math.min(leastBytes, disk.faults.capacityBytes - disk.usedBytes);
      return "ok";
    };
    const chunks = world.chunksSent;
    await world.pass(20_000);
    assert.ok(leastBytes > freeBytes - 16 * 1024, `${leastBytes} bytes were left`);
    assert.equal(world.chunksSent, chunks, "nothing is sent in vain");
    disk.faults.capacityBytes = Infinity;
    await world.caughtUp();
    assert.deepEqual(notes(), []);
    await world.checkStates();
  });
});
