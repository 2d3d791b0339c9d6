/**
 * The part of the log's contract that is about reading.
 *
 * @module
 */
import assert from "node:assert/strict";
import { recordBytes } from "../log/record.ts";
import { type LogTest, readRange, syncLog } from "./_log_world.ts";
import { createBatch, readBatch } from "./log_batches.ts";

const RECORD_BYTES = recordBytes(100);

/** The tests. */
export const readTests: readonly LogTest[] = [
  ["read() gives at least one record and then what fits", async (world) => {
    const log = await world.open();
    log.append(createBatch({ firstIndex: 1, count: 10, term: 1 }));
    await syncLog(log);
    log.append(createBatch({ firstIndex: 11, count: 10, term: 1 }));
    for (const [bytesMax, count] of [[0, 1], [1, 1], [RECORD_BYTES, 1], [2 * RECORD_BYTES, 2]]) {
      for (const firstIndex of [1, 5, 10, 11, 15]) {
        const batch = await log.read({ firstIndex, lastIndex: 20, bytesMax: bytesMax! });
        assert.equal(batch.firstIndex, firstIndex);
        assert.equal(batch.lastIndex, firstIndex + count! - 1);
        assert.equal(batch.bytes.length, count! * RECORD_BYTES);
      }
    }
    const exact = { firstIndex: 3, lastIndex: 20, bytesMax: 15 * RECORD_BYTES };
    assert.equal((await log.read(exact)).lastIndex, 17);
    const short = { ...exact, bytesMax: 15 * RECORD_BYTES - 1 };
    assert.equal((await log.read(short)).lastIndex, 16);
    await log.close();
  }],
  ["read() gives none after lastIndex", async (world) => {
    const log = await world.open();
    log.append(createBatch({ firstIndex: 1, count: 10, term: 1 }));
    await syncLog(log);
    log.append(createBatch({ firstIndex: 11, count: 10, term: 1 }));
    for (const [firstIndex, lastIndex] of [[1, 1], [1, 9], [2, 10], [9, 12], [12, 12], [12, 20]]) {
      assert.equal(
        readBatch(await readRange(log, firstIndex!, lastIndex!)).length,
        lastIndex! - firstIndex! + 1,
      );
    }
    await log.close();
  }],
  ["read() finds every index of a log of many syncs and sizes", async (world) => {
    let log = await world.open();
    for (let round = 0; round < 60; round += 1) {
      const payloadBytes = [0, 1, 7, 100, 3000, 20_000][round % 6]!;
      const count = 1 + (round % 4);
      log.append(createBatch({ firstIndex: log.lastIndex + 1, count, term: 1, payloadBytes }));
      if (round % 5 !== 0) await syncLog(log);
    }
    await syncLog(log);
    const { lastIndex } = log;
    const all = await readRange(log, 1, lastIndex);
    const entries = readBatch(all);
    for (let pass = 0; pass < 2; pass += 1) {
      for (let index = 1; index <= lastIndex; index += 1) {
        assert.deepEqual(readBatch(await readRange(log, index, index)), [entries[index - 1]]);
      }
      log = await world.restart(log);
      assert.deepEqual((await readRange(log, 1, lastIndex)).bytes, all.bytes);
    }
    await log.close();
  }],
  ["read() gives bytes that belong to the caller", async (world) => {
    const log = await world.open();
    log.append(createBatch({ firstIndex: 1, count: 2, term: 1 }));
    await syncLog(log);
    log.append(createBatch({ firstIndex: 3, count: 2, term: 1 }));
    for (const [firstIndex, lastIndex] of [[1, 2], [3, 4], [1, 4]]) {
      const first = await readRange(log, firstIndex!, lastIndex!);
      const copy = first.bytes.slice();
      first.bytes.fill(0);
      assert.deepEqual((await readRange(log, firstIndex!, lastIndex!)).bytes, copy);
    }
    await log.close();
  }],
  ["read() refuses an index that is not held", async (world) => {
    const log = await world.open();
    log.append(createBatch({ firstIndex: 1, count: 2, term: 1 }));
    for (const [firstIndex, lastIndex] of [[0, 1], [1, 3], [3, 3], [2, 1]]) {
      const range = { firstIndex: firstIndex!, lastIndex: lastIndex!, bytesMax: 1000 };
      await assert.rejects(() => log.read(range));
    }
    await log.close();
  }],
  ["read() sees the log as it was when it was called", async (world) => {
    const log = await world.open();
    log.append(createBatch({ firstIndex: 1, count: 200, term: 1, payloadBytes: 1000 }));
    await syncLog(log);
    log.append(createBatch({ firstIndex: 201, count: 20, term: 1, payloadBytes: 1000 }));
    const before = (await readRange(log, 1, 220)).bytes;
    const reads = [readRange(log, 1, 220), readRange(log, 150, 220), readRange(log, 1, 90)];
    const synced = syncLog(log);
    reads.push(readRange(log, 100, 220));
    const cut = log.truncateSuffix(90);
    log.append(createBatch({ firstIndex: 91, count: 10, term: 2 }));
    const [all, tail, head, late] = await Promise.all(reads);
    assert.deepEqual(all!.bytes, before);
    assert.deepEqual(tail!.bytes, before.subarray(before.length - tail!.bytes.length));
    assert.deepEqual(late!.bytes, before.subarray(before.length - late!.bytes.length));
    assert.deepEqual(head!.bytes, before.subarray(0, head!.bytes.length));
    await synced;
    await cut;
    assert.equal(readBatch(await readRange(log, 91, 100))[0]!.term, 2);
    await log.close();
  }],
];
