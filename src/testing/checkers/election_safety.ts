/**
 * Election Safety (Figure 3 of the paper): "at most one leader can be elected in a given term."
 *
 * @module
 */
import { assert } from "../../assert.ts";
import type { NodeId, Term } from "../../types.ts";
import type { LeaderObservation } from "./observations.ts";
import { PropertyViolation } from "./property_violation.ts";

/** Remembers who led each term. */
export class ElectionSafety {
  readonly #leaders = new Map<Term, NodeId>();

  /** How many terms had a leader. */
  get termCount(): number {
    return this.#leaders.size;
  }

  /** A node won an election. */
  onLeader(observation: Pick<LeaderObservation, "nodeId" | "term">): void {
    const { nodeId, term } = observation;
    assert(term > 0, () => `term ${term} is positive`);
    assert(nodeId > 0, () => `nodeId ${nodeId} is positive`);
    const known = this.#leaders.get(term) ?? nodeId;
    if (known !== nodeId) {
      throw new PropertyViolation(
        "Election Safety",
        `nodes ${known} and ${nodeId} were both elected in term ${term}`,
      );
    }
    this.#leaders.set(term, nodeId);
  }
}
