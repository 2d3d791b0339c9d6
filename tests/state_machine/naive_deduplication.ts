/**
 * The rules of deduplication.ts once more, on plain arrays and without a thought for speed: what
 * the real table is compared with.
 */
import {
  type Admission,
  CARRIES_PER_COMMAND,
  CARRIES_SAVED_MAX,
  type DeduplicationLimits,
  DROPS_PER_COMMAND_MAX,
  type FirstAnswer,
} from "../../src/state_machine/deduplication.ts";
import { formatRequestId, requestIssueTimeMs } from "../../src/state_machine/request_id.ts";

interface NaiveAnswer extends FirstAnswer {
  readonly id: string;
  readonly isChosen: boolean;
  readonly sinceMs: number;
}

/** See the comment of this file. */
export class NaiveDeduplication {
  readonly #limits: DeduplicationLimits;
  #answers: NaiveAnswer[] = [];
  #nowMs = 0;
  #floorMs = 0;
  #carries = 0;

  constructor(limits: DeduplicationLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#answers.length;
  }

  admit(id: Uint8Array, logTimeMs: number): Admission | FirstAnswer {
    this.#nowMs = Math.max(this.#nowMs, logTimeMs);
    for (let i = 0; i < DROPS_PER_COMMAND_MAX; i += 1) {
      if (this.#answers[0] && this.#isPast(this.#answers[0])) this.#answers.shift();
    }
    const issueTimeMs = requestIssueTimeMs(id);
    const name = formatRequestId(id);
    const found = this.#answers.findLast((answer) => answer.id === name);
    if (found && !(found.isChosen && this.#isPast(found))) return found;
    if (issueTimeMs === 0) return "new";
    if (issueTimeMs > this.#nowMs + this.#limits.windowMs) return "invalid";
    const isTooOld = issueTimeMs < this.#nowMs - this.#limits.windowMs;
    return isTooOld || issueTimeMs <= this.#floorMs ? "expired" : "new";
  }

  remember(id: Uint8Array, answer: { index: number; term: number; result: Uint8Array }): void {
    const issueTimeMs = requestIssueTimeMs(id);
    this.#answers.push({
      id: formatRequestId(id),
      isChosen: issueTimeMs === 0,
      sinceMs: issueTimeMs === 0 ? this.#nowMs : issueTimeMs,
      index: answer.index,
      term: answer.term,
      result: answer.result.length > this.#limits.answerKeptBytesMax ? null : answer.result.slice(),
    });
    if (this.#carries < CARRIES_SAVED_MAX) this.#carries += CARRIES_PER_COMMAND;
    while (this.#isBeyondBounds()) this.#dropForBounds();
  }

  #isBeyondBounds(): boolean {
    const bytes = this.#answers.reduce((sum, { result }) => sum + (result?.length ?? 0), 0);
    return this.#answers.length > this.#limits.idsMax ||
      (bytes > this.#limits.answerBytesMax && this.#answers.length > 1);
  }

  #dropForBounds(): void {
    const oldest = this.#answers.shift()!;
    const isCarried = oldest.isChosen ? !this.#isPast(oldest) : oldest.sinceMs > this.#nowMs;
    if (isCarried && this.#carries > 0) {
      this.#carries -= 1;
      this.#answers.push(oldest);
    } else if (!oldest.isChosen) {
      this.#floorMs = Math.max(this.#floorMs, oldest.sinceMs);
    }
  }

  #isPast(answer: NaiveAnswer): boolean {
    return answer.sinceMs < this.#nowMs - this.#limits.windowMs;
  }
}
