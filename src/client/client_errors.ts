/**
 * Errors that only the client side of the system knows.
 *
 * @module
 */
import type { Applied } from "../errors.ts";
import { RaftError } from "../errors.ts";

/** No node that was asked has heard from a leader recently enough for this stale read. */
export class TooStaleError extends RaftError {
  /** The class name, stable under minification. */
  override readonly name = "TooStaleError";
  /** The word for programs. */
  override readonly code = "too_stale";
  /** A read applies nothing. */
  override readonly applied = "no";
}

/** A node failed on the request in a way that it has no word for. */
export class InternalError extends RaftError {
  /** The class name, stable under minification. */
  override readonly name = "InternalError";
  /** The word for programs. */
  override readonly code = "internal";
  /** What the node said. */
  override readonly applied: Applied;

  /** Creates the error with what the node said of the outcome. */
  constructor(message: string, applied: Applied, options?: ErrorOptions) {
    super(message, options);
    this.applied = applied;
  }
}
