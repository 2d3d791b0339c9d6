/**
 * A linearizable read sees everything that was committed when it was asked for, by whichever leader
 * (dissertation §6.4). That is more than linearizability shows: it holds for every key at once, and
 * also where nobody has written anything since but the no-op of a new leader.
 *
 * @module
 */
import type { Index, NodeId } from "../../types.ts";
import { PropertyViolation } from "./property_violation.ts";

/** A read was answered. */
export interface ReadObservation {
  /** What was committed when it was asked for. */
  readonly committedIndex: Index;
  /** What was applied when it was answered. */
  readonly index: Index;
  readonly servedBy: NodeId;
  /** Names the read in messages. */
  readonly label: string;
}

/** Throws where a read came too late to see what it had to. */
export function checkRead({ committedIndex, index, servedBy, label }: ReadObservation): void {
  if (index >= committedIndex) return;
  throw new PropertyViolation(
    "Read recency",
    `"${label}" was answered by node ${servedBy} as of index ${index}, and was asked when ` +
      `${committedIndex} was committed`,
  );
}
