/**
 * Acknowledged-write durability: what a client was told to be done is never lost. The command is
 * at the index that was told, in what the nodes apply, whatever crashed since. (That the log of
 * every later leader holds it is Leader Completeness.)
 *
 * @module
 */
import { assert } from "../../assert.ts";
import type { Index, NodeId } from "../../types.ts";
import type {
  AcknowledgeObservation,
  ApplyObservation,
  RestoreObservation,
} from "./observations.ts";
import { PropertyViolation } from "./property_violation.ts";

const PROPERTY = "Acknowledged-write durability";

/** Remembers what clients were told. */
export class AcknowledgedDurability {
  readonly #acknowledged = new Map<Index, AcknowledgeObservation>();
  #acknowledgedMax: Index = 0;
  readonly #payloads = new Map<Index, string>();
  readonly #lastApplied = new Map<NodeId, Index>();

  /** How many commands were acknowledged. */
  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  /** A client was told that its command took effect. */
  onAcknowledged(observation: AcknowledgeObservation): void {
    const { index, label } = observation;
    assert(index > 0, () => `index ${index} is positive`);
    this.#acknowledged.set(index, observation);
    this.#acknowledgedMax = Math.max(this.#acknowledgedMax, index);
    const applied = this.#payloads.get(index);
    if (applied === undefined) {
      throw new PropertyViolation(
        PROPERTY,
        `"${label}" was acknowledged at index ${index}, which no node has applied`,
      );
    }
    this.#compare(observation, applied);
  }

  /** A node applied an entry. */
  onApplied(observation: ApplyObservation): void {
    const { nodeId, index, payloadHash } = observation;
    this.#lastApplied.set(nodeId, index);
    if (!this.#payloads.has(index)) this.#payloads.set(index, payloadHash);
    const acknowledged = this.#acknowledged.get(index);
    if (acknowledged !== undefined) this.#compare(acknowledged, payloadHash);
  }

  /** A node started or took over a snapshot. */
  onRestored(observation: RestoreObservation): void {
    this.#lastApplied.set(observation.nodeId, observation.lastApplied);
  }

  /** At the end, faults over and the cluster at rest: all of these nodes have everything. */
  checkCaughtUp(nodeIds: readonly NodeId[]): void {
    for (const nodeId of nodeIds) {
      const lastApplied = this.#lastApplied.get(nodeId) ?? 0;
      if (lastApplied >= this.#acknowledgedMax) continue;
      throw new PropertyViolation(
        PROPERTY,
        `index ${this.#acknowledgedMax} was acknowledged, but node ${nodeId} stays at ` +
          `${lastApplied}`,
      );
    }
  }

  #compare(acknowledged: AcknowledgeObservation, payloadHash: string): void {
    if (acknowledged.payloadHash === payloadHash) return;
    throw new PropertyViolation(
      PROPERTY,
      `"${acknowledged.label}" (${acknowledged.payloadHash}) was acknowledged at index ` +
        `${acknowledged.index}, where a node applied ${payloadHash}`,
    );
  }
}
