/**
 * A session of a client with the cluster: commands that may be sent again for as long as the client
 * likes, across leader changes, restarts and snapshots, and are applied once.
 *
 * The commands of a session are numbered, and each says which numbers have all their answers, so
 * the cluster keeps an answer exactly until it is not needed any more. (A command outside of a
 * session is recognised within 15 minutes of log time.)
 *
 * @module
 */
import {
  InvalidRequestError,
  OverloadedError,
  SessionExpiredError,
  ShutdownError,
} from "../errors.ts";
import { SESSION_ANSWERS_MAX } from "../limits.ts";
import type { Clock, TimerHandle } from "../runtime/runtime.ts";
import { makeSessionCommandId, SessionControl } from "../state_machine/command_id.ts";
import type { Index } from "../types.ts";
import type { ProposeOutcome } from "./leader_operation.ts";
import type { ProposeOptions, Proposer, QueryOptions } from "./proposer.ts";
import type { QueryOutcome } from "./read_operation.ts";

/** How often in its time-out a session that is not used says that it is still there. */
const KEEP_ALIVES_PER_TIMEOUT = 3;

/** What a session needs of its client. */
export interface SessionHost extends Proposer {
  readonly clock: Clock;
  /** The session needs no end any more. */
  ended(session: Session): void;
}

/**
 * A session; `RaftClient.openSession` opens it. It keeps itself alive until it is closed,
 * and may stand wherever a client is wanted that proposes and queries.
 *
 * @example Counting once, whatever happens to the connection
 * ```ts
 * import { KeyValueClient } from "./key_value_client.ts";
 * import type { RaftClient } from "./raft_client.ts";
 *
 * export async function countVisit(client: RaftClient): Promise<number> {
 *   const session = await client.openSession();
 *   const store = new KeyValueClient(session);
 *   const { value } = await store.increment("visits", { timeoutMs: 60_000 });
 *   await session.close();
 *   return value;
 * }
 * ```
 */
export class Session implements Proposer {
  /** The index of the entry that opened it. */
  readonly number: Index;
  readonly #host: SessionHost;
  readonly #intervalMs: number;
  /** The numbers of the commands without outcome, ascending. */
  readonly #unanswered = new Set<number>();
  #lastSequence = 0;
  /** Whether the cluster answered a command since the timer fired last. */
  #wasUsed = true;
  #timer: TimerHandle | null = null;
  #end: "expired" | "closed" | null = null;

  /** Creates the session that the entry with index `number` opened. */
  constructor(
    host: SessionHost,
    options: { readonly number: Index; readonly sessionTimeoutMs: number },
  ) {
    this.#host = host;
    this.number = options.number;
    this.#intervalMs = options.sessionTimeoutMs / KEEP_ALIVES_PER_TIMEOUT;
    this.#arm();
  }

  /** Whether the cluster said that it has forgotten the session: open another one. */
  get isExpired(): boolean {
    return this.#end === "expired";
  }

  /**
   * Has a command applied, once, however often it must be sent until its time runs out. A command
   * that is given up as unknown is never applied after a later one of this session was.
   *
   * @param options Without a command id: the session names its commands.
   * @throws {SessionExpiredError} If the cluster has forgotten the session.
   * @throws {RaftError} Not applied, or unknown: see `applied`.
   */
  async propose(command: Uint8Array, options: ProposeOptions = {}): Promise<ProposeOutcome> {
    if (options.commandId !== undefined) {
      throw new InvalidRequestError("Cannot use a command id as the session names its commands");
    }
    this.#checkOpen();
    const sequence = this.#lastSequence + 1;
    const [lowestUnanswered = sequence] = this.#unanswered;
    if (sequence - lowestUnanswered >= SESSION_ANSWERS_MAX) {
      throw new OverloadedError(
        `Cannot take the command as one ${SESSION_ANSWERS_MAX} commands earlier has no answer yet`,
      );
    }
    this.#lastSequence = sequence;
    this.#unanswered.add(sequence);
    const session = this.number;
    try {
      return await this.#send(command, {
        ...options,
        commandId: makeSessionCommandId({ session, sequence, lowestUnanswered }),
      });
    } finally {
      // Whatever the outcome is, nobody will ask for the answer again.
      this.#unanswered.delete(sequence);
    }
  }

  /** Has a query answered; see {@linkcode Proposer.query}. */
  query(query: Uint8Array, options: QueryOptions = {}): Promise<QueryOutcome> {
    return this.#host.query(query, options);
  }

  /**
   * Closes the session: the cluster forgets it and its answers. Where nobody answers in time it
   * expires by itself.
   */
  async close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (this.#end !== null) return;
    this.stop();
    await this.#control(SessionControl.close, options).catch(() => {});
  }

  /** Takes no more commands and does not keep itself alive any more; the client was closed. */
  stop(): void {
    this.#finish("closed");
  }

  #checkOpen(): void {
    if (this.#end === "closed") throw new ShutdownError("The session was closed");
    if (this.#end !== "expired") return;
    throw new SessionExpiredError("The session has expired: nothing was sent", "no");
  }

  async #send(
    command: Uint8Array,
    options: { readonly commandId: Uint8Array; readonly timeoutMs?: number },
  ): Promise<ProposeOutcome> {
    try {
      const outcome = await this.#host.propose(command, options);
      this.#wasUsed = true;
      return outcome;
    } catch (error) {
      if (error instanceof SessionExpiredError) this.#finish("expired");
      throw error;
    }
  }

  #control(
    control: SessionControl,
    options: { readonly timeoutMs?: number },
  ): Promise<ProposeOutcome> {
    const id = { session: this.number, sequence: 0, lowestUnanswered: 0 };
    const commandId = makeSessionCommandId(id);
    return this.#send(Uint8Array.of(control), { ...options, commandId });
  }

  #finish(end: "expired" | "closed"): void {
    if (this.#end !== null) return;
    this.#end = end;
    if (this.#timer !== null) this.#host.clock.clearTimer(this.#timer);
    this.#timer = null;
    this.#host.ended(this);
  }

  #arm(): void {
    this.#timer = this.#host.clock.setTimer(() => {
      this.#arm();
      const wasUsed = this.#wasUsed;
      this.#wasUsed = false;
      if (wasUsed) return;
      // One that fails is followed by the next; that the session expired was noted.
      const timeoutMs = this.#intervalMs;
      this.#control(SessionControl.keepAlive, { timeoutMs }).catch(() => {});
    }, this.#intervalMs);
  }
}
