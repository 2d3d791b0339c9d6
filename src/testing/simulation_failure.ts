/**
 * How a run ends that does not end well.
 *
 * @module
 */
import type { Operation } from "./checkers/history.ts";
import {
  type KeyValueInput,
  keyValueModel,
  type KeyValueOutput,
} from "./checkers/key_value_model.ts";
import type { FaultEvent } from "./simulated_faults.ts";
import type { SimulationOptions } from "./simulation_options.ts";
import type { SimulationPlan } from "./simulation_plan.ts";
import type { TimelineEntry } from "./timeline.ts";

/** What is known of a failure. */
export interface SimulationFailureFields {
  readonly options: SimulationOptions;
  readonly plan: SimulationPlan;
  /** The faults until then. */
  readonly faults: readonly FaultEvent[];
  readonly timeline: readonly TimelineEntry[];
  /** When it was found, in virtual milliseconds. */
  readonly atMs: number;
  /** The last operations on the key concerned, or of all where no key is, a line each. */
  readonly operations: readonly string[];
  readonly cause: unknown;
}

/** A run that broke a property. */
export class SimulationFailure extends Error {
  override readonly name = "SimulationFailure";
  /** What is known of it. */
  readonly fields: SimulationFailureFields;

  /** Creates the failure of a seed around what was broken. */
  constructor(fields: SimulationFailureFields) {
    super(`Seed ${fields.options.seed} failed: ${describe(fields.cause)}`, { cause: fields.cause });
    this.fields = fields;
  }

  /** What was broken, in words. */
  get violation(): string {
    return describe(this.fields.cause);
  }
}

/** A run that was asked to end early: it says nothing. */
export class SimulationStopped extends Error {
  override readonly name = "SimulationStopped";

  /** Creates the error. */
  constructor() {
    super("The run was stopped");
  }
}

const OPERATIONS_SHOWN = 20;

/** The last operations on the key that a violation names, or on any. */
export function lastOperations(
  operations: readonly Operation<KeyValueInput, KeyValueOutput>[],
  violation: unknown,
): string[] {
  const key = /key-\d+-\d+/.exec(describe(violation))?.[0];
  const concerned = operations.filter((operation) => key === undefined || operation.key === key);
  return concerned.slice(-OPERATIONS_SHOWN).map((operation) => {
    const returned = operation.output === null ? "?" : operation.returnMs.toFixed(1);
    return `${operation.callMs.toFixed(1)} – ${returned} ms  ${operation.client} ` +
      `${operation.key}  ${keyValueModel.describe(operation)}`;
  });
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
