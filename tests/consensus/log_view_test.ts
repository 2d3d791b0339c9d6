import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LogView } from "../../src/consensus/log_view.ts";
import { entriesOfTerms, termRunsOf } from "../../src/testing/core_log.ts";
import type { Index, Term } from "../../src/types.ts";

/** A view of entries with these terms, behind a base. */
function viewOf(
  terms: readonly Term[],
  base: { index: Index; term: Term } = { index: 0, term: 0 },
) {
  return new LogView({
    baseIndex: base.index,
    baseTerm: base.term,
    lastIndex: base.index + terms.length,
    termRuns: termRunsOf(entriesOfTerms(terms), base.index + 1),
  });
}

/** The same log as a plain list: the term of `index` is at that position, undefined if not held. */
class NaiveLog {
  readonly terms: (Term | undefined)[] = [];

  constructor(terms: readonly Term[], base: { index: Index; term: Term }) {
    this.terms[base.index] = base.term;
    this.terms.push(...terms);
  }

  get lastIndex(): Index {
    return this.terms.length - 1;
  }

  lastIndexOfTermAtMost(index: Index, term: Term, baseIndex: Index): Index {
    for (let at = Math.min(index, this.lastIndex); at > baseIndex; at -= 1) {
      if (this.terms[at]! <= term) return at;
    }
    return Math.min(index, baseIndex);
  }
}

interface Model {
  naive: NaiveLog;
  baseIndex: Index;
}

/** Steps by which a log grows and shrinks. */
const changes = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant("append" as const), termStep: fc.nat(2), count: fc.nat(4) }),
    fc.record({ type: fc.constant("truncate" as const), part: fc.nat(100) }),
  ),
  { maxLength: 30 },
);
const bases = fc.record({ index: fc.nat(5), term: fc.integer({ min: 0, max: 3 }) });

function check(view: LogView, { naive, baseIndex }: Model): void {
  assert.equal(view.lastIndex, naive.lastIndex);
  assert.equal(view.lastTerm, naive.terms[naive.lastIndex]);
  for (let index = baseIndex; index <= naive.lastIndex; index += 1) {
    assert.equal(view.term(index), naive.terms[index]);
    for (let term = 0; term <= view.lastTerm + 1; term += 1) {
      assert.equal(view.matches(index, term), naive.terms[index] === term);
    }
  }
  for (let index = baseIndex; index <= naive.lastIndex + 2; index += 1) {
    for (let term = 0; term <= view.lastTerm + 1; term += 1) {
      const expected = naive.lastIndexOfTermAtMost(index, term, baseIndex);
      assert.equal(view.lastIndexOfTermAtMost(index, term), expected, `${index}, ${term}`);
    }
  }
}

describe("log_view", () => {
  it("answers like a list of terms, whatever is appended and truncated", () => {
    fc.assert(
      fc.property(bases, changes, (base, steps) => {
        const view = viewOf([], base);
        const model: Model = { naive: new NaiveLog([], base), baseIndex: base.index };
        for (const step of steps) {
          if (step.type === "append") {
            if (step.count === 0) continue;
            const term = Math.max(1, view.lastTerm + step.termStep);
            view.append(term, step.count);
            for (let one = 0; one < step.count; one += 1) model.naive.terms.push(term);
          } else {
            const held = view.lastIndex - base.index;
            if (held === 0) continue;
            const kept = base.index + Math.floor(step.part * held / 101);
            view.truncateSuffix(kept);
            model.naive.terms.length = kept + 1;
          }
        }
        check(view, model);
        for (let from = base.index + 1; from <= view.lastIndex + 1; from += 1) {
          const entries = entriesOfTerms(model.naive.terms.slice(from) as Term[]);
          assert.deepEqual(view.runsFrom(from), termRunsOf(entries, from));
        }
      }),
      { numRuns: 200 },
    );
  });

  it("starts like it grew", () => {
    const terms = fc.array(fc.integer({ min: 1, max: 4 })).map((drawn) =>
      [...drawn].sort((a, b) => a - b)
    );
    fc.assert(fc.property(terms, (drawn) => {
      const base = { index: 0, term: 0 };
      check(viewOf(drawn), { naive: new NaiveLog(drawn, base), baseIndex: 0 });
    }));
  });

  it("matches index 0 with term 0, in any log", () => {
    assert.ok(viewOf([]).matches(0, 0));
    assert.ok(viewOf([1, 2]).matches(0, 0));
    assert.ok(!viewOf([1, 2]).matches(3, 2));
  });

  it("trap 21: matches whatever is before the base, for that is committed", () => {
    const view = viewOf([4], { index: 7, term: 3 });
    assert.ok(view.matches(6, 1));
    assert.ok(view.matches(7, 3));
    assert.ok(!view.matches(7, 2));
    assert.ok(!view.matches(9, 4));
  });

  it("append refuses a falling term and nothing at all", () => {
    assert.throws(() => viewOf([2]).append(1, 1), /below the last term/);
    assert.throws(() => viewOf([2]).append(2, 0), /cannot append 0/);
  });

  it("truncateSuffix refuses to cut the base, and to cut nothing", () => {
    assert.throws(() => viewOf([4], { index: 7, term: 3 }).truncateSuffix(6), /cut the base/);
    assert.throws(() => viewOf([4]).truncateSuffix(1), /nothing to cut/);
  });

  it("refuses runs that do not start behind the base", () => {
    const options = { baseIndex: 3, baseTerm: 1, lastIndex: 5 };
    assert.throws(() => new LogView({ ...options, termRuns: [] }), /without a run/);
    const termRuns = [{ term: 1, firstIndex: 5 }];
    assert.throws(() => new LogView({ ...options, termRuns }), /first run starts at 5/);
  });
});
