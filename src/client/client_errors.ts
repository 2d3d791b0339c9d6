/**
 * Errors that only the client side of the system knows.
 *
 * @module
 */
import type { Applied } from "../errors.ts";
import { RaftError } from "../errors.ts";

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
