/**
 * The table of answers in snapshots. The first record has the counters:
 *
 * ```
 * nowMs | floorMs | carriesSaved | count of answers
 * ```
 *
 * Then follows a record for each answer, oldest first. Indexes and terms are differences to those
 * of the answer before, as most are small:
 *
 * ```
 * flags      1: the answer was too large to be kept; 2: the index falls; 4: the term falls
 * index      difference
 * term       difference
 * sinceMs    0 for an id that carries its time
 * length     bytes of the answer
 * id, answer
 * ```
 *
 * @module
 */
import { INTEGER_MAX, type LogTimeMs } from "../types.ts";
import type { ByteSource } from "./byte_source.ts";
import {
  CARRIES_PER_COMMAND,
  CARRIES_SAVED_MAX,
  Deduplication,
  type DeduplicationLimits,
  type DeduplicationView,
} from "./deduplication.ts";
import { REQUEST_ID_BYTES, requestIssueTimeMs } from "./request_id.ts";
import {
  badSnapshot,
  readSnapshotFrames,
  type SnapshotFormat,
  SnapshotFrameWriter,
} from "./snapshot_frames.ts";
import { SnapshotRecordReader } from "./snapshot_records.ts";

/** The format of the frames that hold it. */
export const ANSWERS_FORMAT: SnapshotFormat = { name: "remembered answers", kind: 1, version: 1 };

const FLAG_FORGOTTEN = 1;
const FLAG_INDEX_FALLS = 2;
const FLAG_TERM_FALLS = 4;

/** The chunks of a snapshot of the table. Equal tables give equal bytes. */
export function* encodeDeduplication(view: DeduplicationView): Generator<Uint8Array, void> {
  const writer = new SnapshotFrameWriter(ANSWERS_FORMAT);
  writer.putInteger(view.nowMs);
  writer.putInteger(view.floorMs);
  writer.putInteger(view.carriesSaved);
  writer.putInteger(view.queue.count);
  let index = 0;
  let term = 0;
  for (const [number, page] of view.queue.pages.entries()) {
    const count = view.queue.pageCounts[number]!;
    for (let place = number === 0 ? view.queue.firstPlace : 0; place < count; place += 1) {
      const indexStep = page.indexes[place]! - index;
      const termStep = page.terms[place]! - term;
      writer.putInteger(
        (page.forgotten[place] === 1 ? FLAG_FORGOTTEN : 0) |
          (indexStep < 0 ? FLAG_INDEX_FALLS : 0) | (termStep < 0 ? FLAG_TERM_FALLS : 0),
      );
      writer.putInteger(Math.abs(indexStep));
      writer.putInteger(Math.abs(termStep));
      writer.putInteger(requestIssueTimeMs(page.ids, 16 * place) === 0 ? page.sinceMs[place]! : 0);
      const start = page.start(place);
      const end = page.ends[place]!;
      writer.putInteger(end - start);
      writer.putPart(page.ids, 16 * place, 16 * place + 16);
      writer.putPart(page.bytes, start, end);
      index += indexStep;
      term += termStep;
      for (let frame = writer.takeReady(); frame; frame = writer.takeReady()) yield frame;
    }
  }
  writer.finish();
  for (let frame = writer.takeReady(); frame; frame = writer.takeReady()) yield frame;
}

/**
 * Reads a table from a snapshot, up to the last of its own frames.
 *
 * @throws {BadDataError} If the bytes are not a table within these limits.
 */
export async function restoreDeduplication(
  source: ByteSource,
  limits: DeduplicationLimits,
): Promise<Deduplication> {
  const restorer = new Restorer(limits);
  for await (const body of readSnapshotFrames(source, ANSWERS_FORMAT)) restorer.push(body);
  return restorer.finish();
}

/** Builds a table record by record. */
class Restorer {
  readonly #table: Deduplication;
  readonly #reader = new SnapshotRecordReader(ANSWERS_FORMAT);
  /** How many answers there will be; -1 until the first record came. */
  #count = -1;
  #index = 0;
  #term = 0;
  #nowMs: LogTimeMs = 0;

  constructor(limits: DeduplicationLimits) {
    this.#table = new Deduplication(limits);
  }

  push(body: Uint8Array): void {
    this.#reader.push(body);
    if (this.#count < 0 && !this.#readCounters()) return;
    while (this.#table.count < this.#count && this.#readAnswer());
  }

  finish(): Deduplication {
    if (this.#table.count !== this.#count || !this.#reader.isEmpty) {
      throw badSnapshot(
        ANSWERS_FORMAT,
        `it ends after ${this.#table.count} answers, want ${Math.max(0, this.#count)}`,
      );
    }
    return this.#table;
  }

  #readCounters(): boolean {
    const integers = this.#reader.peekIntegers(4);
    if (integers === null) return false;
    const [nowMs = 0, floorMs = 0, carriesSaved = 0, count = 0] = integers;
    const { idsMax, windowMs } = this.#table.limits;
    if (count > idsMax) {
      throw badSnapshot(ANSWERS_FORMAT, `it has ${count} answers, want ≤ ${idsMax}`);
    }
    if (carriesSaved >= CARRIES_SAVED_MAX + CARRIES_PER_COMMAND) {
      throw badSnapshot(
        ANSWERS_FORMAT,
        `it has ${carriesSaved} carries, want ≤ ${CARRIES_SAVED_MAX}`,
      );
    }
    if (floorMs > nowMs + windowMs) {
      throw badSnapshot(ANSWERS_FORMAT, `its floor ${floorMs} is beyond its log time ${nowMs}`);
    }
    this.#reader.takeBytes(0);
    this.#table.restoreCounters({ nowMs, floorMs, carriesSaved });
    this.#nowMs = nowMs;
    this.#count = count;
    return true;
  }

  #readAnswer(): boolean {
    const integers = this.#reader.peekIntegers(5);
    if (integers === null) return false;
    const [flags = 0, indexStep = 0, termStep = 0, since = 0, length = 0] = integers;
    const { answerKeptBytesMax } = this.#table.limits;
    if (length > answerKeptBytesMax) {
      throw badSnapshot(
        ANSWERS_FORMAT,
        `an answer has ${length} bytes, want ≤ ${answerKeptBytesMax}`,
      );
    }
    const bytes = this.#reader.takeBytes(REQUEST_ID_BYTES + length);
    if (bytes === null) return false;
    const index = this.#index + (flags & FLAG_INDEX_FALLS ? -indexStep : indexStep);
    const term = this.#term + (flags & FLAG_TERM_FALLS ? -termStep : termStep);
    const sinceMs = requestIssueTimeMs(bytes) || since;
    if (!isPosition(index) || !isPosition(term) || flags > 7 || since > this.#nowMs) {
      throw badSnapshot(ANSWERS_FORMAT, `answer ${this.#table.count} has a field out of range`);
    }
    const result = flags & FLAG_FORGOTTEN ? null : bytes.subarray(REQUEST_ID_BYTES);
    this.#table.restoreAnswer(bytes, { index, term, sinceMs, result });
    this.#index = index;
    this.#term = term;
    return true;
  }
}

function isPosition(value: number): boolean {
  return value >= 1 && value <= INTEGER_MAX;
}
