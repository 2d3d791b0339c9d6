/**
 * What the linearizability checker has to know of the thing that it checks.
 *
 * @module
 */

/** What one key does when its operations come one after the other. */
export interface SequentialModel<State, Input, Output> {
  /** The state before the first operation. */
  readonly initial: State;
  /**
   * The state after an operation, or null where its output cannot be. An output of null stands for
   * an unknown one: the operation took effect here, and null then says that it has none here.
   */
  step(state: State, operation: { input: Input; output: Output | null }): State | null;
  /** Equal for states that nothing can tell apart. */
  fingerprint(state: State): string;
  /** Whether an operation with this output changes nothing, whatever the state before it is. */
  isReadOnly(operation: { input: Input; output: Output | null }): boolean;
  /** One line for people. */
  describe(operation: { input: Input; output: Output | null }): string;
  /** A state for people. */
  describeState(state: State): string;
}
