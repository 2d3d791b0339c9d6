/** Linearizability: real executions pass, broken ones are caught and shown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { History } from "../../../src/testing/checkers/history.ts";
import type { Operation } from "../../../src/testing/checkers/history.ts";
import { keyValueModel } from "../../../src/testing/checkers/key_value_model.ts";
import type {
  KeyValueInput,
  KeyValueOutput,
  KeyValueSeen,
} from "../../../src/testing/checkers/key_value_model.ts";
import { checkLinearizability } from "../../../src/testing/checkers/linearizability.ts";
import { propertyRuns } from "../../sampling.ts";

type KeyValueOperation = Operation<KeyValueInput, KeyValueOutput>;

const model = keyValueModel;

/** `spans` are [call, return, input, output]; a return of null is an unknown outcome. */
function historyOf(
  spans: readonly (readonly [number, number | null, KeyValueInput, KeyValueOutput | null])[],
): KeyValueOperation[] {
  return spans.map(([callOrder, returned, input, output], place) => {
    const returnOrder = returned ?? Infinity;
    const times = { callMs: callOrder, returnMs: returnOrder };
    return { client: `c${place}`, key: "k", input, output, callOrder, returnOrder, ...times };
  });
}

function isLinearizable(operations: readonly KeyValueOperation[]): boolean {
  try {
    const report = checkLinearizability({ model, operations });
    assert.deepEqual(report.undecidedKeys, []);
    return true;
  } catch (error) {
    assert.match(String(error), /Linearizability/);
    return false;
  }
}

const put = (value: string): KeyValueInput => ({ kind: "put", value });
const get: KeyValueInput = { kind: "get" };
const found = (value: string, revision?: number): KeyValueOutput =>
  revision === undefined ? { kind: "found", value } : { kind: "found", value, revision };
const written = (revision: number) => ({ kind: "written", revision }) as const;

test("linearizability lets operations that overlap take effect in either order", () => {
  const writes = [[0, 10, put("a"), written(1)], [1, 9, put("b"), written(2)]] as const;
  assert.ok(isLinearizable(historyOf([...writes, [11, 12, get, found("b")]])));
  assert.ok(!isLinearizable(historyOf([...writes, [11, 12, get, found("a")]])));
});

test("linearizability rejects a stale read", () => {
  const writes = [[0, 1, put("a"), written(1)], [2, 3, put("b"), written(2)]] as const;
  assert.ok(!isLinearizable(historyOf([...writes, [4, 5, get, found("a")]])));
  assert.ok(isLinearizable(historyOf([...writes, [2.5, 5, get, found("a")]])));
});

test("linearizability rejects a read that goes back", () => {
  const operations = historyOf([
    [0, 100, put("a"), written(1)],
    [1, 2, get, found("a")],
    [3, 4, get, { kind: "absent" }],
  ]);
  assert.ok(!isLinearizable(operations));
});

test("linearizability lets an unknown write happen late, never, but once", () => {
  const unknown = [0, null, put("a"), null] as const;
  const overwritten = [1, 2, put("b"), written(5)] as const;
  assert.ok(isLinearizable(historyOf([unknown, overwritten, [3, 4, get, found("b")]])));
  assert.ok(isLinearizable(historyOf([unknown, overwritten, [3, 4, get, found("a", 6)]])));
  assert.ok(!isLinearizable(historyOf([unknown, overwritten, [3, 4, get, found("a", 4)]])));
  const twice = historyOf([
    unknown,
    overwritten,
    [3, 4, get, found("a")],
    [5, 6, put("c"), written(9)],
    [7, 8, get, found("a")],
  ]);
  assert.ok(!isLinearizable(twice));
});

test("linearizability checks increments and conditions", () => {
  const increment: KeyValueInput = { kind: "increment", by: 2 };
  const incremented = (value: number): KeyValueOutput => ({ kind: "incremented", value });
  assert.ok(isLinearizable(historyOf([
    [0, 5, increment, incremented(4)],
    [1, 4, increment, incremented(2)],
    [6, 7, get, found("4")],
  ])));
  assert.ok(
    !isLinearizable(historyOf([
      [0, 5, increment, incremented(2)],
      [1, 4, increment, incremented(2)],
    ])),
  );
  const ifRevision = (revision: number): KeyValueInput => ({
    kind: "put",
    value: "x",
    condition: { kind: "revision", revision },
  });
  const seen = [[0, null, put("a"), null], [1, 2, get, found("a")]] as const;
  assert.ok(isLinearizable(historyOf([...seen, [3, 4, ifRevision(7), written(8)]])));
  assert.ok(isLinearizable(historyOf([...seen, [3, 4, ifRevision(7), { kind: "refused" }]])));
  assert.ok(!isLinearizable(historyOf([...seen, [3, 4, ifRevision(7), written(7)]])));
  const known = [[0, 1, put("a"), written(3)]] as const;
  assert.ok(!isLinearizable(historyOf([...known, [3, 4, ifRevision(3), { kind: "refused" }]])));
  const absent: KeyValueInput = { kind: "put", value: "y", condition: { kind: "absent" } };
  assert.ok(!isLinearizable(historyOf([...known, [3, 4, absent, written(4)]])));
  const remove: KeyValueInput = { kind: "delete", condition: { kind: "value", value: "a" } };
  assert.ok(isLinearizable(historyOf([...known, [3, 4, remove, { kind: "deleted" }]])));
});

test("linearizability checks what an answer shows of the state before", () => {
  const first = [0, 1, put("a"), { ...written(3), created: true, previous: null }] as const;
  const second = (shown: Partial<KeyValueOutput>) =>
    historyOf([first, [2, 3, put("b"), { ...written(5), ...shown } as KeyValueOutput]]);
  assert.ok(isLinearizable(second({ created: false, previous: { value: "a", revision: 3 } })));
  assert.ok(!isLinearizable(second({ created: true })));
  assert.ok(!isLinearizable(second({ previous: null })));
  assert.ok(!isLinearizable(second({ previous: { value: "a", revision: 4 } })));
  const ifAbsent: KeyValueInput = { kind: "put", value: "c", condition: { kind: "absent" } };
  const refused = (current: KeyValueSeen) =>
    historyOf([first, [2, 3, ifAbsent, { kind: "refused", current }]]);
  assert.ok(isLinearizable(refused({ value: "a", revision: 3 })));
  assert.ok(!isLinearizable(refused({ value: "b", revision: 3 })));
  assert.ok(!isLinearizable(refused(null)));
});

test("linearizability lets a write of the present value wait for its turn", () => {
  assert.ok(isLinearizable(historyOf([
    [0, 1.5, put("2"), { kind: "written" }],
    [0.1, 2.5, put("2"), { kind: "written" }],
    [2, 3.5, put("1"), { kind: "written" }],
    [4, 5.5, get, found("2")],
  ])));
});

test("linearizability prints the shortest beginning without what it does not need", () => {
  const operations = historyOf([
    [0, 1, put("a"), written(1)],
    [2, 3, get, found("a")],
    [4, 5, put("b"), written(2)],
    [6, 7, get, found("b")],
    [8, 9, get, found("a")],
    [10, 11, get, found("zzz")],
  ]);
  assert.throws(() => checkLinearizability({ model, operations }), (error) => {
    assert.equal(
      (error as Error).message,
      [
        'Linearizability: no order explains 3 of the 6 operations on key "k"',
        '   #1 c0              0.000 –        1.000 ms  put "a" → written (revision 1)',
        '   #2 c2              4.000 –        5.000 ms  put "b" → written (revision 2)',
        '   #3 c4              8.000 –        9.000 ms  get → "a"',
        "  The longest order that works: #1 #2",
        '  which leads to: "b" (revision 2)',
        "  Left over: #3",
      ].join("\n"),
    );
    return true;
  });
});

test("linearizability gives up in bounded steps and says so", () => {
  const unknown = Array.from(
    { length: 40 },
    (_, place) => [place, null, { kind: "increment", by: 2 ** place }, null] as const,
  );
  const impossible = [100, 101, get, found("-1")] as const;
  const operations = historyOf([...unknown, impossible]);
  const report = checkLinearizability({ model, operations, stepsMax: 10_000 });
  assert.deepEqual(report.undecidedKeys, ["k"]);
  assert.ok(report.steps <= 10_000);
});

test("history leaves out what was not applied and keeps what is unknown", () => {
  let nowMs = 0;
  const history = new History<KeyValueInput, KeyValueOutput>(() => nowMs++);
  const call = { client: "c", key: "k" };
  history.call({ ...call, input: put("a") }).notApplied();
  history.call({ ...call, input: put("b") }).returned(written(1));
  history.call({ ...call, input: put("c") });
  const [one, two] = history.operations;
  assert.equal(history.operations.length, 2);
  assert.ok(one !== undefined && two !== undefined);
  assert.ok(one.callOrder < one.returnOrder && one.returnOrder < two.callOrder);
  assert.deepEqual([one.output, two.output, two.returnOrder], [written(1), null, Infinity]);
  assert.ok(isLinearizable(history.operations));
});

/** What a client asked, when, and how long each part took. */
interface Plan {
  readonly kind: number;
  readonly client: number;
  readonly startsAt: number;
  readonly worksFor: number;
  readonly returnsAfter: number;
  /** Whether the answer is lost, and if so, whether the request is too. */
  readonly loss: "none" | "answer" | "request";
}

const plans = fc.array(
  fc.record<Plan>({
    kind: fc.integer({ min: 0, max: 7 }),
    client: fc.integer({ min: 1, max: 5 }),
    startsAt: fc.integer({ min: 0, max: 200 }),
    worksFor: fc.integer({ min: 0, max: 30 }),
    returnsAfter: fc.integer({ min: 0, max: 30 }),
    loss: fc.constantFrom("none", "none", "none", "none", "answer", "request"),
  }),
  { minLength: 1, maxLength: 40 },
);

function inputOf(plan: Plan, place: number, revision: number): KeyValueInput {
  const value = `v${place}`;
  const inputs: readonly KeyValueInput[] = [
    get,
    get,
    put(value),
    { kind: "put", value, condition: { kind: "revision", revision } },
    { kind: "put", value, condition: { kind: "absent" } },
    { kind: "delete" },
    { kind: "delete", condition: { kind: "present" } },
    { kind: "increment", by: place },
  ];
  return inputs[plan.kind] as KeyValueInput;
}

/** A register that does one thing after the other: what a correct cluster does. */
class Register {
  value: string | null = null;
  revision = 0;
  #log = 0;

  apply(input: KeyValueInput): KeyValueOutput {
    const { value } = this;
    if (input.kind === "get") {
      return value === null ? { kind: "absent" } : found(value, this.revision);
    }
    if (input.kind === "increment") {
      if (value !== null && !/^-?[0-9]+$/.test(value)) return { kind: "refused" };
      const sum = Number(value ?? 0) + input.by;
      return { kind: "incremented", value: sum, revision: this.#write(String(sum)) };
    }
    const condition = input.condition;
    const previous = value === null ? null : { value, revision: this.revision };
    const refused = condition?.kind === "absent" && value !== null ||
      condition?.kind === "present" && value === null ||
      condition?.kind === "revision" && condition.revision !== (previous?.revision ?? 0);
    if (refused) return { kind: "refused", current: previous };
    if (input.kind === "put") {
      return { ...written(this.#write(input.value)), created: value === null, previous };
    }
    return value === null ? { kind: "absent" } : { kind: "deleted", revision: this.#write(null) };
  }

  #write(value: string | null): number {
    this.value = value;
    this.revision = this.#log += 3;
    return this.revision;
  }
}

/** Runs the plans on a register, each at one moment between its call and its return. */
function execute(all: readonly Plan[]): KeyValueOperation[] {
  const register = new Register();
  const moments = all
    .map((plan, place) => ({ plan, place, moment: plan.startsAt + plan.worksFor + 0.5 }))
    .sort((one, other) => one.moment - other.moment || one.place - other.place);
  return moments.map(({ plan, place, moment }) => {
    const input = inputOf(plan, place, register.revision);
    const output = plan.loss === "request" ? null : register.apply(input);
    const returned = plan.loss === "none" ? moment + 0.5 + plan.returnsAfter : null;
    return historyOf([
      [plan.startsAt, returned, input, plan.loss === "none" ? output : null],
    ])[0] as KeyValueOperation;
  });
}

test("linearizability passes every history of a real execution", () => {
  fc.assert(
    fc.property(plans, (all) => isLinearizable(execute(all))),
    propertyRuns(400),
  );
});

test("linearizability fails every real execution that is broken by one read", () => {
  fc.assert(
    fc.property(plans, fc.nat(), fc.integer({ min: 0, max: 2 }), (all, at, kind) => {
      const good = execute(all.map((plan) => ({ ...plan, loss: "none" })));
      const last = Math.max(...good.map((operation) => operation.returnOrder));
      const read = (call: number, output: KeyValueOutput) =>
        historyOf([[call, call + 1, get, output]])[0] as KeyValueOperation;
      // 0: a value that nobody wrote. 1: the end is not what it must be. 2: a lost write.
      if (kind === 0) {
        const place = at % good.length;
        good.splice(place, 0, read((good[place] as KeyValueOperation).callOrder, found("mutant")));
      } else if (kind === 1) {
        const wrong = isLinearizable([...good, read(last + 1, { kind: "absent" })])
          ? found("v0")
          : { kind: "absent" } as const;
        good.push(read(last + 1, wrong), read(last + 3, { ...found("other") }));
      } else {
        const write = historyOf([[last + 1, last + 2, put("w"), written(100_000)]]);
        good.push(...write, read(last + 3, good[0]?.input === get ? found("x") : found("v0", 1)));
      }
      return !isLinearizable(good);
    }),
    propertyRuns(400, 2),
  );
});

test("linearizability fails when a write is told a revision of before", () => {
  fc.assert(
    fc.property(plans, (all) => {
      const good = execute(all.map((plan) => ({ ...plan, loss: "none" })));
      const last = Math.max(...good.map((operation) => operation.returnOrder));
      const revisions = good.flatMap(({ output }) =>
        output !== null && "revision" in output ? [output.revision ?? 0] : []
      );
      const largest = Math.max(0, ...revisions);
      const rewrite = (revision: number) =>
        historyOf([[last + 1, last + 2, put("w"), written(revision)]]);
      return isLinearizable([...good, ...rewrite(largest + 1)]) &&
        (largest === 0 || !isLinearizable([...good, ...rewrite(largest)]));
    }),
    propertyRuns(200, 3),
  );
});

/** Tries every order, with every choice of the unknown operations: slow and plainly right. */
function isLinearizableByTrying(operations: readonly KeyValueOperation[]): boolean {
  const extend = (left: readonly KeyValueOperation[], state: typeof model.initial): boolean => {
    if (left.every((operation) => operation.output === null)) return true;
    const firstReturn = Math.min(...left.map((operation) => operation.returnOrder));
    return left.some((operation) => {
      if (operation.callOrder > firstReturn) return false;
      const next = model.step(state, operation);
      return next !== null && extend(left.filter((other) => other !== operation), next);
    });
  };
  return extend(operations, model.initial);
}

const smallOperations = fc.array(
  fc.record({
    call: fc.integer({ min: 0, max: 12 }),
    length: fc.integer({ min: 1, max: 8 }),
    kind: fc.integer({ min: 0, max: 5 }),
    value: fc.constantFrom("1", "2", "3"),
    unknown: fc.integer({ min: 0, max: 2 }),
  }),
  { minLength: 1, maxLength: 7 },
);

test("linearizability agrees with trying every order on small histories", () => {
  let good = 0;
  let bad = 0;
  const check = fc.property(smallOperations, (specs) => {
    const operations = historyOf(specs.map(({ call, length, kind, value, unknown }) => {
      const choices: readonly [KeyValueInput, KeyValueOutput][] = [
        [get, found(value)],
        [get, { kind: "absent" }],
        [put(value), { kind: "written" }],
        [{ kind: "put", value, condition: { kind: "absent" } }, { kind: "refused" }],
        [{ kind: "delete" }, { kind: "deleted" }],
        [{ kind: "increment", by: 1 }, { kind: "incremented", value: Number(value) }],
      ];
      const [input, output] = choices[kind] as [KeyValueInput, KeyValueOutput];
      // Calls and returns never fall on one moment.
      const returned = unknown === 0 ? null : call + length + 0.5;
      return [call, returned, input, unknown === 0 ? null : output];
    }));
    const expected = isLinearizableByTrying(operations);
    if (expected) good++;
    else bad++;
    return isLinearizable(operations) === expected;
  });
  fc.assert(check, propertyRuns(10_000, 12));
  assert.ok(good > 300 && bad > 300, `${good} good, ${bad} bad`);
});
