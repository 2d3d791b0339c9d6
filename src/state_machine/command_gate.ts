/**
 * Stands between the log and a state machine, so that every command takes effect exactly once:
 * takes the id off the payload of an entry, asks the table that the id belongs to what to do with
 * it, applies what is new, and remembers the answer. The tables and the machine make one snapshot.
 *
 * ```
 * payload of an EntryKind.command entry  | 16 bytes command id | command |
 * snapshot  | frames of the sessions | frames of the remembered answers | snapshot of the machine |
 * ```
 *
 * The version of the snapshot's format is the version in its first frame, that of the sessions.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index, LogTimeMs, Term } from "../types.ts";
import { SESSION_TIMEOUT_MS_MAX, SESSION_TIMEOUT_MS_MIN } from "../limits.ts";
import { ByteSource } from "./byte_source.ts";
import { toByteString } from "./byte_string.ts";
import {
  COMMAND_ID_BYTES,
  decodeOpenSession,
  decodeSessionControl,
  isSessionCommand,
  readSessionCommandId,
  SESSION_NONCE_BYTES,
  SessionControl,
} from "./command_id.ts";
import { type Admission, Deduplication, type DeduplicationLimits } from "./deduplication.ts";
import { encodeDeduplication, restoreDeduplication } from "./deduplication_snapshot.ts";
import { newerCommandError } from "./newer_command_error.ts";
import { encodeSessions, restoreSessions } from "./session_snapshot.ts";
import { type SessionLimits, SessionTable } from "./session_table.ts";
import { finishHash, hashInteger } from "./content_hash.ts";
import type { ApplyContext, QueryContext, StateHash, StateMachine } from "./state_machine.ts";

export { COMMAND_ID_BYTES };

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
  /** Its session is not there: the same. */
  | { readonly type: "sessionExpired" }
  /** There is no room to remember its answer: it was not applied. */
  | { readonly type: "overloaded"; readonly message: string }
  /** The payload has no valid request id: it was not applied. */
  | { readonly type: "invalid"; readonly message: string };

const EXPIRED: ApplyOutcome = { type: "expired" };
const TOO_SHORT: ApplyOutcome = {
  type: "invalid",
  message: `The payload is shorter than a command id: want at least ${COMMAND_ID_BYTES} bytes`,
};
const FROM_THE_FUTURE: ApplyOutcome = {
  type: "invalid",
  message: "The request id was issued too far in the future of the log",
};
const SESSION_EXPIRED: ApplyOutcome = { type: "sessionExpired" };
const BAD_SESSION_ID = {
  type: "invalid",
  message: "The numbers in the session id do not fit each other",
} as const;
const BAD_SESSION_TIMEOUT: ApplyOutcome = {
  type: "invalid",
  message: `The time-out of a session is from ${SESSION_TIMEOUT_MS_MIN} to ` +
    `${SESSION_TIMEOUT_MS_MAX} ms`,
};
const TOO_MANY_UNANSWERED: ApplyOutcome = {
  type: "invalid",
  message: "Too many earlier commands of the session are unanswered",
};
const TOO_MANY_SESSIONS: ApplyOutcome = {
  type: "overloaded",
  message: "Cannot open a session as there are too many: close some, or wait until they expire",
};
const TOO_MANY_ANSWERS: ApplyOutcome = {
  type: "overloaded",
  message: "Cannot apply the command as sessions wait for too many answers",
};
const NO_RESULT = new Uint8Array(0);
const NO_TIME: QueryContext = { logTimeMs: 0 };
const UNKNOWN_OPEN = "a session that is opened in another form";
const UNKNOWN_CONTROL = "a word about a session";

/** A hash of everything that entries change at one node. */
export interface GateHash {
  /** Of the tables of answers and sessions; from 0 to 2^32 − 1. */
  readonly tables: number;
  /** Of the machine; null where it has none. */
  readonly machine: StateHash | null;
}

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
  assert(id.length === COMMAND_ID_BYTES, () => `a command id has ${id.length} bytes, want 16`);
  target.set(id, offset);
  target.set(command, offset + COMMAND_ID_BYTES);
}

/** The payload of a command: its id and itself. */
export function encodeCommandPayload(id: Uint8Array, command: Uint8Array): Uint8Array {
  const payload = new Uint8Array(commandPayloadBytes(command));
  putCommandPayload(payload, { offset: 0, id, command });
  return payload;
}

/** The options of a {@linkcode CommandGate}. */
export interface CommandGateOptions {
  /** The bounds of the table of answers; those of a cluster unless told otherwise. */
  readonly limits?: DeduplicationLimits;
  /** The bounds of the table of sessions; those of a cluster unless told otherwise. */
  readonly sessionLimits?: SessionLimits;
}

/** See the comment of this module. */
export class CommandGate {
  readonly #machine: StateMachine;
  #table: Deduplication;
  #sessions: SessionTable;

  /** Guards `machine`, which nothing else may apply commands to. */
  constructor(machine: StateMachine, options: CommandGateOptions = {}) {
    this.#machine = machine;
    this.#table = new Deduplication(options.limits);
    this.#sessions = new SessionTable(options.sessionLimits);
  }

  /** How many answers are remembered, those of sessions included. */
  get answerCount(): number {
    return this.#table.count + this.#sessions.answerCount;
  }

  /** The bytes of the answers that are remembered. */
  get answerBytes(): number {
    return this.#table.answerBytes + this.#sessions.answerBytes;
  }

  /** How many sessions there are. */
  get sessionCount(): number {
    return this.#sessions.count;
  }

  /**
   * Applies the next entry. Whatever the payload holds, the outcome says what became of it. A throw
   * is one of the machine: a defect, after which the node must stop and not use this gate again.
   *
   * @param payload The payload of an EntryKind.command entry; only read during the call.
   * @param context Where the entry stands in the log.
   */
  applyEntry(payload: Uint8Array, context: ApplyContext): ApplyOutcome {
    return this.applyEntryAt(payload, 0, payload.length, context);
  }

  /** The same for a payload from `start` to `end` of `bytes`: a view less for each entry. */
  applyEntryAt(
    bytes: Uint8Array,
    start: number,
    end: number,
    context: ApplyContext,
  ): ApplyOutcome {
    if (end - start < COMMAND_ID_BYTES) return TOO_SHORT;
    if (isSessionCommand(bytes, start)) {
      return this.#applySession(bytes.subarray(start, end), context);
    }
    const admission = this.#table.admit(bytes, context.logTimeMs, start);
    if (admission === "new") {
      const { index, term } = context;
      const result = this.#machine.apply(bytes.subarray(start + COMMAND_ID_BYTES, end), context);
      this.#table.remember(bytes, { index, term, result }, start);
      return { type: "applied", result };
    }
    return this.#outcomeOf(admission);
  }

  #outcomeOf(admission: Exclude<Admission, "new">): ApplyOutcome {
    switch (admission) {
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

  /**
   * Says why a command must not enter the log, or null where it may; see
   * {@linkcode StateMachine.refusal}.
   */
  refusal(id: Uint8Array, command: Uint8Array): string | null {
    if (id.length !== COMMAND_ID_BYTES) return `The command id has ${id.length} bytes, want 16`;
    if (isSessionCommand(id)) {
      const numbers = readSessionCommandId(id);
      if (numbers === null) return BAD_SESSION_ID.message;
      if (numbers.session === 0) {
        return decodeOpenSession(command) === null ? `The command is ${UNKNOWN_OPEN}` : null;
      }
      if (numbers.sequence === 0) {
        return decodeSessionControl(command) === null ? `The command is ${UNKNOWN_CONTROL}` : null;
      }
    }
    return this.#machine.refusal?.(command) ?? null;
  }

  /** The log time at which a session or something in the machine expires; null for never. */
  nextDeadlineMs(): LogTimeMs | null {
    const ofMachine = this.#machine.nextDeadlineMs?.() ?? null;
    const ofSessions = this.#sessions.nextDeadlineMs;
    if (ofMachine === null || ofSessions === null) return ofMachine ?? ofSessions;
    return Math.min(ofMachine, ofSessions);
  }

  /** Applies an entry of the kind tick: what is due by its log time expires. */
  tick(context: ApplyContext): void {
    this.#sessions.expire(context.logTimeMs);
    this.#machine.tick?.(context);
  }

  /** A hash of the tables and the machine as they are now. */
  stateHash(): GateHash {
    const tables = finishHash(hashInteger(this.#table.hash, this.#sessions.hash)) >>> 0;
    return { tables, machine: this.#machine.stateHash?.() ?? null };
  }

  /** Asks the machine; see {@linkcode StateMachine.query}. */
  query(query: Uint8Array, context: QueryContext = NO_TIME): Uint8Array {
    return this.#machine.query(query, context);
  }

  /** The tables and the machine as they are now; see {@linkcode StateMachine.takeSnapshot}. */
  takeSnapshot(): Iterator<Uint8Array, void> {
    const sessions = encodeSessions(this.#sessions.view());
    const table = encodeDeduplication(this.#table.view());
    const machine = this.#machine.takeSnapshot();
    // Not a generator: one that was never started would not pass `return` on.
    return {
      next: () => {
        const first = sessions.next();
        if (first.done !== true) return first;
        const chunk = table.next();
        return chunk.done === true ? machine.next() : chunk;
      },
      return: () => {
        sessions.return();
        table.return();
        machine.return?.();
        return { done: true, value: undefined };
      },
    };
  }

  /**
   * Replaces the tables and the state of the machine; see {@linkcode StateMachine.restoreSnapshot}.
   *
   * @throws {BadDataError} If the bytes are not a snapshot of such a gate and machine.
   */
  async restoreSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const source = new ByteSource(chunks);
    try {
      const sessions = await restoreSessions(source, this.#sessions.limits);
      const table = await restoreDeduplication(source, this.#table.limits);
      await this.#machine.restoreSnapshot(source);
      this.#sessions = sessions;
      this.#table = table;
    } finally {
      await source.close();
    }
  }

  #applySession(payload: Uint8Array, context: ApplyContext): ApplyOutcome {
    const id = readSessionCommandId(payload);
    if (id === null) return BAD_SESSION_ID;
    const command = payload.subarray(COMMAND_ID_BYTES);
    if (id.session === 0) {
      const nonce = payload.subarray(COMMAND_ID_BYTES - SESSION_NONCE_BYTES, COMMAND_ID_BYTES);
      return this.#openSession(toByteString(nonce), command, context);
    }
    if (id.sequence === 0) return this.#controlSession(id.session, command, context);
    switch (this.#sessions.admit(id, context.logTimeMs)) {
      case "new": {
        const { index, term } = context;
        const result = this.#machine.apply(command, context);
        this.#sessions.remember({ index, term, result });
        return { type: "applied", result };
      }
      case "duplicate": {
        const { result, index, term } = this.#sessions.firstAnswer();
        if (result === null) return { type: "answerForgotten", index, term };
        return { type: "duplicate", result, index, term };
      }
      case "expired":
        return SESSION_EXPIRED;
      case "answered":
        return EXPIRED;
      case "tooMany":
        return TOO_MANY_UNANSWERED;
      case "full":
        return TOO_MANY_ANSWERS;
    }
  }

  /** Opens a session: its number is the index of the outcome. */
  #openSession(nonce: string, command: Uint8Array, context: ApplyContext): ApplyOutcome {
    const { index, term, logTimeMs } = context;
    const timeoutMs = decodeOpenSession(command);
    if (timeoutMs === null) throw newerCommandError(index, UNKNOWN_OPEN);
    if (timeoutMs < SESSION_TIMEOUT_MS_MIN || timeoutMs > SESSION_TIMEOUT_MS_MAX) {
      return BAD_SESSION_TIMEOUT;
    }
    const session = this.#sessions.open(nonce, { timeoutMs, index, term, logTimeMs });
    if (session === null) return TOO_MANY_SESSIONS;
    if (session.number === index) return { type: "applied", result: NO_RESULT };
    return { type: "duplicate", result: NO_RESULT, index: session.number, term: session.term };
  }

  #controlSession(number: Index, command: Uint8Array, context: ApplyContext): ApplyOutcome {
    const { index, logTimeMs } = context;
    const control = decodeSessionControl(command);
    if (control === null) throw newerCommandError(index, UNKNOWN_CONTROL);
    const isThere = control === SessionControl.close
      ? this.#sessions.close(number, logTimeMs)
      : this.#sessions.keepAlive(number, logTimeMs);
    return isThere ? { type: "applied", result: NO_RESULT } : SESSION_EXPIRED;
  }
}
