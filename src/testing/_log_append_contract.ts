/**
 * The part of the log's contract that is about appending, syncing and opening.
 *
 * @module
 */
import assert from "node:assert/strict";
import { StorageError } from "../errors.ts";
import { EntryKind } from "../types.ts";
import { type LogTest, readRange, syncLog } from "./_log_world.ts";
import { batchTimestampMs, createBatch, readBatch } from "./log_batches.ts";

/** The tests. */
export const appendTests: readonly LogTest[] = [
  ["open() gives an empty log that says index 1 is next", async (world) => {
    const log = await world.open();
    assert.equal(log.firstIndex, 1);
    assert.equal(log.lastIndex, 0);
    const empty = { termRuns: [], lastTimestampMs: 0, configurations: [], tornTailBytes: 0 };
    assert.deepEqual(log.recovery, empty);
    await log.close();
  }],
  ["append() takes records at once, to be read before they are durable", async (world) => {
    const log = await world.open();
    const batch = createBatch({ firstIndex: 1, count: 3, term: 1 });
    log.append(batch);
    assert.equal(log.lastIndex, 3);
    assert.deepEqual((await readRange(log, 1, 3)).bytes, batch.bytes);
    await log.close();
  }],
  ["append() refuses a batch that does not follow", async (world) => {
    const log = await world.open();
    assert.throws(() => log.append(createBatch({ firstIndex: 2, count: 1, term: 1 })));
    log.append(createBatch({ firstIndex: 1, count: 2, term: 1 }));
    assert.throws(() => log.append(createBatch({ firstIndex: 2, count: 1, term: 1 })));
    assert.throws(() => log.append(createBatch({ firstIndex: 4, count: 1, term: 1 })));
    assert.equal(log.lastIndex, 2);
    await log.close();
  }],
  ["sync() completes after it has returned, also with nothing to do", async (world) => {
    const log = await world.open();
    for (const count of [0, 1, 0]) {
      if (count > 0) log.append(createBatch({ firstIndex: 1, count, term: 1 }));
      let hasReturned = false;
      await new Promise<void>((resolve) => {
        log.sync((error) => {
          assert.equal(error, null);
          assert.equal(hasReturned, true);
          resolve();
        });
        hasReturned = true;
      });
    }
    await log.close();
  }],
  ["sync() calls complete in their order", async (world) => {
    const log = await world.open();
    const order: number[] = [];
    const syncs: Promise<void>[] = [];
    for (let call = 0; call < 12; call += 1) {
      if (call % 3 !== 2) {
        log.append(createBatch({ firstIndex: log.lastIndex + 1, count: 2, term: 1 }));
      }
      syncs.push(syncLog(log).then(() => void order.push(call)));
    }
    await Promise.all(syncs);
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    await log.close();
  }],
  ["sync() lets its callers append and sync again when it completes", async (world) => {
    const log = await world.open();
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      log.append(createBatch({ firstIndex: 1, count: 1, term: 1 }));
      log.sync(() => {
        order.push("first");
        log.sync(() => order.push("nothing new"));
        log.append(createBatch({ firstIndex: 2, count: 1, term: 1 }));
        log.sync(() => {
          order.push("last");
          resolve();
        });
      });
      log.sync(() => order.push("second"));
    });
    assert.deepEqual(order, ["first", "second", "nothing new", "last"]);
    assert.equal((await world.restart(log)).lastIndex, 2);
  }],
  ["sync() makes everything before it durable, whatever came in between", async (world) => {
    let log = await world.open();
    for (let round = 0; round < 20; round += 1) {
      const first = syncLog(log);
      log.append(createBatch({ firstIndex: log.lastIndex + 1, count: 5, term: 1 + round }));
      const second = syncLog(log);
      log.append(createBatch({ firstIndex: log.lastIndex + 1, count: 1, term: 1 + round }));
      await first;
      await second;
    }
    const { bytes } = await readRange(log, 1, 119);
    log = await world.restart(log);
    assert.ok(log.lastIndex === 119 || log.lastIndex === 120, `lastIndex is ${log.lastIndex}`);
    assert.deepEqual((await readRange(log, 1, 119)).bytes, bytes);
    await log.close();
  }],
  ["a restart keeps a prefix of what was not synced, and all that was", async (world) => {
    let log = await world.open();
    log.append(createBatch({ firstIndex: 1, count: 10, term: 2 }));
    await syncLog(log);
    log.append(createBatch({ firstIndex: 11, count: 10, term: 3 }));
    const all = await readRange(log, 1, 20);
    log = await world.restart(log);
    const { lastIndex } = log;
    assert.ok(lastIndex >= 10 && lastIndex <= 20, `lastIndex is ${lastIndex}`);
    const kept = await readRange(log, 1, lastIndex);
    assert.deepEqual(kept.bytes, all.bytes.subarray(0, kept.bytes.length));
    await log.close();
  }],
  ["recovery tells terms, log time and configurations", async (world) => {
    let log = await world.open();
    log.append(createBatch({ firstIndex: 1, count: 3, term: 1 }));
    log.append(createBatch({ firstIndex: 4, count: 1, term: 1, kind: EntryKind.configuration }));
    log.append(createBatch({ firstIndex: 5, count: 2, term: 4, kind: EntryKind.noop }));
    log.append(createBatch({ firstIndex: 7, count: 1, term: 5, kind: EntryKind.configuration }));
    await syncLog(log);
    log = await world.restart(log);
    const { termRuns, lastTimestampMs, configurations, tornTailBytes } = log.recovery;
    assert.deepEqual(termRuns, [
      { term: 1, firstIndex: 1 },
      { term: 4, firstIndex: 5 },
      { term: 5, firstIndex: 7 },
    ]);
    assert.equal(lastTimestampMs, batchTimestampMs(7));
    assert.deepEqual(configurations.map(({ index }) => index), [4, 7]);
    for (const { index, payload } of configurations) {
      const [entry] = readBatch(await readRange(log, index, index));
      assert.deepEqual(payload, new Uint8Array(100).fill(entry!.byte));
    }
    assert.equal(tornTailBytes, 0);
    await log.close();
  }],
  ["a log that was restarted goes on where it was", async (world) => {
    let log = await world.open();
    for (let round = 1; round <= 5; round += 1) {
      const before = log.lastIndex;
      log.append(createBatch({ firstIndex: before + 1, count: 40, term: round }));
      await syncLog(log);
      log = await world.restart(log);
      assert.equal(log.lastIndex, before + 40);
    }
    const entries = readBatch(await readRange(log, 1, 200));
    assert.deepEqual(
      entries.map(({ term }) => term),
      entries.map((_, at) => 1 + Math.floor(at / 40)),
    );
    await log.close();
  }],
  ["trap 47: a failed sync is told to all who wait, and makes the log unusable", async (world) => {
    const log = await world.open();
    log.append(createBatch({ firstIndex: 1, count: 1, term: 1 }));
    world.failNextSync(log);
    const first = syncLog(log);
    log.append(createBatch({ firstIndex: 2, count: 1, term: 1 }));
    const second = syncLog(log);
    const cut = log.truncateSuffix(1);
    for (const result of await Promise.allSettled([first, second, cut])) {
      assert.ok(result.status === "rejected");
      assert.ok(result.reason instanceof StorageError);
    }
    assert.throws(
      () => log.append(createBatch({ firstIndex: 2, count: 1, term: 1 })),
      StorageError,
    );
    await assert.rejects(syncLog(log), StorageError);
    await assert.rejects(log.truncateSuffix(0), StorageError);
    await assert.rejects(log.truncatePrefix(1), StorageError);
    await assert.rejects(log.read({ firstIndex: 1, lastIndex: 1, bytesMax: 1 }), StorageError);
    await log.close();
  }],
  ["close() waits for the sync under way", async (world) => {
    let log = await world.open();
    log.append(createBatch({ firstIndex: 1, count: 30, term: 1 }));
    const events: string[] = [];
    const synced = syncLog(log).then(() => void events.push("synced"));
    await log.close();
    events.push("closed");
    await synced;
    assert.deepEqual(events, ["synced", "closed"]);
    log = await world.open();
    assert.equal(log.lastIndex, 30);
    await log.close();
  }],
];
