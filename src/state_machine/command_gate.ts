/**
 * Stands between the log and a state machine, so that every command takes effect exactly once:
 * takes the request id off the payload of an entry, asks the table of answers what to do with it,
 * applies what is new, and remembers the answer. The table and the machine make one snapshot.
 *
 * ```
 * payload of an EntryKind.command entry  | 16 bytes request id | command |
 * snapshot                               | frames of the table | snapshot of the machine |
 * ```
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index, Term } from "../types.ts";
import { ByteSource } from "./byte_source.ts";
import { Deduplication, type DeduplicationLimits } from "./deduplication.ts";
import { encodeDeduplication, restoreDeduplication } from "./deduplication_snapshot.ts";
import { REQUEST_ID_BYTES } from "./request_id.ts";
import type { ApplyContext, StateMachine } from "./state_machine.ts";

/** The bytes in front of the command in a payload: its request id. */
export const COMMAND_ID_BYTES = REQUEST_ID_BYTES;

/** What became of a command. */
export type ApplyOutcome =
  /** It was applied now. */
  | { readonly type: "applied"; readonly result: Uint8Array }
  /** It had been applied at `index`; this is its first answer, and it was not applied again. */
  | {
    readonly type: "duplicate";
    readonly result: Uint8Array;
    readonly index: Index;
    readonly term: Term;
  }
  /** It had been applied at `index`, but its answer was too large to be remembered. */
  | { readonly type: "answerForgotten"; readonly index: Index; readonly term: Term }
  /** Its id is too old: it may have been applied before, and was not now and never will be. */
  | { readonly type: "expired" }
  /** The payload has no valid request id: it was not applied. */
  | { readonly type: "invalid"; readonly message: string };

const EXPIRED: ApplyOutcome = { type: "expired" };
const TOO_SHORT: ApplyOutcome = {
  type: "invalid",
  message: `The payload is shorter than a request id: want at least ${COMMAND_ID_BYTES} bytes`,
};
const FROM_THE_FUTURE: ApplyOutcome = {
  type: "invalid",
  message: "The request id was issued too far in the future of the log",
};

/** The length of the payload of a command. */
export function commandPayloadBytes(command: Uint8Array): number {
  return COMMAND_ID_BYTES + command.length;
}

/**
 * Writes the payload of a command into a buffer.
 *
 * @param target Where to write; {@linkcode commandPayloadBytes} bytes from `offset` on.
 * @param payload What to write, and where.
 */
export function putCommandPayload(
  target: Uint8Array,
  payload: { readonly offset: number; readonly id: Uint8Array; readonly command: Uint8Array },
): void {
  const { offset, id, command } = payload;
  assert(id.length === COMMAND_ID_BYTES, () => `a request id has ${id.length} bytes, want 16`);
  target.set(id, offset);
  target.set(command, offset + COMMAND_ID_BYTES);
}

/** The payload of a command: its request id and itself. */
export function encodeCommandPayload(id: Uint8Array, command: Uint8Array): Uint8Array {
  const payload = new Uint8Array(commandPayloadBytes(command));
  putCommandPayload(payload, { offset: 0, id, command });
  return payload;
}

/** The options of a {@linkcode CommandGate}. */
export interface CommandGateOptions {
  /** The bounds of the table of answers; those of a cluster unless told otherwise. */
  readonly limits?: DeduplicationLimits;
}

/** See the comment of this module. */
export class CommandGate {
  readonly #machine: StateMachine;
  #table: Deduplication;

  /** Guards `machine`, which nothing else may apply commands to. */
  constructor(machine: StateMachine, options: CommandGateOptions = {}) {
    this.#machine = machine;
    this.#table = new Deduplication(options.limits);
  }

  /** How many answers are remembered. */
  get answerCount(): number {
    return this.#table.count;
  }

  /** The bytes of the answers that are remembered. */
  get answerBytes(): number {
    return this.#table.answerBytes;
  }

  /**
   * Applies the next entry. Whatever the payload holds, the outcome says what became of it. A throw
   * is one of the machine: a defect, after which the node must stop and not use this gate again.
   *
   * @param payload The payload of an EntryKind.command entry; only read during the call.
   * @param context Where the entry stands in the log.
   */
  applyEntry(payload: Uint8Array, context: ApplyContext): ApplyOutcome {
    if (payload.length < COMMAND_ID_BYTES) return TOO_SHORT;
    const admission = this.#table.admit(payload, context.logTimeMs);
    switch (admission) {
      case "new": {
        const { index, term } = context;
        const result = this.#machine.apply(payload.subarray(COMMAND_ID_BYTES), context);
        this.#table.remember(payload, { index, term, result });
        return { type: "applied", result };
      }
      case "duplicate": {
        const { result, index, term } = this.#table.firstAnswer();
        if (result === null) return { type: "answerForgotten", index, term };
        return { type: "duplicate", result, index, term };
      }
      case "expired":
        return EXPIRED;
      case "invalid":
        return FROM_THE_FUTURE;
    }
  }

  /** Asks the machine; see {@linkcode StateMachine.query}. */
  query(query: Uint8Array): Uint8Array {
    return this.#machine.query(query);
  }

  /** The table and the machine as they are now; see {@linkcode StateMachine.takeSnapshot}. */
  takeSnapshot(): Iterator<Uint8Array, void> {
    const table = encodeDeduplication(this.#table.view());
    const machine = this.#machine.takeSnapshot();
    // Not a generator: one that was never started would not pass `return` on.
    return {
      next: () => {
        const chunk = table.next();
        return chunk.done === true ? machine.next() : chunk;
      },
      return: () => {
        table.return();
        machine.return?.();
        return { done: true, value: undefined };
      },
    };
  }

  /**
   * Replaces the table and the state of the machine; see {@linkcode StateMachine.restoreSnapshot}.
   *
   * @throws {BadDataError} If the bytes are not a snapshot of such a gate and machine.
   */
  async restoreSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const source = new ByteSource(chunks);
    try {
      const table = await restoreDeduplication(source, this.#table.limits);
      await this.#machine.restoreSnapshot(source);
      this.#table = table;
    } finally {
      await source.close();
    }
  }
}
