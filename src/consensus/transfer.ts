/**
 * What a node knows of a transfer of leadership that it began (dissertation §3.10).
 *
 * @module
 */
import type { NodeId } from "../types.ts";

/** A transfer under way. It outlives the leadership: who leads next ends it. */
export interface Transfer {
  /** Who is to lead. */
  readonly target: NodeId;
  /** Handed back with the outcome; the core never looks inside. */
  readonly source: unknown;
  /** The target was asked to stand: from now on it may do so at any moment. */
  timeoutNowSent: boolean;
}
