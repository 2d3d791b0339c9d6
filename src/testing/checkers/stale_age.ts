/**
 * A stale read tells how old the state is that it shows. By then at the latest everything was in it
 * that any leader called committed before: for every key at once, and whether or not somebody was
 * told of it.
 *
 * @module
 */
import type { Index, NodeId } from "../../types.ts";
import { PropertyViolation } from "./property_violation.ts";

/** A stale read was answered. */
export interface StaleReadObservation {
  /** When it was asked for, which is before the age was taken. */
  readonly askedAtMs: number;
  /** The age that was told, by a clock that counts no less than `rate` in a millisecond. */
  readonly ageMs: number;
  readonly rate: number;
  /** What was applied when it was answered. */
  readonly index: Index;
  readonly servedBy: NodeId;
}

/** What clocks lose to rounding, in milliseconds. */
const ROUNDING_MS = 0.001;

/** Remembers when what was committed, and checks ages by it. */
export class StaleAge {
  readonly #commits: { readonly atMs: number; readonly index: Index }[] = [];
  /** How many ages were checked. */
  checkedCount = 0;

  /** A leader calls everything up to `index` committed, which is more than any did before. */
  onCommitted(index: Index, nowMs: number): void {
    const last = this.#commits.at(-1);
    if (last !== undefined && last.index >= index) return;
    this.#commits.push({ atMs: nowMs, index });
  }

  /** A stale read was answered. */
  onStaleRead({ askedAtMs, ageMs, rate, index, servedBy }: StaleReadObservation): void {
    this.checkedCount += 1;
    const completeAtMs = askedAtMs - ageMs / rate - ROUNDING_MS;
    const missing = this.#commits.findLast(({ atMs }) => atMs < completeAtMs);
    if (missing === undefined || index >= missing.index) return;
    throw new PropertyViolation(
      "Age of stale reads",
      `node ${servedBy} showed its state of index ${index} at ${askedAtMs} ms or later, as ` +
        `${ageMs} ms old: entry ${missing.index} was committed at ${missing.atMs} ms`,
    );
  }
}
