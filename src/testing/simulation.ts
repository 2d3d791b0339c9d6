/**
 * One run of a simulated cluster from one seed: nodes, clients and faults together, then the faults
 * end and everything must come to rest, with every property of the paper's Figure 3, the durability
 * of every acknowledged write and the linearizability of what clients saw.
 *
 * @module
 */
import { checkLinearizability } from "./checkers/linearizability.ts";
import { keyValueModel } from "./checkers/key_value_model.ts";
import { PropertyViolation } from "./checkers/property_violation.ts";
import { SimulatedClients } from "./simulated_clients.ts";
import { isRefusing, SimulatedCluster, type SimulatedNode } from "./simulated_cluster.ts";
import { SimulatedFaults } from "./simulated_faults.ts";
import { SimulatedCrashError } from "./simulated_process.ts";
import { SimulatedWorld } from "./simulated_runtime.ts";
import { drawPlan, type SimulationPlan } from "./simulation_plan.ts";
import { lastOperations, SimulationFailure, SimulationStopped } from "./simulation_failure.ts";
import type { SimulationHooks, SimulationOptions, SimulationReport } from "./simulation_options.ts";
import { Timeline } from "./timeline.ts";

/** How much virtual time passes between two breaths. */
const SLICE_MS = 2_000;

/** A cluster without faults must do a write within so many election timeouts, */
const SERVE_ELECTION_TIMEOUTS_MAX = 20;
/** and what dials anew and what TCP sends again: neither goes by the election timeout. */
const RECONNECT_MS_MAX = 4_000;
/** How long a cluster without faults may take until every node has applied everything. */
const REST_MS_MAX = 60_000;

/** Runs one seed. */
export function simulate(
  options: SimulationOptions,
  hooks: SimulationHooks = {},
): Promise<SimulationReport> {
  return new Simulation(options, hooks).run();
}

/** One run. */
class Simulation {
  readonly #options: SimulationOptions;
  readonly #hooks: SimulationHooks;
  readonly #plan: SimulationPlan;
  readonly #world: SimulatedWorld;
  readonly #timeline: Timeline;
  readonly #cluster: SimulatedCluster;
  readonly #clients: SimulatedClients;
  readonly #faults: SimulatedFaults;
  #servedAtMs: number | null = null;

  constructor(options: SimulationOptions, hooks: SimulationHooks) {
    this.#options = options;
    this.#hooks = hooks;
    const plan = drawPlan(options.seed, options);
    this.#plan = plan;
    const world = new SimulatedWorld({
      seed: options.seed,
      onError: (error) => this.#found(error),
      drain: hooks.drain,
    });
    this.#world = world;
    this.#timeline = new Timeline(() => world.scheduler.nowMs);
    const timeline = this.#timeline;
    const { tracer } = hooks;
    const cluster = new SimulatedCluster({ ...plan, world, timeline, tracer });
    this.#cluster = cluster;
    const only = options.faults === undefined ? null : new Set(options.faults);
    this.#faults = new SimulatedFaults({ ...plan.faults, world, cluster, timeline, only });
    cluster.startAll();
    this.#clients = new SimulatedClients({
      ...plan.workload,
      world,
      endpoints: cluster.addresses,
      observations: cluster.checkers,
      found: (error) => this.#found(error),
    });
  }

  async run(): Promise<SimulationReport> {
    try {
      await this.#pass({ untilMs: this.#options.durationMs, until: () => false });
      this.#faults.stop();
      this.#clients.stopping = true;
      const stoppedAtMs = this.#world.scheduler.nowMs;
      await this.#serve(stoppedAtMs);
      await this.#rest(stoppedAtMs + REST_MS_MAX);
      this.#check();
      return this.#report(stoppedAtMs);
    } catch (error) {
      if (error instanceof SimulationStopped) throw error;
      const { operations } = this.#clients.history;
      throw new SimulationFailure({
        options: this.#options,
        plan: this.#plan,
        faults: this.#faults.events,
        timeline: this.#timeline.entries,
        atMs: this.#world.scheduler.nowMs,
        operations: lastOperations(operations, error),
        cause: error,
      });
    }
  }

  #found(error: unknown): void {
    if (!(error instanceof SimulatedCrashError)) this.#cluster.defects.push(error);
  }

  /** Lets time pass until something is found, or as said. */
  async #pass(end: { readonly untilMs: number; readonly until: () => boolean }): Promise<void> {
    const { scheduler } = this.#world;
    const { defects } = this.#cluster;
    const until = () => defects.length > 0 || end.until();
    for (;;) {
      const sliceMs = Math.min(end.untilMs, scheduler.nowMs + SLICE_MS);
      const why = await scheduler.run({ untilMs: sliceMs, until });
      if (defects.length > 0) throw defects[0];
      if (why === "until" || scheduler.nowMs >= end.untilMs) return;
      if (await this.#hooks.breathe?.() === true) throw new SimulationStopped();
    }
  }

  /** A write must be done soon. */
  async #serve(fromMs: number): Promise<void> {
    this.#clients.probe(() => {
      this.#servedAtMs = this.#world.scheduler.nowMs;
    });
    const { electionTimeoutMs } = this.#plan;
    const boundMs = RECONNECT_MS_MAX + SERVE_ELECTION_TIMEOUTS_MAX * electionTimeoutMs;
    await this.#pass({ untilMs: fromMs + boundMs, until: () => this.#servedAtMs !== null });
    if (this.#servedAtMs !== null) return;
    throw new PropertyViolation(
      "Liveness",
      `no write was done within ${SERVE_ELECTION_TIMEOUTS_MAX} election timeouts of ` +
        `${electionTimeoutMs} ms and ${RECONNECT_MS_MAX} ms after the faults ended; ` +
        this.#describeNodes(),
    );
  }

  /** Every node must catch up, and who has lost everything must vote again. */
  async #rest(untilMs: number): Promise<void> {
    const atRest = () =>
      this.#clients.idle && this.#cluster.leader !== null && isCaughtUp(this.#nodesAtRest()) &&
      !this.#cluster.nodes.some(({ lost }) => lost);
    await this.#pass({ untilMs, until: atRest });
    if (atRest()) return;
    throw new PropertyViolation(
      "Liveness",
      `the cluster did not come to rest within ${REST_MS_MAX} ms after the faults ended; ` +
        this.#describeNodes(),
    );
  }

  #check(): void {
    this.#cluster.checkers.checkAtRest(this.#cluster.logs(this.#nodesAtRest()));
  }

  /** All nodes but those whose data have rotted and whom nobody mends. */
  #nodesAtRest(): SimulatedNode[] {
    return this.#cluster.nodes.filter((node) => node.lost || !isRefusing(node));
  }

  #describeNodes(): string {
    return this.#cluster.nodes.map(({ id, up, running, lastError, watch }) => {
      const status = running?.status();
      const role = status === undefined ? "starting" : `${status.role} of term ${status.term}`;
      const state = up ? role : `down${lastError === null ? "" : ` (${lastError.message})`}`;
      return `node ${id}: ${state}, applied ${watch.lastApplied} of ${watch.lastIndex}`;
    }).join("; ");
  }

  #report(stoppedAtMs: number): SimulationReport {
    const { operations } = this.#clients.history;
    const { undecidedKeys } = checkLinearizability({ model: keyValueModel, operations });
    const { lastIndex, log } = this.#nodesAtRest()[0]!.watch;
    const servedMs = (this.#servedAtMs ?? stoppedAtMs) - stoppedAtMs;
    return {
      seed: this.#world.prng.seed,
      plan: this.#plan,
      traceHash: this.#world.trace.digest(),
      virtualMs: Math.round(this.#world.scheduler.nowMs),
      eventCount: this.#world.scheduler.eventCount,
      operationCount: this.#clients.calledCount,
      answeredCount: this.#clients.answeredCount,
      lastIndex,
      lastTerm: log.entries.at(-1)?.term ?? log.lastIncludedTerm,
      installations: this.#cluster.nodes.reduce((sum, { watch }) => sum + watch.installations, 0),
      faults: this.#faults.events,
      timeline: this.#timeline.entries,
      electionTimeoutsToServe: servedMs / this.#plan.electionTimeoutMs,
      refusingNodes: this.#cluster.nodes.filter(isRefusing).length,
      undecidedKeys: undecidedKeys.length,
    };
  }
}

function isCaughtUp(nodes: readonly SimulatedNode[]): boolean {
  const { lastIndex } = nodes[0]!.watch;
  return nodes.every(({ running, watch }) =>
    running !== null && watch.lastIndex === lastIndex && watch.lastApplied === lastIndex
  );
}
