/**
 * A known way to get Raft wrong, as one change to our own code: what the simulator must find.
 *
 * @module
 */
import type { CorePlanOverrides } from "../../src/testing/core_plan.ts";
import type { FaultKind } from "../../src/testing/faults/fault_table.ts";

/** Whole nodes on simulated machines, or bare cores whose messages arrive in any order. */
export type Simulator = "clusters" | "cores";

/** One wrong change. */
export interface Mutation {
  /** In snake_case, unique. */
  readonly name: string;
  /** What is wrong, in a sentence. */
  readonly fault: string;
  /** The number of the trap in ARCHITECTURE.md, where it is one. */
  readonly trap?: number;
  /** The file, from the root. */
  readonly file: string;
  /** The kinds of faults that it is tried under; what the seeds draw unless given. */
  readonly kinds?: readonly FaultKind[];
  /** Which simulator it is tried under; that of whole clusters unless given. */
  readonly simulator?: Simulator;
  /** What bare cores are tried with; what the seeds draw unless given. */
  readonly cores?: CorePlanOverrides;
  /** A text that the file holds exactly once. */
  readonly find: string;
  /** What stands there instead. */
  readonly replace: string;
}

/**
 * Applies a mutation to the text of its file.
 *
 * @throws {Error} If the text to replace is not there exactly once.
 */
export function mutate(mutation: Mutation, text: string): string {
  const parts = text.split(mutation.find);
  if (parts.length !== 2) {
    throw new Error(
      `Cannot apply "${mutation.name}": its text occurs ${parts.length - 1} times in ` +
        `${mutation.file}, want once; change it with the code`,
    );
  }
  return parts.join(mutation.replace);
}
