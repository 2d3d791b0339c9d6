/**
 * The part of the log's contract that is about removing entries.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Log } from "../log/log.ts";
import type { Index, Term } from "../types.ts";
import { type LogTest, type LogWorld, readRange, syncLog } from "./_log_world.ts";
import { type BatchEntry, createBatch, readBatch } from "./log_batches.ts";
import { Prng } from "./prng.ts";

/** Opens a log with entries of 1,000 bytes, synced ten at a time. */
async function openFilled(world: LogWorld, lastIndex: Index): Promise<Log> {
  const log = await world.open();
  while (log.lastIndex < lastIndex) {
    const firstIndex = log.lastIndex + 1;
    const count = Math.min(10, lastIndex - log.lastIndex);
    log.append(createBatch({ firstIndex, count, term: 1, payloadBytes: 1000 }));
    await syncLog(log);
  }
  return log;
}

/** The terms of all entries. */
async function readTerms(log: Log): Promise<Term[]> {
  if (log.lastIndex < log.firstIndex) return [];
  return readBatch(await readRange(log, log.firstIndex, log.lastIndex)).map(({ term }) => term);
}

/** Cuts anywhere, and what comes after it. */
const suffixTests: readonly LogTest[] = [
  ["truncateSuffix() removes what is behind, for good", async (world) => {
    for (const kept of [199, 191, 190, 189, 100, 66, 65, 64, 1, 0]) {
      let log = await openFilled(world, 200);
      const before = (await readRange(log, 1, 200)).bytes;
      const cut = log.truncateSuffix(kept);
      assert.equal(log.lastIndex, kept);
      assert.equal(log.firstIndex, 1);
      await cut;
      log = await world.restart(log);
      assert.equal(log.lastIndex, kept);
      if (kept > 0) {
        const { bytes } = await readRange(log, 1, kept);
        assert.deepEqual(bytes, before.subarray(0, bytes.length));
      }
      await log.truncateSuffix(0);
      await log.close();
    }
  }],
  ["truncateSuffix() past the end changes nothing", async (world) => {
    const log = await openFilled(world, 20);
    for (const kept of [20, 21, 1000]) {
      await log.truncateSuffix(kept);
      assert.equal(log.lastIndex, 20);
    }
    assert.equal((await readTerms(log)).length, 20);
    await log.close();
  }],
  ["truncateSuffix() of what waits to be written spares what takes its place", async (world) => {
    let log = await openFilled(world, 5);
    const append = (firstIndex: Index, count: number, term: Term) => {
      log.append(createBatch({ firstIndex, count, term }));
      return syncLog(log);
    };
    // The first sync is under way, so the second one's entries wait: some stay, others go.
    const steps = [append(6, 3, 1), append(9, 4, 1), log.truncateSuffix(10), append(11, 3, 2)];
    await Promise.all(steps);
    assert.equal(log.lastIndex, 13);
    log = await world.restart(log);
    assert.equal(log.lastIndex, 13, "what was synced is there after a restart");
    assert.deepEqual(await readTerms(log), [...Array(10).fill(1), 2, 2, 2]);
    await append(14, 1, 2);
    await log.close();
  }],
  ["truncateSuffix() lets others take the place of what it removed", async (world) => {
    let log = await openFilled(world, 150);
    await log.truncateSuffix(75);
    log.append(createBatch({ firstIndex: 76, count: 10, term: 2 }));
    await syncLog(log);
    log = await world.restart(log);
    assert.equal(log.lastIndex, 85);
    assert.deepEqual(await readTerms(log), [...Array(75).fill(1), ...Array(10).fill(2)]);
    const runs = [{ term: 1, firstIndex: 1 }, { term: 2, firstIndex: 76 }];
    assert.deepEqual(log.recovery.termRuns, runs);
    await log.close();
  }],
  ["truncateSuffix() lets entries be appended before it resolves", async (world) => {
    let log = await openFilled(world, 150);
    const cut = log.truncateSuffix(75);
    log.append(createBatch({ firstIndex: 76, count: 10, term: 2 }));
    assert.deepEqual(
      readBatch(await readRange(log, 76, 85)).map(({ term }) => term),
      Array(10).fill(2),
    );
    const synced = syncLog(log);
    await cut;
    await synced;
    log = await world.restart(log);
    assert.deepEqual(await readTerms(log), [...Array(75).fill(1), ...Array(10).fill(2)]);
    await log.close();
  }],
  ["truncateSuffix() resolves after the syncs that were asked for before", async (world) => {
    for (const keptAfter of [60, 25]) {
      let log = await openFilled(world, 30);
      const events: string[] = [];
      const note = (event: string) => () => void events.push(event);
      log.append(createBatch({ firstIndex: 31, count: 20, term: 2 }));
      const first = syncLog(log).then(note("first"));
      log.append(createBatch({ firstIndex: 51, count: 20, term: 2 }));
      const second = syncLog(log).then(note("second"));
      const pending = log.truncateSuffix(60).then(note("cut"));
      const third = syncLog(log).then(note("third"));
      const written = log.truncateSuffix(keptAfter).then(note("cut again"));
      const fourth = syncLog(log).then(note("fourth"));
      await Promise.all([first, second, pending, third, written, fourth]);
      // A cut that changes nothing need not wait for anything.
      const expected = ["first", "second", "cut", "third", "cut again", "fourth"];
      const isNothing = keptAfter === 60;
      const isRelevant = (event: string) => !isNothing || event !== "cut again";
      assert.deepEqual(events.filter(isRelevant), expected.filter(isRelevant));
      log = await world.restart(log);
      assert.equal(log.lastIndex, keptAfter);
      await log.truncateSuffix(0);
      await log.close();
    }
  }],
  ["truncateSuffix() may follow another at once", async (world) => {
    let log = await openFilled(world, 150);
    const cuts: Promise<void>[] = [];
    for (const [at, kept] of [140, 100, 101, 60, 20, 20].entries()) {
      cuts.push(log.truncateSuffix(Math.min(kept, log.lastIndex)));
      log.append(createBatch({ firstIndex: log.lastIndex + 1, count: 3, term: 2 + at }));
    }
    const synced = syncLog(log);
    await Promise.all([...cuts, synced]);
    const expected = [...Array(20).fill(1), 7, 7, 7];
    assert.deepEqual(await readTerms(log), expected);
    log = await world.restart(log);
    assert.deepEqual(await readTerms(log), expected);
    await log.close();
  }],
];

/** Cuts that a snapshot allows. */
const prefixTests: readonly LogTest[] = [
  ["truncatePrefix() keeps what it was told to keep", async (world) => {
    let log = await openFilled(world, 200);
    const { bytes } = await readRange(log, 1, 200);
    let firstIndex = 1;
    for (const kept of [1, 50, 120, 119, 199, 200, 201]) {
      await log.truncatePrefix(kept);
      assert.ok(log.firstIndex <= Math.max(kept, firstIndex), `${log.firstIndex} of ${kept}`);
      assert.ok(log.firstIndex >= firstIndex, `${log.firstIndex} after ${firstIndex}`);
      firstIndex = log.firstIndex;
      assert.equal(log.lastIndex, 200);
      log = await world.restart(log);
      assert.equal(log.firstIndex, firstIndex);
      assert.equal(log.lastIndex, 200);
      if (firstIndex > 200) continue;
      const rest = await readRange(log, firstIndex, 200);
      assert.deepEqual(rest.bytes, bytes.subarray(bytes.length - rest.bytes.length));
    }
    log.append(createBatch({ firstIndex: 201, count: 1, term: 3 }));
    await syncLog(log);
    assert.equal((await readTerms(log)).at(-1), 3);
    await log.close();
  }],
  ["truncatePrefix() past the end leaves an empty log that starts there", async (world) => {
    let log = await openFilled(world, 100);
    const synced = syncLog(log);
    const cut = log.truncatePrefix(5000);
    await Promise.all([synced, cut]);
    for (let pass = 0; pass < 2; pass += 1) {
      assert.equal(log.firstIndex, 5000);
      assert.equal(log.lastIndex, 4999);
      log = await world.restart(log);
    }
    assert.deepEqual(log.recovery.termRuns, []);
    log.append(createBatch({ firstIndex: 5000, count: 3, term: 8 }));
    await syncLog(log);
    log = await world.restart(log);
    assert.equal(log.firstIndex, 5000);
    assert.deepEqual(await readTerms(log), [8, 8, 8]);
    await log.truncateSuffix(4999);
    assert.equal(log.lastIndex, 4999);
    log = await world.restart(log);
    assert.equal(log.firstIndex, 5000);
    assert.equal(log.lastIndex, 4999);
    await log.close();
  }],
  ["a start behind the end may be asked for while cuts wait for their turn", async (world) => {
    let log = await world.open();
    log.append(createBatch({ firstIndex: 1, count: 5, term: 7 }));
    await syncLog(log);
    await Promise.all([log.truncateSuffix(4), log.truncateSuffix(0), log.truncatePrefix(100)]);
    log.append(createBatch({ firstIndex: 100, count: 2, term: 8 }));
    await syncLog(log);
    log = await world.restart(log);
    assert.equal(log.firstIndex, 100);
    assert.deepEqual(await readTerms(log), [8, 8]);
    await log.close();
  }],
];

/** A sequence of operations, compared with an array. */
async function runRandomOperations(world: LogWorld, prng: Prng): Promise<void> {
  let log = await world.open();
  let entries: BatchEntry[] = [];
  let firstIndex = 1;
  let term = 1;
  for (let step = 0; step < 60; step += 1) {
    const choice = prng.range(0, 9);
    const lastIndex = firstIndex + entries.length - 1;
    if (choice <= 4) {
      term += prng.range(0, 1);
      const payloadBytes = prng.pick([0, 10, 500, 9000, 100_000]);
      const count = prng.range(1, 8);
      const batch = createBatch({ firstIndex: lastIndex + 1, count, term, payloadBytes });
      log.append(batch);
      entries.push(...readBatch(batch));
      if (choice <= 3) await syncLog(log);
    } else if (choice <= 6) {
      const kept = prng.range(firstIndex - 1, lastIndex);
      const cut = log.truncateSuffix(kept);
      if (choice === 5) await cut;
      entries = entries.slice(0, kept - firstIndex + 1);
    } else if (choice === 7) {
      await log.truncatePrefix(prng.range(firstIndex, lastIndex + 1 + prng.pick([0, 0, 0, 50])));
      const removed = log.firstIndex - firstIndex;
      assert.ok(removed >= 0, `firstIndex is ${log.firstIndex} after ${firstIndex}`);
      firstIndex = log.firstIndex;
      entries = entries.slice(removed);
    } else {
      await syncLog(log);
      log = await world.restart(log);
      assert.equal(log.firstIndex, firstIndex);
    }
    assert.equal(log.lastIndex, firstIndex + entries.length - 1);
    if (entries.length === 0) continue;
    assert.deepEqual(readBatch(await readRange(log, firstIndex, log.lastIndex)), entries);
  }
  await log.close();
}

/** The tests. */
export const truncationTests: readonly LogTest[] = [
  ...suffixTests,
  ...prefixTests,
  ...[1, 2, 3, 4, 5, 6].map((seed): LogTest => [
    `random operations leave what an array would hold: seed ${seed}`,
    (world) => runRandomOperations(world, new Prng(seed)),
  ]),
];
