/** A simulated world, and waiting in it; what goes wrong in a callback ends the wait. */
import assert from "node:assert/strict";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";
import { drain } from "../microtask_drain.ts";

/** What worlds of whole nodes extend. */
export class WaitingWorld {
  readonly world: SimulatedWorld;
  /** What callbacks have thrown. */
  readonly errors: unknown[] = [];

  /** Creates a world without nodes. */
  constructor(seed: number | string) {
    this.world = new SimulatedWorld({
      seed,
      drain,
      onError: (error) => this.errors.push(error),
    });
  }

  /** What has happened, for whoever waited for something else. */
  get story(): string {
    return "";
  }

  /** Runs until `condition` holds, which it must. */
  async until(condition: () => boolean, withinMs = 60_000): Promise<void> {
    const untilMs = this.world.scheduler.nowMs + withinMs;
    await this.world.scheduler.run({
      untilMs,
      until: () => condition() || this.errors.length > 0,
    });
    if (this.errors.length > 0) throw this.errors[0];
    assert.ok(condition(), `What was waited for did not happen: ${condition}\n${this.story}`);
  }

  /** Runs for so long, whatever happens. */
  async pass(durationMs: number): Promise<void> {
    await this.world.scheduler.run({ untilMs: this.world.scheduler.nowMs + durationMs });
    if (this.errors.length > 0) throw this.errors[0];
  }
}
