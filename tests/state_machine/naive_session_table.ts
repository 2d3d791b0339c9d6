/**
 * The rules of sessions on plain arrays, without a queue and without counters: what the real table
 * is compared with.
 */
import type { SessionAdmission, SessionLimits } from "../../src/state_machine/session_table.ts";

interface NaiveAnswer {
  readonly sequence: number;
  readonly index: number;
  readonly result: readonly number[] | null;
}

interface NaiveSession {
  readonly number: number;
  readonly nonce: string;
  readonly timeoutMs: number;
  usedMs: number;
  lowest: number;
  answers: NaiveAnswer[];
}

/** See the comment of this file. */
export class NaiveSessionTable {
  readonly #limits: SessionLimits;
  sessions: NaiveSession[] = [];

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  get answers(): NaiveAnswer[] {
    return this.sessions.flatMap(({ answers }) => answers);
  }

  get bytes(): number {
    return this.answers.reduce((sum, { result }) => sum + (result?.length ?? 0), 0);
  }

  get nextDeadlineMs(): number | null {
    if (this.sessions.length === 0) return null;
    return Math.min(...this.sessions.map(({ usedMs, timeoutMs }) => usedMs + timeoutMs));
  }

  expire(nowMs: number): void {
    this.sessions = this.sessions.filter(({ usedMs, timeoutMs }) => usedMs + timeoutMs > nowMs);
  }

  open(nonce: string, options: { timeoutMs: number; index: number; nowMs: number }): number | null {
    const { timeoutMs, index, nowMs } = options;
    this.expire(nowMs);
    const known = this.sessions.find((session) => session.nonce === nonce);
    if (known !== undefined) {
      known.usedMs = nowMs;
      return known.number;
    }
    if (this.sessions.length >= this.#limits.sessionsMax) return null;
    this.sessions.push({ number: index, nonce, timeoutMs, usedMs: nowMs, lowest: 1, answers: [] });
    return index;
  }

  close(number: number, nowMs: number): boolean {
    this.expire(nowMs);
    const before = this.sessions.length;
    this.sessions = this.sessions.filter((session) => session.number !== number);
    return this.sessions.length < before;
  }

  /** Applies a command, with its answer where it is new. */
  apply(
    command: { number: number; sequence: number; lowest: number },
    options: { index: number; nowMs: number; result: readonly number[] },
  ): { readonly admission: SessionAdmission; readonly answer: NaiveAnswer | null } {
    const { nowMs, index, result } = options;
    this.expire(nowMs);
    const session = this.sessions.find(({ number }) => number === command.number);
    if (session === undefined) return { admission: "expired", answer: null };
    session.usedMs = nowMs;
    const { sequence } = command;
    if (sequence < session.lowest) return { admission: "answered", answer: null };
    session.lowest = Math.max(session.lowest, command.lowest);
    session.answers = session.answers.filter((answer) => answer.sequence >= session.lowest);
    const known = session.answers.find((answer) => answer.sequence === sequence);
    if (known !== undefined) return { admission: "duplicate", answer: known };
    const { answersMax, answersTotalMax, answerBytesMax, answerBytesTotalMax } = this.#limits;
    if (sequence - session.lowest >= answersMax) return { admission: "tooMany", answer: null };
    if (this.answers.length >= answersTotalMax) return { admission: "full", answer: null };
    const own = session.answers.reduce((sum, answer) => sum + (answer.result?.length ?? 0), 0);
    const fits = own + result.length <= answerBytesMax &&
      this.bytes + result.length <= answerBytesTotalMax;
    const answer = { sequence, index, result: fits ? result : null };
    session.answers.push(answer);
    return { admission: "new", answer };
  }
}
