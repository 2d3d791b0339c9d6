/** The table of answers against a naive model, its bounds, and its snapshots. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteSource } from "../../src/state_machine/byte_source.ts";
import {
  type Admission,
  Deduplication,
  DEDUPLICATION_LIMITS,
  type DeduplicationLimits,
  type FirstAnswer,
} from "../../src/state_machine/deduplication.ts";
import {
  encodeDeduplication,
  restoreDeduplication,
} from "../../src/state_machine/deduplication_snapshot.ts";
import { makeRequestId, requestIssueTimeMs } from "../../src/state_machine/request_id.ts";
import { BadDataError } from "../../src/errors.ts";
import { NaiveDeduplication } from "./naive_deduplication.ts";
import { propertyRuns } from "../sampling.ts";

const SMALL: DeduplicationLimits = {
  idsMax: 24,
  answerBytesMax: 400,
  answerKeptBytesMax: 60,
  windowMs: 100,
};

/** Bounds that are met all the time, ones that only bytes meet, and ones that only time meets. */
const limitsArbitrary: fc.Arbitrary<DeduplicationLimits> = fc.constantFrom(
  { ...SMALL, idsMax: 8 },
  { ...SMALL, idsMax: 8 },
  SMALL,
  { ...SMALL, idsMax: 100, answerBytesMax: 10_000 },
);

/** One command: which id, how log time moves before it, and how long its answer is. */
interface Step {
  readonly id: Uint8Array;
  readonly logTimeMs: number;
  readonly answerBytes: number;
}

function idOf(timeMs: number, number: number): Uint8Array {
  const random = new Uint8Array(10);
  new DataView(random.buffer).setUint32(0, number);
  return makeRequestId(Math.max(1, timeMs), random);
}

function chosenId(number: number): Uint8Array {
  return idOf(1, number).fill(0, 0, 6);
}

/** Commands with new ids, with ids that were used before, and with chosen ids. */
const stepsArbitrary: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("new", "new", "new", "again", "again", "chosen"),
    passMs: fc.constantFrom(0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 9, 30, 99, 100, 101, 250),
    aheadMs: fc.constantFrom(0, 0, -1, 1, -3, 5, 20, -20, 99, 100, 101, -99, -100, -101),
    choice: fc.nat(1000),
    answerBytes: fc.constantFrom(0, 1, 10, 59, 60, 61, 300),
  }),
  { minLength: 40, maxLength: 250, size: "max" },
).map((drafts) => {
  const steps: Step[] = [];
  let logTimeMs = 1000;
  for (const [number, draft] of drafts.entries()) {
    logTimeMs += draft.passMs;
    let id = idOf(logTimeMs + draft.aheadMs, number);
    if (draft.kind === "chosen") id = chosenId(draft.choice % 7);
    if (draft.kind === "again" && number > 0) id = steps[draft.choice % number]!.id;
    steps.push({ id, logTimeMs, answerBytes: draft.answerBytes });
  }
  return steps;
});

function answerFor(index: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(index);
}

type Decision = Admission | FirstAnswer;

/** Feeds one command to a table, the way the gate does. */
function feed(
  table: Deduplication | NaiveDeduplication,
  index: number,
  { id, logTimeMs, answerBytes }: Step,
): Decision {
  const decision: Decision = table.admit(id, logTimeMs);
  if (decision === "new") {
    const term = 1 + Math.floor(index / 10);
    table.remember(id, { index, term, result: answerFor(index, answerBytes) });
  }
  if (decision === "duplicate" && table instanceof Deduplication) return table.firstAnswer();
  if (typeof decision === "string") return decision;
  return { index: decision.index, term: decision.term, result: decision.result };
}

function snapshotOf(table: Deduplication): Uint8Array[] {
  return [...encodeDeduplication(table.view())];
}

async function* asyncChunks(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  for (const chunk of chunks) yield chunk;
}

function restore(chunks: readonly Uint8Array[], limits = SMALL): Promise<Deduplication> {
  return restoreDeduplication(new ByteSource(asyncChunks(chunks)), limits);
}

/** Feeds `count` new ids, one a millisecond from `startMs` on, and returns the next log time. */
function feedNew(table: Deduplication, count: number, startMs: number): number {
  for (let i = 0; i < count; i += 1) {
    const logTimeMs = startMs + i;
    const decision = feed(table, logTimeMs, {
      id: idOf(logTimeMs, logTimeMs),
      logTimeMs,
      answerBytes: 8,
    });
    assert.equal(decision, "new");
  }
  return startMs + count;
}

describe("deduplication", () => {
  it("decides like the naive model", () => {
    fc.assert(
      fc.property(stepsArbitrary, limitsArbitrary, (steps, limits) => {
        const table = new Deduplication(limits);
        const naive = new NaiveDeduplication(limits);
        for (const [number, step] of steps.entries()) {
          assert.deepEqual(feed(table, number + 1, step), feed(naive, number + 1, step));
          assert.equal(table.count, naive.count);
        }
      }),
      propertyRuns(300),
    );
  });

  it("never applies an id that carries its time twice", () => {
    fc.assert(
      fc.property(stepsArbitrary, limitsArbitrary, (steps, limits) => {
        const table = new Deduplication(limits);
        const applied = new Set<string>();
        for (const [number, step] of steps.entries()) {
          if (feed(table, number + 1, step) !== "new" || requestIssueTimeMs(step.id) === 0) {
            continue;
          }
          assert.ok(!applied.has(step.id.join()), `Applied twice: step ${number}`);
          applied.add(step.id.join());
        }
      }),
      propertyRuns(300),
    );
  });

  it("trap 52: gives equal snapshots and decisions however often it was restored", async () => {
    await fc.assert(
      fc.asyncProperty(stepsArbitrary, limitsArbitrary, async (steps, limits) => {
        const straight = new Deduplication(limits);
        let restored = new Deduplication(limits);
        for (const [number, step] of steps.entries()) {
          const wanted = feed(straight, number + 1, step);
          assert.deepEqual(feed(restored, number + 1, step), wanted);
          if (number % 23 === 0) restored = await restore(snapshotOf(restored), limits);
        }
        assert.deepEqual(snapshotOf(restored), snapshotOf(straight));
        assert.equal(restored.hash, straight.hash);
        assert.equal((await restore(snapshotOf(straight), limits)).hash, straight.hash);
      }),
      propertyRuns(100),
    );
  });

  it("keeps its rules over many pages", async () => {
    const limits = { ...DEDUPLICATION_LIMITS, idsMax: 10_000 };
    const table = new Deduplication(limits);
    feedNew(table, 35_000, 1000);
    assert.equal(table.count, 10_000);
    const restored = await restore(snapshotOf(table), limits);
    for (const each of [table, restored]) {
      for (let timeMs = 1000; timeMs < 36_000; timeMs += 1) {
        const decision = each.admit(idOf(timeMs, timeMs), 36_000);
        assert.equal(decision, timeMs < 26_000 ? "expired" : "duplicate");
        if (decision === "duplicate") assert.equal(each.firstAnswer().index, timeMs);
      }
    }
    assert.deepEqual(snapshotOf(restored), snapshotOf(table));
  });

  it("trap 52: expires by log time, not before the window is over", () => {
    const table = new Deduplication(SMALL);
    const id = idOf(1000, 1);
    assert.equal(table.admit(id, 1000), "new");
    table.remember(id, { index: 1, term: 1, result: answerFor(1, 3) });
    assert.equal(table.admit(id, 1100), "duplicate");
    // Other ids go on for a while and log time passes the window.
    assert.equal(table.admit(id, 1101), "expired");
    assert.equal(table.admit(idOf(1000, 2), 1101), "expired");
    assert.equal(table.admit(idOf(1001, 2), 1101), "new");
  });

  it("applies a chosen id again only after the window", () => {
    const table = new Deduplication(SMALL);
    const id = chosenId(1);
    const remember = (index: number): void =>
      table.remember(id, { index, term: 1, result: answerFor(index, 3) });
    assert.equal(table.admit(id, 1000), "new");
    remember(1);
    assert.equal(table.admit(id, 1100), "duplicate");
    assert.equal(table.admit(id, 1101), "new");
    remember(2);
    assert.equal(table.admit(id, 1201), "duplicate");
    assert.equal(table.firstAnswer().index, 2);
  });

  it("applies a chosen id again after the window although much waits in front of it", () => {
    const table = new Deduplication({ ...SMALL, idsMax: 100 });
    feedNew(table, 60, 1000);
    const id = chosenId(1);
    for (const [number, logTimeMs] of [1060, 5000].entries()) {
      assert.equal(table.admit(id, logTimeMs), "new");
      table.remember(id, { index: number + 1, term: 1, result: answerFor(1, 3) });
    }
    assert.equal(table.admit(id, 5000), "duplicate");
    assert.equal(table.firstAnswer().index, 2);
  });

  it("refuses an id from too far in the future", () => {
    const table = new Deduplication(SMALL);
    assert.equal(table.admit(idOf(1101, 1), 1000), "invalid");
    assert.equal(table.admit(idOf(1100, 1), 1000), "new");
    assert.equal(table.admit(new Uint8Array(16).fill(0xff), 1000), "invalid");
  });

  it("keeps the bounds on ids and bytes", () => {
    const table = new Deduplication(SMALL);
    feedNew(table, 500, 1000);
    assert.equal(table.count, 24);
    for (let i = 0; i < 20; i += 1) {
      feed(table, 2000 + i, { id: idOf(1500 + i, i), logTimeMs: 1500 + i, answerBytes: 50 });
    }
    assert.equal(table.answerBytes, 400);
    assert.equal(table.count, 8);
  });

  it("remembers that a large answer was given without its bytes", async () => {
    const table = new Deduplication(SMALL);
    const step = { id: idOf(1000, 1), logTimeMs: 1000, answerBytes: 61 };
    assert.equal(feed(table, 5, step), "new");
    const wanted = { index: 5, term: 1, result: null };
    assert.deepEqual(feed(table, 6, step), wanted);
    assert.deepEqual(feed(await restore(snapshotOf(table)), 7, step), wanted);
    assert.equal(table.answerBytes, 0);
  });

  it("does not let an id from the future lock out the others", () => {
    const table = new Deduplication(SMALL);
    const ahead = idOf(1090, 999);
    const step = { id: ahead, logTimeMs: 1000, answerBytes: 8 };
    assert.equal(feed(table, 1, step), "new");
    // More than the table holds, all of them issued before the time of the first.
    const logTimeMs = feedNew(table, 80, 1000);
    assert.deepEqual(feed(table, 2, { ...step, logTimeMs }), {
      index: 1,
      term: 1,
      result: answerFor(1, 8),
    });
  });

  it("does not forget a chosen id for the bounds while its window lasts", () => {
    const table = new Deduplication(SMALL);
    const step = { id: chosenId(1), logTimeMs: 1000, answerBytes: 8 };
    assert.equal(feed(table, 1, step), "new");
    const logTimeMs = feedNew(table, 99, 1000);
    assert.equal(typeof feed(table, 2, { ...step, logTimeMs }), "object");
  });

  it("drops answers that are carried when there are too many of them", () => {
    const table = new Deduplication(SMALL);
    for (let i = 0; i < 20_000; i += 1) {
      feed(table, i + 1, { id: chosenId(i), logTimeMs: 1000, answerBytes: 1 });
      assert.ok(table.count <= 24);
    }
  });

  it("hides later answers from a view", () => {
    const table = new Deduplication({ ...SMALL, idsMax: 9000, answerBytesMax: 2 ** 20 });
    let logTimeMs = 1000;
    for (let i = 0; i < 4; i += 1) {
      const wanted = snapshotOf(table);
      const view = encodeDeduplication(table.view());
      // Enough to release every page of the view and to fill new ones.
      for (let k = 0; k < 25_000; k += 1) {
        feed(table, logTimeMs, { id: idOf(logTimeMs, k), logTimeMs, answerBytes: k % 60 });
        if (k % 100 === 0) logTimeMs += 1;
      }
      assert.deepEqual([...view], wanted);
    }
  });

  it("restore rejects a flipped bit anywhere", async () => {
    const table = new Deduplication(SMALL);
    feedNew(table, 20, 1000);
    const [bytes] = snapshotOf(table);
    for (let at = 0; at < bytes!.length; at += 1) {
      const wrong = bytes!.slice();
      wrong[at]! ^= 1 << (at % 8);
      await assert.rejects(restore([wrong]), BadDataError, `Byte ${at}`);
    }
  });

  it("restore rejects frames that are missing, doubled or out of order", async () => {
    const limits = { ...DEDUPLICATION_LIMITS, idsMax: 10_000 };
    const table = new Deduplication(limits);
    feedNew(table, 9000, 1000);
    const frames = snapshotOf(table);
    assert.ok(frames.length >= 4, `There are ${frames.length} frames`);
    const [first, second, ...rest] = frames as [Uint8Array, Uint8Array];
    const wrong = [[first, ...rest], [first, first, second, ...rest], [second, first, ...rest]];
    for (const chunks of wrong) {
      await assert.rejects(restore(chunks, limits), /where frame . belongs/);
    }
    assert.equal((await restore(frames, limits)).count, 9000);
  });
});
