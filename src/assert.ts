/**
 * Assertions: statements about this program that must be true, on in production. A failed
 * assertion means a defect, never bad input: the node that meets one stops.
 *
 * @module
 */

/**
 * Thrown by a failed {@linkcode assert}; nothing catches it but the driver, which stops the node.
 */
export class AssertionError extends Error {
  /** The class name, stable under minification. */
  override readonly name = "AssertionError";
}

/**
 * States that `condition` is true.
 *
 * A message with values in it is a function: to make the text costs 50 ns a whole number and 350 ns
 * another one, far more than the condition, and nearly all assertions hold.
 *
 * @param condition What must hold.
 * @param message What does not hold, with both values in it.
 */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (condition) return;
  const text = typeof message === "string" ? message : message();
  throw new AssertionError(`Assertion failed: ${text}`);
}

/**
 * States that a code path cannot be reached; the parameter's type proves it where it is `never`.
 *
 * @param value The value that no branch handled.
 */
export function unreachable(value: never): never {
  throw new AssertionError(`Unreachable: value is ${JSON.stringify(value)}`);
}
