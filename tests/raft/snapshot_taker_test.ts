/** When snapshots are taken, of what, and what the log keeps. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvalidRequestError, ShutdownError, StorageError } from "../../src/errors.ts";
import { MemoryLog } from "../../src/log/memory_log.ts";
import type { SnapshotMeta } from "../../src/log/snapshot_format.ts";
import type { SnapshotStore, StoredSnapshot } from "../../src/log/snapshot_store.ts";
import { SNAPSHOT_BYTES_LARGE } from "../../src/limits.ts";
import { silentLogger } from "../../src/observability/logger.ts";
import { type AppliedPosition, NOTHING_APPLIED } from "../../src/raft/apply_loop.ts";
import { SnapshotTaker } from "../../src/raft/snapshot_taker.ts";
import { CommandGate } from "../../src/state_machine/command_gate.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import type { Index } from "../../src/types.ts";
import { configuration } from "../log/snapshot_world.ts";
import { CounterMachine } from "../state_machine/counter_machine.ts";
import { DriverClock } from "./driver_world.ts";

const CLUSTER_ID = "c".repeat(32);
const RECORD_BYTES = createBatch({ firstIndex: 1, count: 1, term: 1 }).bytes.length;

/** A store whose writes a test completes. */
class HandStore {
  latest: StoredSnapshot | null = null;
  totalBytes = 100;
  readonly begun: SnapshotMeta[] = [];
  #finish: ((error: Error | null) => void) | null = null;

  write(meta: SnapshotMeta, chunks: Iterator<Uint8Array, void>): Promise<StoredSnapshot> {
    this.begun.push(meta);
    while (chunks.next().done !== true);
    return new Promise((resolve, reject) => {
      this.#finish = (error) => {
        if (error !== null) return reject(error);
        this.latest = { meta, totalBytes: this.totalBytes };
        resolve(this.latest);
      };
    });
  }

  /** Ends the writing under way. */
  complete(error: Error | null = null): void {
    assert.ok(this.#finish !== null, "nothing is written");
    this.#finish(error);
    this.#finish = null;
  }
}

/** A taker with a log of 100 entries, and what it did. */
class TakerWorld {
  readonly clock = new DriverClock();
  readonly store = new HandStore();
  readonly log: MemoryLog;
  readonly machine = new CounterMachine();
  readonly taker: SnapshotTaker;
  readonly compacted: Index[] = [];
  readonly failures: Error[] = [];
  readonly errors: string[] = [];
  compactableIndex = Infinity;
  isRestoring = false;

  constructor(settings: { readonly snapshotEvery?: number; readonly snapshotBytes?: number } = {}) {
    this.log = new MemoryLog({ clock: this.clock });
    this.log.append(createBatch({ firstIndex: 1, count: 100, term: 1 }));
    this.taker = new SnapshotTaker({
      clock: this.clock,
      random: { uint32: () => 0, fill: (target) => target.fill(9) },
      log: this.log,
      gate: new CommandGate(this.machine),
      snapshots: {
        store: this.store as unknown as SnapshotStore,
        clusterId: CLUSTER_ID,
        logger: { ...silentLogger, error: (message) => void this.errors.push(message) },
        trailingEntries: 3,
        ...settings,
      },
      appliedPosition: NOTHING_APPLIED,
      isRestoring: () => this.isRestoring,
      compactableIndex: () => this.compactableIndex,
      compacted: (index) => this.compacted.push(index),
      failed: (error) => this.failures.push(error),
    });
  }

  /** Everything up to `index` was applied. */
  applied(index: Index): void {
    this.taker.applied(positionAt(index));
  }

  /** The indexes at which snapshots were begun. */
  get indexes(): Index[] {
    return this.store.begun.map(({ lastIncludedIndex }) => lastIncludedIndex);
  }
}

function positionAt(index: Index): AppliedPosition {
  return {
    index,
    term: 2,
    logTimeMs: 10 * index,
    configuration: { index: 1, configuration },
    appliedBytes: index * RECORD_BYTES,
  };
}

describe("SnapshotTaker", () => {
  it("takes a snapshot when so many entries were applied since the last", async () => {
    const world = new TakerWorld({ snapshotEvery: 10 });
    world.applied(9);
    assert.deepEqual(world.indexes, []);
    world.applied(12);
    assert.deepEqual(world.indexes, [12]);
    world.store.complete();
    await world.clock.settle();
    world.applied(21);
    assert.deepEqual(world.indexes, [12]);
    world.applied(22);
    assert.deepEqual(world.indexes, [12, 22]);
  });

  it("writes a large state anew only when as many bytes were applied since", async () => {
    const world = new TakerWorld({ snapshotEvery: 10 });
    world.store.totalBytes = SNAPSHOT_BYTES_LARGE;
    world.applied(10);
    world.store.complete();
    await world.clock.settle();
    const due = 10 + Math.ceil(SNAPSHOT_BYTES_LARGE / RECORD_BYTES);
    world.applied(due - 1);
    assert.deepEqual(world.indexes, [10]);
    world.applied(due);
    assert.deepEqual(world.indexes, [10, due]);
  });

  it("takes a snapshot when so many bytes were applied since the last", async () => {
    const world = new TakerWorld({ snapshotBytes: 5 * RECORD_BYTES });
    world.applied(4);
    assert.deepEqual(world.indexes, []);
    world.applied(5);
    assert.deepEqual(world.indexes, [5]);
    world.store.complete();
    await world.clock.settle();
    world.applied(9);
    world.applied(10);
    assert.deepEqual(world.indexes, [5, 10]);
  });

  it("trap 35: says what the state is, at exactly its index", () => {
    const world = new TakerWorld({ snapshotEvery: 10 });
    world.applied(10);
    assert.deepEqual(world.store.begun[0], {
      snapshotId: "09".repeat(16),
      clusterId: CLUSTER_ID,
      lastIncludedIndex: 10,
      lastIncludedTerm: 2,
      logTimeMs: 100,
      configurationIndex: 1,
      configuration,
    });
  });

  it("takes one at a time", async () => {
    const world = new TakerWorld({ snapshotEvery: 10 });
    world.applied(10);
    world.applied(30);
    assert.deepEqual(world.indexes, [10]);
    world.store.complete();
    await world.clock.settle();
    world.applied(31);
    assert.deepEqual(world.indexes, [10, 31]);
  });

  it("lets the log forget what is covered, but for the trailing entries", async () => {
    const world = new TakerWorld({ snapshotEvery: 10 });
    world.applied(20);
    await world.clock.settle();
    assert.equal(world.log.firstIndex, 1, "nothing goes before the snapshot is durable");
    world.store.complete();
    await world.clock.settle();
    assert.equal(world.log.firstIndex, 18);
    assert.deepEqual(world.compacted, [17]);
  });

  it("keeps what a follower that keeps up still needs, up to a bound", async () => {
    const world = new TakerWorld({ snapshotEvery: 2 });
    world.compactableIndex = 5;
    world.applied(20);
    world.store.complete();
    await world.clock.settle();
    assert.equal(world.log.firstIndex, 6);
    world.applied(60);
    world.store.complete();
    await world.clock.settle();
    // Ten times as many entries as lie between two snapshots.
    assert.equal(world.log.firstIndex, 41);
  });

  it("trap 49: a failure leaves the log as it is, and the next try comes later", async () => {
    const world = new TakerWorld({ snapshotEvery: 10 });
    world.applied(10);
    world.store.complete(new StorageError("the disk is full"));
    await world.clock.settle();
    assert.equal(world.log.firstIndex, 1);
    assert.equal(world.errors.length, 1);
    assert.deepEqual(world.failures, [], "the node goes on");
    world.applied(50);
    assert.deepEqual(world.indexes, [10]);
    await world.clock.pass(60_000);
    world.applied(51);
    assert.deepEqual(world.indexes, [10, 51]);
    world.store.complete();
    await world.clock.settle();
    assert.equal(world.log.firstIndex, 49);
  });

  it("survives a state machine that throws", async () => {
    const world = new TakerWorld({ snapshotEvery: 10 });
    world.machine.takeSnapshot = () => {
      throw new TypeError("broken by a test");
    };
    world.applied(10);
    await world.clock.settle();
    assert.equal(world.errors.length, 1);
    assert.deepEqual(world.failures, []);
  });

  it("is triggered at once, and tells the snapshot", async () => {
    const world = new TakerWorld();
    await assert.rejects(world.taker.trigger(), InvalidRequestError);
    world.applied(7);
    const triggered = world.taker.trigger();
    assert.deepEqual(world.indexes, [7]);
    world.store.complete();
    await world.clock.settle();
    assert.equal((await triggered).meta.lastIncludedIndex, 7);
    // Nothing was applied since.
    assert.equal((await world.taker.trigger()).meta.lastIncludedIndex, 7);
    assert.deepEqual(world.indexes, [7]);
  });

  it("takes another one for whoever asks while one is taken", async () => {
    const world = new TakerWorld();
    world.applied(7);
    void world.taker.trigger();
    world.applied(8);
    const triggered = [world.taker.trigger(), world.taker.trigger()];
    world.store.complete();
    await world.clock.settle();
    assert.deepEqual(world.indexes, [7, 8]);
    world.store.complete();
    await world.clock.settle();
    for (const snapshot of await Promise.all(triggered)) {
      assert.equal(snapshot.meta.lastIncludedIndex, 8);
    }
  });

  it("tells a failure to whoever triggered it", async () => {
    const world = new TakerWorld();
    world.applied(7);
    const rejected = assert.rejects(world.taker.trigger(), StorageError);
    world.store.complete(new StorageError("the disk is full"));
    await rejected;
  });

  it("trap 43: gives way to a snapshot of the leader's that covers more", async () => {
    const world = new TakerWorld({ snapshotEvery: 10 });
    world.applied(10);
    const meta = { ...world.store.begun[0]!, lastIncludedIndex: 40 };
    world.store.latest = { meta, totalBytes: 100 };
    world.store.complete(new StorageError("a newer snapshot is stored"));
    await world.clock.settle();
    assert.deepEqual(world.errors, []);
  });

  it("begins nothing while the state is replaced", async () => {
    const world = new TakerWorld();
    world.applied(7);
    world.isRestoring = true;
    const triggered = world.taker.trigger();
    assert.deepEqual(world.indexes, []);
    world.isRestoring = false;
    world.taker.restored(positionAt(30));
    assert.deepEqual(world.indexes, [30]);
    world.store.complete();
    await world.clock.settle();
    assert.equal((await triggered).meta.lastIncludedIndex, 30);
  });

  it("ends: whoever waits is told, and the log is not touched any more", async () => {
    const world = new TakerWorld({ snapshotEvery: 10 });
    world.applied(20);
    const rejected = assert.rejects(world.taker.trigger(), ShutdownError);
    world.taker.stop();
    await rejected;
    world.store.complete();
    await world.clock.settle();
    assert.equal(world.log.firstIndex, 1);
    await assert.rejects(world.taker.trigger(), ShutdownError);
  });

  it("stops the node where the log fails", async () => {
    const world = new TakerWorld({ snapshotEvery: 10 });
    world.log.truncatePrefix = () => Promise.reject(new StorageError("broken by a test"));
    world.applied(20);
    world.store.complete();
    await world.clock.settle();
    assert.equal(world.failures.length, 1);
    assert.deepEqual(world.compacted, []);
  });
});
