/**
 * Prints the operations that no order explains.
 *
 * @module
 */
import { assert } from "../../assert.ts";
import type { Operation } from "./history.ts";
import type { SearchResult } from "./linearization_search.ts";
import type { SequentialModel } from "./sequential_model.ts";

/** More operations than this are not printed, but for those at the end. */
const LINES_MAX = 24;

/** What {@linkcode describeCounterexample} is given. */
export interface CounterexampleOptions<State, Input, Output> {
  readonly model: SequentialModel<State, Input, Output>;
  /** The operations of the counterexample, by their calls. */
  readonly operations: readonly Operation<Input, Output>[];
  /** What the search found in them. */
  readonly result: SearchResult<State>;
  /** How many operations the key has in all. */
  readonly total: number;
}

/** The operations of a violation, the best order that was found, and what does not fit it. */
export function describeCounterexample<State, Input, Output>(
  options: CounterexampleOptions<State, Input, Output>,
): string {
  const { model, operations, result, total } = options;
  const key = operations[0]?.key;
  assert(key !== undefined, "a violation has operations");
  const lines = [
    `no order explains ${operations.length} of the ${total} operations on key "${key}"`,
  ];
  const skipped = Math.max(0, operations.length - LINES_MAX);
  if (skipped > 0) lines.push(`  … ${skipped} earlier operations`);
  operations.forEach((operation, place) => {
    if (place >= skipped) lines.push(describeLine({ model, operation, place }));
  });
  const order = result.longest.map((place) => `#${place + 1}`);
  const shown = order.length > LINES_MAX ? ["…", ...order.slice(-LINES_MAX)] : order;
  const done = new Set(result.longest);
  const stuck = operations.flatMap((operation, place) =>
    done.has(place) || operation.output === null ? [] : [`#${place + 1}`]
  );
  lines.push(`  The longest order that works: ${shown.join(" ") || "none"}`);
  lines.push(`  which leads to: ${model.describeState(result.longestState)}`);
  lines.push(`  Left over: ${stuck.join(" ")}`);
  return lines.join("\n");
}

function describeLine<State, Input, Output>(line: {
  model: SequentialModel<State, Input, Output>;
  operation: Operation<Input, Output>;
  place: number;
}): string {
  const { model, operation, place } = line;
  const called = operation.callMs.toFixed(3).padStart(12);
  const returned = operation.output === null ? "?" : operation.returnMs.toFixed(3);
  const client = operation.client.padEnd(8);
  const number = `#${place + 1}`.padStart(5);
  return `${number} ${client} ${called} – ${returned.padStart(12)} ms  ${
    model.describe(operation)
  }`;
}
