/**
 * The table of sessions in snapshots. The first record has the log time and the count of sessions:
 *
 * ```
 * nowMs | count of sessions
 * ```
 *
 * Then follows a record for each session, ascending by number, and behind each one a record for
 * each of its answers:
 *
 * ```
 * number | term | timeoutMs | deadlineMs | lowestUnanswered | count of answers
 * nonce (8 bytes)
 *
 * sequence − lowestUnanswered | index − number | term | 1 + length, 0 where it was too large
 * answer
 * ```
 *
 * @module
 */
import { SESSION_TIMEOUT_MS_MAX } from "../limits.ts";
import { INTEGER_MAX } from "../types.ts";
import { toByteString } from "./byte_string.ts";
import type { ByteSource } from "./byte_source.ts";
import { SESSION_NONCE_BYTES, SESSION_SEQUENCE_MAX } from "./command_id.ts";
import {
  type SessionLimits,
  SessionTable,
  type SessionTableView,
  type SessionView,
} from "./session_table.ts";
import {
  badSnapshot,
  readSnapshotFrames,
  type SnapshotFormat,
  SnapshotFrameWriter,
} from "./snapshot_frames.ts";
import { SnapshotRecordReader } from "./snapshot_records.ts";

/** The format of the frames that hold it. */
export const SESSIONS_FORMAT: SnapshotFormat = { name: "sessions of clients", kind: 3, version: 1 };

/** The chunks of a snapshot of the table. Equal tables give equal bytes. */
export function* encodeSessions(view: SessionTableView): Generator<Uint8Array, void> {
  const writer = new SnapshotFrameWriter(SESSIONS_FORMAT);
  writer.putInteger(view.nowMs);
  writer.putInteger(view.sessions.length);
  for (const session of view.sessions) {
    putSession(writer, session);
    for (const [sequence, { index, term, result }] of session.answers) {
      writer.putInteger(sequence - session.lowestUnanswered);
      writer.putInteger(index - session.number);
      writer.putInteger(term);
      writer.putInteger(result === null ? 0 : 1 + result.length);
      if (result !== null) writer.putBytes(result);
      for (let frame = writer.takeReady(); frame; frame = writer.takeReady()) yield frame;
    }
    for (let frame = writer.takeReady(); frame; frame = writer.takeReady()) yield frame;
  }
  writer.finish();
  for (let frame = writer.takeReady(); frame; frame = writer.takeReady()) yield frame;
}

function putSession(writer: SnapshotFrameWriter, session: SessionView): void {
  writer.putInteger(session.number);
  writer.putInteger(session.term);
  writer.putInteger(session.timeoutMs);
  writer.putInteger(session.deadlineMs);
  writer.putInteger(session.lowestUnanswered);
  writer.putInteger(session.answers.length);
  writer.putByteString(session.nonce);
}

/**
 * Reads a table from a snapshot, up to the last of its own frames.
 *
 * @throws {BadDataError} If the bytes are not a table within these limits.
 */
export async function restoreSessions(
  source: ByteSource,
  limits: SessionLimits,
): Promise<SessionTable> {
  const restorer = new Restorer(limits);
  for await (const body of readSnapshotFrames(source, SESSIONS_FORMAT)) restorer.push(body);
  return restorer.finish();
}

/** Builds a table record by record. */
class Restorer {
  readonly #table: SessionTable;
  readonly #reader = new SnapshotRecordReader(SESSIONS_FORMAT);
  /** How many sessions there will be; -1 until the first record came. */
  #count = -1;
  #nowMs = 0;
  /** The session that was read last, and how many of its answers are still to come. */
  #number = 0;
  #lowestUnanswered = 0;
  #answersLeft = 0;

  constructor(limits: SessionLimits) {
    this.#table = new SessionTable(limits);
  }

  push(body: Uint8Array): void {
    this.#reader.push(body);
    if (this.#count < 0 && !this.#readHeader()) return;
    for (;;) {
      if (this.#answersLeft > 0) {
        if (!this.#readAnswer()) return;
      } else if (this.#table.count === this.#count || !this.#readSession()) return;
    }
  }

  finish(): SessionTable {
    const isWhole = this.#table.count === this.#count && this.#answersLeft === 0;
    if (!isWhole || !this.#reader.isEmpty) {
      throw badSnapshot(
        SESSIONS_FORMAT,
        `it ends after ${this.#table.count} sessions, want ${Math.max(0, this.#count)}`,
      );
    }
    return this.#table;
  }

  #readHeader(): boolean {
    const integers = this.#reader.peekIntegers(2);
    if (integers === null) return false;
    const [nowMs = 0, count = 0] = integers;
    const { sessionsMax } = this.#table.limits;
    if (count > sessionsMax) {
      throw badSnapshot(SESSIONS_FORMAT, `it has ${count} sessions, want ≤ ${sessionsMax}`);
    }
    this.#reader.takeBytes(0);
    this.#table.restoreNow(nowMs);
    this.#nowMs = nowMs;
    this.#count = count;
    return true;
  }

  #readSession(): boolean {
    const integers = this.#reader.peekIntegers(6);
    if (integers === null) return false;
    const [number = 0, term = 0, timeoutMs = 0, deadlineMs = 0, lowest = 0, answers = 0] = integers;
    const bytes = this.#reader.takeBytes(SESSION_NONCE_BYTES);
    if (bytes === null) return false;
    const isInRange = number > this.#number && term >= 1 && timeoutMs <= SESSION_TIMEOUT_MS_MAX &&
      deadlineMs <= this.#nowMs + timeoutMs && lowest >= 1 && lowest <= SESSION_SEQUENCE_MAX;
    if (!isInRange || answers > this.#table.limits.answersMax) {
      throw badSnapshot(SESSIONS_FORMAT, `session ${this.#table.count} has a field out of range`);
    }
    const nonce = toByteString(bytes);
    const lowestUnanswered = lowest;
    this.#table.restoreSession({ number, term, nonce, timeoutMs, deadlineMs, lowestUnanswered });
    this.#number = number;
    this.#lowestUnanswered = lowest;
    this.#answersLeft = answers;
    return true;
  }

  #readAnswer(): boolean {
    const integers = this.#reader.peekIntegers(4);
    if (integers === null) return false;
    const [above = 0, age = 0, term = 0, size = 0] = integers;
    const { answersMax, answersTotalMax, answerBytesMax } = this.#table.limits;
    const index = this.#number + age;
    const isInRange = above < answersMax && index <= INTEGER_MAX && term >= 1 &&
      size <= 1 + answerBytesMax && this.#table.answerCount < answersTotalMax;
    if (!isInRange) {
      throw badSnapshot(
        SESSIONS_FORMAT,
        `an answer of session ${this.#number} has a field out of range`,
      );
    }
    const bytes = this.#reader.takeBytes(Math.max(0, size - 1));
    if (bytes === null) return false;
    const result = size === 0 ? null : bytes.slice();
    const sequence = this.#lowestUnanswered + above;
    if (!this.#table.restoreAnswer(this.#number, sequence, { index, term, result })) {
      throw badSnapshot(
        SESSIONS_FORMAT,
        `command ${sequence} of session ${this.#number} is there twice`,
      );
    }
    this.#answersLeft -= 1;
    return true;
  }
}
