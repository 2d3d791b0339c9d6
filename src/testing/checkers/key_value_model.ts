/**
 * One key of the key-value state machine, as the linearizability checker sees it.
 *
 * Every write gives the key a new revision, larger than any before it. A write whose outcome is
 * unknown gives it one that nobody was told: it is only known to be larger, until somebody sees it.
 * An absent key has the revision 0 for a condition.
 *
 * @module
 */
import { assert, unreachable } from "../../assert.ts";
import type { SequentialModel } from "./sequential_model.ts";

/** What must hold for a write to be done. */
export type KeyValueCondition =
  | { readonly kind: "revision"; readonly revision: number }
  | { readonly kind: "value"; readonly value: string }
  | { readonly kind: "absent" }
  | { readonly kind: "present" };

/** What a client asks of one key. */
export type KeyValueInput =
  | { readonly kind: "get" }
  | { readonly kind: "put"; readonly value: string; readonly condition?: KeyValueCondition }
  | { readonly kind: "delete"; readonly condition?: KeyValueCondition }
  /** Adds to a decimal number; an absent key counts as 0. */
  | { readonly kind: "increment"; readonly by: number };

/** A key as an answer shows it; null stands for an absent one. */
export type KeyValueSeen = { readonly value: string; readonly revision: number } | null;

/** What a client is told. What may be left out is not checked then. */
export type KeyValueOutput =
  /** To a get. */
  | { readonly kind: "found"; readonly value: string; readonly revision?: number }
  /** To a get, and to a delete of what was not there. */
  | { readonly kind: "absent" }
  /** To a put: whether the key was absent, and what it was. */
  | {
    readonly kind: "written";
    readonly revision?: number;
    readonly created?: boolean;
    readonly previous?: KeyValueSeen;
  }
  /** To a delete of what was there. */
  | { readonly kind: "deleted"; readonly revision?: number }
  /** To an increment. */
  | { readonly kind: "incremented"; readonly value: number; readonly revision?: number }
  /** The condition did not hold, or the value is not a number: nothing was changed. */
  | { readonly kind: "refused"; readonly current?: KeyValueSeen };

/** What is known of a key. */
export interface KeyValueState {
  /** Null where the key is absent. */
  readonly value: string | null;
  /** The revision of the value, or null where nobody was told. */
  readonly revision: number | null;
  /** The largest revision that anybody was told; later and unknown ones exceed it. */
  readonly revisionFloor: number;
}

/** An integer as increment writes it: no sign but a minus, no leading zeros. */
const DECIMAL_INTEGER = /^(?:0|-?[1-9][0-9]{0,15})$/;

type Call = { input: KeyValueInput; output: KeyValueOutput | null };

/** The model of one key. */
export const keyValueModel: SequentialModel<KeyValueState, KeyValueInput, KeyValueOutput> = {
  initial: { value: null, revision: null, revisionFloor: 0 },
  step,
  fingerprint: ({ value, revision, revisionFloor }) =>
    `${revision ?? "?"} ${revisionFloor} ${value === null ? "" : `=${value}`}`,
  isReadOnly: ({ input, output }) => input.kind === "get" || output?.kind === "refused",
  describe: ({ input, output }) => `${describeInput(input)} → ${describeOutput(output)}`,
  describeState: ({ value, revision, revisionFloor }) => {
    const known = revision ?? `unknown, above ${revisionFloor}`;
    return value === null ? "absent" : `${JSON.stringify(value)} (revision ${known})`;
  },
};

function step(state: KeyValueState, call: Call): KeyValueState | null {
  const { input, output } = call;
  assert(state.revision === null || state.revision <= state.revisionFloor, "the floor holds");
  assert(state.value !== null || state.revision === null, "an absent key has no revision");
  if (input.kind === "get") return output === null ? null : observe(state, output);
  if (output?.kind === "refused") return refuse(state, { input, current: output.current });
  if (output?.kind === "written") {
    if ((output.created ?? state.value === null) !== (state.value === null)) return null;
  }
  const before = output?.kind === "written" ? withSeen(state, output.previous) : state;
  const pinned = before === null ? null : pin(before, input);
  if (pinned === null) return null;
  switch (input.kind) {
    case "put":
      if (output !== null && output.kind !== "written") return null;
      return written(pinned, { value: input.value, revision: output?.revision });
    case "delete":
      if (output?.kind === "absent") return pinned.value === null ? pinned : null;
      if (pinned.value === null || (output !== null && output.kind !== "deleted")) return null;
      return written(pinned, { value: null, revision: output?.revision });
    case "increment": {
      const sum = incremented(pinned, input.by);
      if (sum === null || (output !== null && output.kind !== "incremented")) return null;
      if (output !== null && output.value !== sum) return null;
      return written(pinned, { value: String(sum), revision: output?.revision });
    }
    default:
      return unreachable(input);
  }
}

/** The state after a refusal that showed `current`, or null where it would not be refused. */
function refuse(
  state: KeyValueState,
  refusal: { input: KeyValueInput; current: KeyValueSeen | undefined },
): KeyValueState | null {
  const { input, current } = refusal;
  assert(input.kind !== "get", "a get is never refused");
  const seen = withSeen(state, current);
  if (seen === null) return null;
  const refused = input.kind === "increment"
    ? incremented(seen, input.by) === null
    : conditionHolds(seen, input.condition) !== true;
  return refused ? seen : null;
}

/** The state where the key is as somebody was shown, or null where it cannot be. */
function withSeen(state: KeyValueState, seen: KeyValueSeen | undefined): KeyValueState | null {
  if (seen === undefined) return state;
  if (seen === null) return state.value === null ? state : null;
  return seen.value === state.value ? withRevision(state, seen.revision) : null;
}

/** The state after a get with this answer. */
function observe(state: KeyValueState, output: KeyValueOutput): KeyValueState | null {
  if (output.kind === "absent") return state.value === null ? state : null;
  if (output.kind !== "found" || output.value !== state.value) return null;
  return output.revision === undefined ? state : withRevision(state, output.revision);
}

/** The state where the present revision is this one, or null where it cannot be. */
function withRevision(state: KeyValueState, revision: number): KeyValueState | null {
  if (state.revision !== null) return state.revision === revision ? state : null;
  if (revision <= state.revisionFloor) return null;
  return { value: state.value, revision, revisionFloor: revision };
}

/** Whether a condition holds; null where it depends on a revision that nobody knows. */
function conditionHolds(
  state: KeyValueState,
  condition: KeyValueCondition | undefined,
): boolean | null {
  if (condition === undefined) return true;
  switch (condition.kind) {
    case "absent":
      return state.value === null;
    case "present":
      return state.value !== null;
    case "value":
      return state.value === condition.value;
    case "revision":
      if (state.value === null) return condition.revision === 0;
      if (state.revision !== null) return state.revision === condition.revision;
      return condition.revision > state.revisionFloor ? null : false;
    default:
      return unreachable(condition);
  }
}

/** The state in which the condition holds, or null where it cannot. */
function pin(state: KeyValueState, input: KeyValueInput): KeyValueState | null {
  const condition = input.kind === "put" || input.kind === "delete" ? input.condition : undefined;
  const holds = conditionHolds(state, condition);
  if (holds === false) return null;
  // It depends on a revision that nobody knows: then that is the one that was asked for.
  return holds === null && condition?.kind === "revision"
    ? withRevision(state, condition.revision)
    : state;
}

function written(
  state: KeyValueState,
  write: { value: string | null; revision: number | undefined },
): KeyValueState | null {
  const { value, revision } = write;
  const floor = state.revisionFloor;
  if (revision === undefined) return { value, revision: null, revisionFloor: floor };
  if (revision <= floor) return null;
  return { value, revision: value === null ? null : revision, revisionFloor: revision };
}

/** The sum, or null where the value is not a number. */
function incremented(state: KeyValueState, by: number): number | null {
  const number = state.value === null ? 0 : Number(state.value);
  const isNumber = state.value === null || DECIMAL_INTEGER.test(state.value);
  return isNumber && Number.isSafeInteger(number + by) ? number + by : null;
}

function describeInput(input: KeyValueInput): string {
  switch (input.kind) {
    case "get":
      return "get";
    case "put":
      return `put ${JSON.stringify(input.value)}${describeCondition(input.condition)}`;
    case "delete":
      return `delete${describeCondition(input.condition)}`;
    case "increment":
      return `increment by ${input.by}`;
    default:
      return unreachable(input);
  }
}

function describeCondition(condition: KeyValueCondition | undefined): string {
  if (condition === undefined) return "";
  if (condition.kind === "revision") return ` if revision is ${condition.revision}`;
  if (condition.kind === "value") return ` if value is ${JSON.stringify(condition.value)}`;
  return ` if ${condition.kind}`;
}

function describeOutput(output: KeyValueOutput | null): string {
  if (output === null) return "outcome unknown";
  const revision = "revision" in output && output.revision !== undefined
    ? ` (revision ${output.revision})`
    : "";
  if (output.kind === "found") return `${JSON.stringify(output.value)}${revision}`;
  if (output.kind === "incremented") return `${output.value}${revision}`;
  return `${output.kind}${revision}`;
}
