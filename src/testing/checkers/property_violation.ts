/**
 * The one error of all checkers.
 *
 * @module
 */

/** Thrown by a checker: a run broke a property. */
export class PropertyViolation extends Error {
  override readonly name = "PropertyViolation";
  /** The property, as the paper or this project names it. */
  readonly property: string;

  /** Creates the error; `message` holds what was seen, both sides of it. */
  constructor(property: string, message: string) {
    super(`${property}: ${message}`);
    this.property = property;
  }
}
