/**
 * What a run of the simulator is made of, and what it did.
 *
 * @module
 */
import type { Tracer } from "../consensus/tracing.ts";
import type { MicrotaskDrain } from "../runtime/microtask_drain.ts";
import type { FaultKind } from "./faults/fault_table.ts";
import type { FaultEvent } from "./simulated_faults.ts";
import type { SimulationPlan } from "./simulation_plan.ts";
import type { TimelineEntry } from "./timeline.ts";

/** What a run is made of. What is left out is drawn from the seed. */
export interface SimulationOptions {
  /** Everything that happens follows from it. */
  readonly seed: number | string;
  /** Virtual milliseconds with clients and faults. */
  readonly durationMs: number;
  readonly nodeCount?: number;
  readonly clientCount?: number;
  /** The kinds of faults that may happen. */
  readonly kinds?: readonly FaultKind[];
  /** The numbers of the faults that happen; all that the seed has unless given. */
  readonly faults?: readonly number[];
}

/** What does not change a run. */
export interface SimulationHooks {
  /** Runs all microtasks that wait, where the engine can: see the scheduler. */
  readonly drain?: MicrotaskDrain | undefined;
  /** Takes the transitions of all nodes' cores, in the order in which they happen. */
  readonly tracer?: Tracer | undefined;
  /** Awaited now and then, so that the real world gets its turn; true ends the run. */
  readonly breathe?: () => Promise<boolean>;
}

/** What a run did. */
export interface SimulationReport {
  readonly seed: string;
  readonly plan: SimulationPlan;
  readonly traceHash: string;
  readonly virtualMs: number;
  readonly eventCount: number;
  readonly operationCount: number;
  readonly answeredCount: number;
  readonly lastIndex: number;
  /** The term in the end: how many elections there were, and more that came to nothing. */
  readonly lastTerm: number;
  /** How many times a leader's snapshot replaced the log of a node. */
  readonly installations: number;
  readonly faults: readonly FaultEvent[];
  /** What happened, a line each. */
  readonly timeline: readonly TimelineEntry[];
  /** How many election timeouts after the faults' end the first write was done. */
  readonly electionTimeoutsToServe: number;
  /** Nodes that stayed down as bits of their data had rotted. */
  readonly refusingNodes: number;
  /** Keys whose history was too long to decide. */
  readonly undecidedKeys: number;
}
