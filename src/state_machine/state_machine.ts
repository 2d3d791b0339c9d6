/**
 * The state machine as the application sees it: what committed commands change, what queries read,
 * what expires, and what snapshots carry.
 *
 * @module
 */
import type { Index, LogTimeMs, Term } from "../types.ts";

/** Where in the log a command stands. One object may serve every call: copy what you keep. */
export interface ApplyContext {
  /** The index of the entry: grows with every command, a revision for free. */
  readonly index: Index;
  /** The term of the entry. */
  readonly term: Term;
  /** The log time of the entry: the only clock that a state machine may use. */
  readonly logTimeMs: LogTimeMs;
}

/** When a query is asked. */
export interface QueryContext {
  /** The log time as the node that answers knows it: never behind the last entry applied. */
  readonly logTimeMs: LogTimeMs;
}

/** A hash of a state, both numbers from 0 to 2^32 − 1. */
export interface StateHash {
  /**
   * How the hash is made. Hashes of different versions are not compared, so that nodes of two
   * programs do not seem to differ while a cluster is upgraded.
   */
  readonly version: number;
  readonly value: number;
}

/**
 * A deterministic machine. Every replica gives the same answers to the same commands in the same
 * order: no clock, no randomness, no input but the parameters.
 */
export interface StateMachine {
  /**
   * Applies one committed command and returns its answer. Called once for each index, ascending.
   * A mistake of the user (a command that cannot be decoded, a compare that fails) is an answer.
   * It must not throw: a throw is a defect that stops the node, as is a command that only a newer
   * program understands. The view of `command` is only valid during the call.
   *
   * A machine in which things expire removes first what is due by `context.logTimeMs`.
   */
  apply(command: Uint8Array, context: ApplyContext): Uint8Array;

  /**
   * Says why a command must not enter the log, or null where it may: asked by a leader before it
   * appends. For commands that this program does not know and a newer one may: in the log they
   * would stop every node of this version. A machine without this function takes every command.
   */
  refusal?(command: Uint8Array): string | null;

  /**
   * The log time at which the next thing expires, or null where nothing will. A leader appends a
   * tick when it has passed; a machine without this function gets no ticks.
   */
  nextDeadlineMs?(): LogTimeMs | null;

  /**
   * Applies an entry that only says that time has passed: removes what is due by
   * `context.logTimeMs`, as much as may be done at once. If {@linkcode nextDeadlineMs} is not later
   * then, another tick follows.
   */
  tick?(context: ApplyContext): void;

  /**
   * Answers a read-only query from the state as it is now; never changes it. A mistake of the user
   * is an answer here too.
   */
  query(query: Uint8Array, context: QueryContext): Uint8Array;

  /**
   * A hash of the whole state: equal states have equal hashes, however they came to be, also by a
   * snapshot. Nodes compare it at agreed entries, several times a second under load; one that
   * differs from a majority stops serving. So it must be cheap: keep it up to date with each change
   * (a sum over the parts of the state can be) instead of walking the state here.
   *
   * A machine without this function is compared by the answers that it gave, as far as they are
   * remembered.
   */
  stateHash?(): StateHash;

  /**
   * A view of the state as it is now, in chunks, for a snapshot. Commands go on being applied while
   * the chunks are drawn: the view must not see them (copy on write). Draw it to its end or call
   * `return` on it; each chunk is at most 64 KiB, so that no one call takes long.
   */
  takeSnapshot(): Iterator<Uint8Array, void>;

  /**
   * Replaces the state by the one that a snapshot carries: the same bytes that the chunks of
   * takeSnapshot had, cut at any place. Rejects with a BadDataError where they are not one.
   */
  restoreSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void>;
}
