/**
 * State Machine Safety (Figure 3 of the paper): "if a server has applied a log entry at a given
 * index to its state machine, no other server will ever apply a different log entry for the same
 * index." And each server applies every index once, in order: §5.3, "in log order".
 *
 * @module
 */
import { assert } from "../../assert.ts";
import type { Index, NodeId } from "../../types.ts";
import type { ApplyObservation, RestoreObservation } from "./observations.ts";
import { PropertyViolation } from "./property_violation.ts";

const PROPERTY = "State Machine Safety";

/** Remembers what was applied at each index, and how far each node is. */
export class StateMachineSafety {
  readonly #applied = new Map<Index, ApplyObservation>();
  readonly #lastApplied = new Map<NodeId, Index>();

  /** What the first node to get there applied at `index`, or null. */
  appliedAt(index: Index): ApplyObservation | null {
    return this.#applied.get(index) ?? null;
  }

  /** How far a node is; 0 for one that was never heard of. */
  lastApplied(nodeId: NodeId): Index {
    return this.#lastApplied.get(nodeId) ?? 0;
  }

  /** A node started or took over a snapshot. */
  onRestored(observation: RestoreObservation): void {
    const { nodeId, lastApplied } = observation;
    assert(nodeId > 0, () => `nodeId ${nodeId} is positive`);
    assert(lastApplied >= 0, () => `lastApplied ${lastApplied} is not negative`);
    this.#lastApplied.set(nodeId, lastApplied);
  }

  /** A node applied an entry. */
  onApplied(observation: ApplyObservation): void {
    const { nodeId, index, term, payloadHash } = observation;
    const expected = this.lastApplied(nodeId) + 1;
    if (index !== expected) {
      throw new PropertyViolation(
        PROPERTY,
        `node ${nodeId} applied index ${index} where ${expected} was next`,
      );
    }
    const known = this.#applied.get(index) ?? observation;
    if (known.term !== term || known.payloadHash !== payloadHash) {
      throw new PropertyViolation(
        PROPERTY,
        `at index ${index} node ${known.nodeId} applied term ${known.term} ` +
          `(${known.payloadHash}), node ${nodeId} applied term ${term} (${payloadHash})`,
      );
    }
    this.#applied.set(index, known);
    this.#lastApplied.set(nodeId, index);
  }
}
