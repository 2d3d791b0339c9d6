/** The table of sessions against a naive model, its bounds, and its snapshots. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BadDataError } from "../../src/errors.ts";
import { ByteSource } from "../../src/state_machine/byte_source.ts";
import { encodeSessions, restoreSessions } from "../../src/state_machine/session_snapshot.ts";
import {
  SESSION_LIMITS,
  type SessionLimits,
  SessionTable,
} from "../../src/state_machine/session_table.ts";
import { NaiveSessionTable } from "./naive_session_table.ts";
import { propertyRuns } from "../sampling.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

const SMALL: SessionLimits = {
  sessionsMax: 3,
  answersMax: 4,
  answersTotalMax: 8,
  answerBytesMax: 50,
  answerBytesTotalMax: 100,
};

/** One entry: how log time moves before it, and what it says. */
interface Step {
  readonly passMs: number;
  readonly kind: "open" | "command" | "close" | "tick";
  /** Chooses a nonce, or one of the sessions that were ever opened. */
  readonly choice: number;
  readonly sequence: number;
  readonly distance: number;
  readonly resultBytes: number;
  readonly timeoutMs: number;
}

const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  passMs: fc.constantFrom(0, 0, 1, 1, 5, 20, 99, 100, DAY_MS),
  kind: fc.constantFrom("open", "command", "command", "command", "command", "close", "tick"),
  choice: fc.nat(5),
  sequence: fc.integer({ min: 1, max: 12 }),
  distance: fc.nat(6),
  resultBytes: fc.constantFrom(0, 1, 10, 49, 50, 51),
  timeoutMs: fc.constantFrom(10, 100, 1000),
});

async function* once(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  for (const chunk of chunks) yield chunk;
}

function snapshotOf(table: SessionTable): Uint8Array[] {
  return [...encodeSessions(table.view())];
}

function restore(chunks: readonly Uint8Array[], limits = SMALL): Promise<SessionTable> {
  return restoreSessions(new ByteSource(once(chunks)), limits);
}

/** A table and its model, fed with the same steps. */
class Pair {
  table = new SessionTable(SMALL);
  readonly naive = new NaiveSessionTable(SMALL);
  readonly opened: number[] = [];
  index = 0;
  nowMs = 0;

  step(step: Step): void {
    this.nowMs += step.passMs;
    this.index += 1;
    const { nowMs, index, naive, table } = this;
    if (step.kind === "tick") {
      table.expire(nowMs);
      naive.expire(nowMs);
    } else if (step.kind === "open") {
      const { timeoutMs } = step;
      const nonce = `nonce  ${step.choice}`;
      const session = table.open(nonce, { timeoutMs, index, term: 1, logTimeMs: nowMs });
      assert.equal(session?.number ?? null, naive.open(nonce, { timeoutMs, index, nowMs }));
      if (session?.number === index) this.opened.push(index);
    } else {
      const number = this.opened[step.choice % Math.max(1, this.opened.length)] ?? 77;
      if (step.kind === "close") {
        assert.equal(table.close(number, nowMs), naive.close(number, nowMs));
      } else this.#command(number, step);
    }
    assert.equal(table.count, naive.sessions.length);
    assert.equal(table.answerCount, naive.answers.length);
    assert.equal(table.answerBytes, naive.bytes);
    assert.equal(table.nextDeadlineMs, naive.nextDeadlineMs);
  }

  #command(number: number, step: Step): void {
    const { nowMs, index, naive, table } = this;
    const { sequence } = step;
    const lowest = Math.max(1, sequence - step.distance);
    const result = new Uint8Array(step.resultBytes).fill(index);
    const want = naive.apply({ number, sequence, lowest }, { index, nowMs, result: [...result] });
    const id = { session: number, sequence, lowestUnanswered: lowest };
    assert.equal(table.admit(id, nowMs), want.admission);
    if (want.admission === "new") table.remember({ index, term: 1, result });
    if (want.answer === null) return;
    const first = table.firstAnswer();
    assert.equal(first.index, want.answer.index);
    assert.deepEqual(first.result && [...first.result], want.answer.result);
  }
}

describe("session_table", () => {
  it("trap 52: decides like a naive model, restored from snapshots or not", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(stepArbitrary, { maxLength: 80, size: "max" }),
        fc.nat(),
        async (steps, cut) => {
          const pair = new Pair();
          const other = new Pair();
          for (const [number, step] of steps.entries()) {
            pair.step(step);
            other.step(step);
            if (number === cut % 80) other.table = await restore(snapshotOf(other.table));
          }
          assert.deepEqual(snapshotOf(other.table), snapshotOf(pair.table));
          assert.equal(other.table.hash, pair.table.hash);
          assert.equal((await restore(snapshotOf(pair.table))).hash, pair.table.hash);
        },
      ),
      propertyRuns(300),
    );
  });

  it("answers a retry with another lowest unanswered number with the first answer", () => {
    const table = new SessionTable();
    table.open("nonce001", { timeoutMs: 1000, index: 7, term: 2, logTimeMs: 0 });
    const id = { session: 7, sequence: 3, lowestUnanswered: 1 };
    assert.equal(table.admit(id, 1), "new");
    table.remember({ index: 8, term: 2, result: Uint8Array.of(5) });
    for (const lowestUnanswered of [1, 2, 3, 2, 1]) {
      assert.equal(table.admit({ ...id, lowestUnanswered }, 2), "duplicate");
      assert.deepEqual(table.firstAnswer(), { index: 8, term: 2, result: Uint8Array.of(5) });
    }
  });

  it("keeps no view of an answer", () => {
    const table = new SessionTable();
    table.open("nonce001", { timeoutMs: 1000, index: 7, term: 2, logTimeMs: 0 });
    const id = { session: 7, sequence: 1, lowestUnanswered: 1 };
    assert.equal(table.admit(id, 1), "new");
    const result = Uint8Array.of(5);
    table.remember({ index: 8, term: 2, result });
    result[0] = 6;
    assert.equal(table.admit(id, 1), "duplicate");
    assert.deepEqual(table.firstAnswer().result, Uint8Array.of(5));
  });

  it("trap 52: expires by log time that jumps by a day in one entry, and renews by use", () => {
    const table = new SessionTable();
    const open = { timeoutMs: 2 * DAY_MS, term: 1, logTimeMs: 0 };
    table.open("nonce001", { ...open, index: 1 });
    table.open("nonce002", { ...open, index: 2, timeoutMs: DAY_MS });
    assert.equal(table.nextDeadlineMs, DAY_MS);
    const command = (session: number, logTimeMs: number): string =>
      table.admit({ session, sequence: 1, lowestUnanswered: 1 }, logTimeMs);
    assert.equal(command(2, DAY_MS), "expired");
    assert.equal(command(1, DAY_MS), "new");
    assert.equal(table.nextDeadlineMs, 3 * DAY_MS);
    assert.equal(command(1, 3 * DAY_MS - 1), "new");
    assert.equal(command(1, 5 * DAY_MS - 1), "expired");
    assert.equal(table.count, 0);
  });

  it("stays within its bounds under a flood", () => {
    const table = new SessionTable({ ...SESSION_LIMITS, sessionsMax: 50, answersTotalMax: 500 });
    let refused = 0;
    for (let i = 1; i <= 20_000; i += 1) {
      const open = { timeoutMs: 60_000, index: i, term: 1, logTimeMs: i };
      if (i <= 100) {
        refused += table.open(`${i}`.padStart(8), open) === null ? 1 : 0;
        continue;
      }
      const id = { session: 1 + (i % 50), sequence: Math.ceil(i / 50), lowestUnanswered: 1 };
      const admission = table.admit(id, i);
      assert.ok(admission === "new" || admission === "full" || admission === "tooMany", admission);
      if (admission !== "new") continue;
      table.remember({ index: i, term: 1, result: new Uint8Array(100) });
    }
    assert.equal(refused, 50);
    assert.equal(table.count, 50);
    assert.equal(table.answerCount, 500);
    assert.equal(table.answerBytes, 50_000);
  });

  it("view does not show what comes later", async () => {
    const table = new SessionTable(SMALL);
    table.open("nonce001", { timeoutMs: 100, index: 1, term: 1, logTimeMs: 0 });
    table.admit({ session: 1, sequence: 1, lowestUnanswered: 1 }, 1);
    table.remember({ index: 2, term: 1, result: Uint8Array.of(1, 2) });
    const want = snapshotOf(table);
    const view = table.view();
    table.admit({ session: 1, sequence: 2, lowestUnanswered: 2 }, 5);
    table.remember({ index: 3, term: 1, result: Uint8Array.of(3) });
    table.expire(DAY_MS);
    assert.deepEqual([...encodeSessions(view)], want);
    const restored = await restore(want);
    assert.equal(restored.nextDeadlineMs, 101);
    assert.equal(restored.admit({ session: 1, sequence: 1, lowestUnanswered: 1 }, 9), "duplicate");
  });

  it("restoreSessions rejects what is cut off or beyond the limits", async () => {
    const table = new SessionTable(SMALL);
    for (let i = 1; i <= 3; i += 1) {
      table.open(`nonce00${i}`, { timeoutMs: 100, index: i, term: 1, logTimeMs: 0 });
    }
    const [bytes] = snapshotOf(table);
    assert.ok(bytes !== undefined);
    await assert.rejects(restore([bytes.subarray(0, bytes.length - 1)]), BadDataError);
    await assert.rejects(restore([bytes], { ...SMALL, sessionsMax: 2 }), BadDataError);
    assert.equal((await restore([bytes])).count, 3);
  });
});
