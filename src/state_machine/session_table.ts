/**
 * The replicated table of sessions: what lets a client repeat a command for as long as it likes,
 * and have it applied once.
 *
 * A session is opened by an entry, whose index is its number, with a time-out in log time. Its
 * client counts its commands from 1 on and says with each one below which number it has all its
 * answers. The table keeps the answers from there on, so a client that counts up and says what it
 * has may repeat any command that it has no answer for. Every replica decides alike: nothing here
 * reads a clock. The rules, in this order:
 *
 * 1. Sessions whose time-out has passed since their last command, by the log time of this entry,
 *    are forgotten, and all their answers with them.
 * 2. A command of a session that is not there is refused as *expired*: whatever became of earlier
 *    attempts, it is not applied now and never will be. It never opens a session.
 * 3. Any other command renews its session, whatever becomes of it.
 * 4. A sequence number below the lowest unanswered one is refused as *answered*: its client has the
 *    answer, or has given it up. A copy that was long under way does no harm.
 * 5. A command that was applied is a *duplicate*: it gets its first answer, or is told that the
 *    answer was too large to be kept.
 * 6. A command that the bounds have no room for is refused and not applied: *tooMany* where its
 *    session has too many unanswered ones, *full* where all sessions together have.
 * 7. All else is *new*.
 *
 * So the table is bounded in sessions, in answers (of a session and altogether) and in the bytes of
 * answers, and no bound makes it forget that a command was applied.
 *
 * @module
 */
import { assert } from "../assert.ts";
import {
  SESSION_ANSWER_BYTES_MAX,
  SESSION_ANSWER_BYTES_TOTAL_MAX,
  SESSION_ANSWERS_MAX,
  SESSION_ANSWERS_TOTAL_MAX,
  SESSIONS_MAX,
} from "../limits.ts";
import type { Index, LogTimeMs, Term } from "../types.ts";
import type { SessionCommandId } from "./command_id.ts";
import { finishHash, HASH_SEED, hashBytes, hashByteString, hashInteger } from "./content_hash.ts";
import { DeadlineQueue, type QueuedDeadline } from "./deadline_queue.ts";
import type { FirstAnswer } from "./deduplication.ts";

/** The bounds of the table. All replicas must have the same. */
export interface SessionLimits {
  /** The most sessions. */
  readonly sessionsMax: number;
  /** The most answers of a session. */
  readonly answersMax: number;
  /** The most answers of all sessions. */
  readonly answersTotalMax: number;
  /** The most bytes of answers of a session. */
  readonly answerBytesMax: number;
  /** The most bytes of answers of all sessions. */
  readonly answerBytesTotalMax: number;
}

/** The bounds of a cluster. */
export const SESSION_LIMITS: SessionLimits = {
  sessionsMax: SESSIONS_MAX,
  answersMax: SESSION_ANSWERS_MAX,
  answersTotalMax: SESSION_ANSWERS_TOTAL_MAX,
  answerBytesMax: SESSION_ANSWER_BYTES_MAX,
  answerBytesTotalMax: SESSION_ANSWER_BYTES_TOTAL_MAX,
};

/** What is to be done with a command of a session; see the rules above. */
export type SessionAdmission = "new" | "duplicate" | "expired" | "answered" | "tooMany" | "full";

/** What a session is, but for its answers. */
export interface SessionFields {
  /** The index of the entry that opened it. */
  readonly number: Index;
  /** The term of that entry. */
  readonly term: Term;
  /** The nonce that it was opened with, as a byte string. */
  readonly nonce: string;
  /** How long it may be silent, in log time. */
  readonly timeoutMs: number;
  /** When it expires unless it is used before. */
  readonly deadlineMs: LogTimeMs;
  /** Answers below this sequence number are not asked for again. */
  readonly lowestUnanswered: number;
}

/** A session as it was at one moment. */
export interface SessionView extends SessionFields {
  readonly answers: readonly (readonly [sequence: number, answer: FirstAnswer])[];
}

/** The table as it was at one moment. */
export interface SessionTableView {
  /** The largest log time seen. */
  readonly nowMs: LogTimeMs;
  /** Ascending by number. */
  readonly sessions: readonly SessionView[];
}

interface Session extends SessionFields, QueuedDeadline {
  deadlineMs: LogTimeMs;
  lowestUnanswered: number;
  answerBytes: number;
  /** The sum of the hashes of its answers. */
  answersHash: number;
  /** By sequence number. An answer never changes, so that a view may hold it. */
  readonly answers: Map<number, FirstAnswer>;
}

/** See the comment of this module. */
export class SessionTable {
  readonly limits: SessionLimits;
  /** By number, ascending, for numbers only grow. */
  readonly #sessions = new Map<Index, Session>();
  readonly #byNonce = new Map<string, Session>();
  readonly #queue = new DeadlineQueue<Session>((a, b) => a.number < b.number);
  #nowMs: LogTimeMs = 0;
  #answerCount = 0;
  #answerBytes = 0;
  /** The session and the sequence number of the command that was admitted last. */
  #admitted: { readonly session: Session; readonly sequence: number } | null = null;

  /** Creates an empty table. */
  constructor(limits: SessionLimits = SESSION_LIMITS) {
    assert(limits.sessionsMax > 0, () => `the table has room for ${limits.sessionsMax} sessions`);
    this.limits = limits;
  }

  /** How many sessions there are. */
  get count(): number {
    return this.#sessions.size;
  }

  /** A hash of everything that the table remembers (content_hash.ts); looks at each session. */
  get hash(): number {
    let sum = 0;
    for (const session of this.#sessions.values()) sum = (sum + hashOfSession(session)) | 0;
    return hashInteger(hashInteger(hashInteger(HASH_SEED, this.#nowMs), this.count), sum);
  }

  /** How many answers all sessions keep. */
  get answerCount(): number {
    return this.#answerCount;
  }

  /** The bytes of the answers that all sessions keep. */
  get answerBytes(): number {
    return this.#answerBytes;
  }

  /** When the next session expires unless it is used before; null where there is none. */
  get nextDeadlineMs(): LogTimeMs | null {
    return this.#queue.first()?.deadlineMs ?? null;
  }

  /** Forgets the sessions whose time has passed. */
  expire(logTimeMs: LogTimeMs): void {
    this.#nowMs = Math.max(this.#nowMs, logTimeMs);
    for (;;) {
      const session = this.#queue.first();
      if (session === undefined || session.deadlineMs > this.#nowMs) return;
      this.#forget(session);
    }
  }

  /**
   * Opens a session, or finds the one that this nonce opened.
   *
   * @param nonce The nonce as a byte string.
   * @param open The time-out that is asked for, and where the entry stands.
   * @returns The session, or null where there are too many.
   */
  open(
    nonce: string,
    open: {
      readonly timeoutMs: number;
      readonly index: Index;
      readonly term: Term;
      readonly logTimeMs: LogTimeMs;
    },
  ): SessionFields | null {
    this.expire(open.logTimeMs);
    const known = this.#byNonce.get(nonce);
    if (known !== undefined) {
      this.#renew(known);
      return known;
    }
    if (this.#sessions.size >= this.limits.sessionsMax) return null;
    const { timeoutMs, index, term } = open;
    const deadlineMs = this.#nowMs + timeoutMs;
    return this.#insert({
      number: index,
      term,
      nonce,
      timeoutMs,
      deadlineMs,
      lowestUnanswered: 1,
    });
  }

  /** Renews a session; false where it is not there. */
  keepAlive(number: Index, logTimeMs: LogTimeMs): boolean {
    this.expire(logTimeMs);
    const session = this.#sessions.get(number);
    if (session === undefined) return false;
    this.#renew(session);
    return true;
  }

  /** Forgets a session; false where it is not there. */
  close(number: Index, logTimeMs: LogTimeMs): boolean {
    this.expire(logTimeMs);
    const session = this.#sessions.get(number);
    if (session === undefined) return false;
    this.#forget(session);
    return true;
  }

  /**
   * Decides on the command of the next entry. Where it is new, apply it and call
   * {@linkcode remember}; where it is a duplicate, {@linkcode firstAnswer} tells what to answer.
   */
  admit(id: SessionCommandId, logTimeMs: LogTimeMs): SessionAdmission {
    assert(id.sequence >= 1, () => `sequence number ${id.sequence} is no command`);
    this.#admitted = null;
    if (!this.keepAlive(id.session, logTimeMs)) return "expired";
    const session = this.#sessions.get(id.session)!;
    const { sequence, lowestUnanswered } = id;
    if (sequence < session.lowestUnanswered) return "answered";
    this.#dropAnswered(session, lowestUnanswered);
    this.#admitted = { session, sequence };
    if (session.answers.has(sequence)) return "duplicate";
    if (sequence - session.lowestUnanswered >= this.limits.answersMax) return "tooMany";
    return this.#answerCount >= this.limits.answersTotalMax ? "full" : "new";
  }

  /** Remembers the answer of the command that was admitted as new by the call before. */
  remember(answer: {
    readonly index: Index;
    readonly term: Term;
    readonly result: Uint8Array;
  }): void {
    assert(this.#admitted !== null, "an answer is remembered of a command that was not admitted");
    const { session, sequence } = this.#admitted;
    const { index, term, result } = answer;
    const isKept = session.answerBytes + result.length <= this.limits.answerBytesMax &&
      this.#answerBytes + result.length <= this.limits.answerBytesTotalMax;
    this.#addAnswer(session, sequence, { index, term, result: isKept ? result.slice() : null });
    assert(
      session.answers.size <= this.limits.answersMax,
      () => `session ${session.number} keeps ${session.answers.size} answers`,
    );
  }

  /** What the command that was admitted as a duplicate by the call before was answered. */
  firstAnswer(): FirstAnswer {
    assert(this.#admitted !== null, "the answer is asked of a command that was not admitted");
    const { session, sequence } = this.#admitted;
    return session.answers.get(sequence)!;
  }

  /** The table as it is now; what comes later does not change the view. */
  view(): SessionTableView {
    const sessions = Array.from(this.#sessions.values(), (session): SessionView => {
      const { number, term, nonce, timeoutMs, deadlineMs, lowestUnanswered } = session;
      const answers = [...session.answers];
      return { number, term, nonce, timeoutMs, deadlineMs, lowestUnanswered, answers };
    });
    return { nowMs: this.#nowMs, sessions };
  }

  /** Sets the log time of a table that is being restored from a snapshot. */
  restoreNow(nowMs: LogTimeMs): void {
    assert(
      this.#sessions.size === 0,
      () => `the table holds ${this.#sessions.size} sessions already`,
    );
    this.#nowMs = nowMs;
  }

  /** Adds a session to a table that is being restored, ascending by number, without answers. */
  restoreSession(fields: SessionFields): void {
    this.#insert(fields);
  }

  /** Adds an answer to a session of a table that is being restored; false where it has it. */
  restoreAnswer(number: Index, sequence: number, answer: FirstAnswer): boolean {
    const session = this.#sessions.get(number);
    assert(session !== undefined, () => `session ${number} is not there to have an answer`);
    if (session.answers.has(sequence)) return false;
    this.#addAnswer(session, sequence, answer);
    return true;
  }

  #insert(fields: SessionFields): Session {
    const { number, term, nonce, timeoutMs, deadlineMs, lowestUnanswered } = fields;
    assert(!this.#sessions.has(number), () => `session ${number} is opened twice`);
    const session: Session = {
      number,
      term,
      nonce,
      timeoutMs,
      deadlineMs,
      lowestUnanswered,
      answerBytes: 0,
      answersHash: 0,
      answers: new Map(),
      queuedMs: 0,
      queuePlace: -1,
    };
    this.#sessions.set(number, session);
    this.#byNonce.set(nonce, session);
    this.#queue.add(session);
    return session;
  }

  #renew(session: Session): void {
    session.deadlineMs = this.#nowMs + session.timeoutMs;
    this.#queue.moved(session);
  }

  #addAnswer(session: Session, sequence: number, answer: FirstAnswer): void {
    assert(!session.answers.has(sequence), () => `command ${sequence} is answered twice`);
    session.answers.set(sequence, answer);
    session.answersHash = (session.answersHash + hashOfAnswer(sequence, answer)) | 0;
    this.#count(session, 1, answer.result?.length ?? 0);
  }

  #count(session: Session, answers: number, bytes: number): void {
    session.answerBytes += bytes;
    this.#answerBytes += bytes;
    this.#answerCount += answers;
  }

  /** The client has all answers below `lowest`. */
  #dropAnswered(session: Session, lowest: number): void {
    const { answers } = session;
    const before = session.lowestUnanswered;
    if (lowest <= before) return;
    session.lowestUnanswered = lowest;
    // Whatever is fewer: the numbers that were passed, or the answers that are kept.
    if (lowest - before <= answers.size) {
      for (let sequence = before; sequence < lowest; sequence += 1) this.#drop(session, sequence);
      return;
    }
    for (const sequence of [...answers.keys()]) {
      if (sequence < lowest) this.#drop(session, sequence);
    }
  }

  #drop(session: Session, sequence: number): void {
    const answer = session.answers.get(sequence);
    if (answer === undefined) return;
    session.answers.delete(sequence);
    session.answersHash = (session.answersHash - hashOfAnswer(sequence, answer)) | 0;
    this.#count(session, -1, -(answer.result?.length ?? 0));
  }

  #forget(session: Session): void {
    this.#count(session, -session.answers.size, -session.answerBytes);
    this.#queue.remove(session);
    this.#sessions.delete(session.number);
    this.#byNonce.delete(session.nonce);
  }
}

function hashOfSession(session: Session): number {
  const { number, term, nonce, timeoutMs, deadlineMs, lowestUnanswered, answersHash } = session;
  let hash = hashInteger(hashByteString(HASH_SEED, nonce), number);
  hash = hashInteger(hash, term);
  hash = hashInteger(hash, timeoutMs);
  hash = hashInteger(hash, deadlineMs);
  hash = hashInteger(hash, lowestUnanswered);
  return finishHash(hashInteger(hash, answersHash));
}

function hashOfAnswer(sequence: number, { index, term, result }: FirstAnswer): number {
  const hash = hashInteger(hashInteger(hashInteger(HASH_SEED, sequence), index), term);
  return finishHash(result === null ? hash : hashBytes(hash, result));
}
