/**
 * What the records found at opening add up to: a LogRecovery in the making.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { EntryKind, INTEGER_MAX } from "../types.ts";
import type { Index, LogTimeMs, Term, TermRun } from "../types.ts";
import type { LogRecovery } from "./log.ts";
import type { PositionIndex } from "./position_index.ts";
import { POINT_BYTES } from "./position_index.ts";
import { RECORD_HEADER_BYTES, recordPayload } from "./record.ts";
import type { UnitHeader } from "./unit.ts";
import { UNIT_HEADER_BYTES, unitBytes } from "./unit.ts";

const TWO_POW_32 = 4294967296;

/** Entries in the order of their indexes. */
export class RecoveredEntries {
  #nextIndex: Index;
  #term: Term;
  #timestampMs: LogTimeMs = 0;
  readonly #termRuns: TermRun[] = [];
  readonly #configurations: { index: Index; payload: Uint8Array }[] = [];

  /** Starts before the entry with `firstIndex`; `term` is that of the entry before, if known. */
  constructor(firstIndex: Index, term: Term = 0) {
    assert(firstIndex >= 1, () => `the first index is ${firstIndex}`);
    this.#nextIndex = firstIndex;
    this.#term = term;
  }

  /** The index that the next entry must have. */
  get nextIndex(): Index {
    return this.#nextIndex;
  }

  /** The term of the last entry, or of the one before the first. */
  get term(): Term {
    return this.#term;
  }

  /** Everything that was found. */
  recovery(tornTailBytes: number): LogRecovery {
    assert(tornTailBytes >= 0, () => `the torn tail has ${tornTailBytes} bytes`);
    return {
      termRuns: this.#termRuns,
      lastTimestampMs: this.#timestampMs,
      configurations: this.#configurations,
      tornTailBytes,
    };
  }

  /**
   * Takes the records of a unit whose checksums match, and points to them in `index`.
   *
   * The checksum of the unit covers every byte, those of the single records are left alone here;
   * readers verify them.
   *
   * @param unit The whole unit; nothing of it is kept.
   * @returns What is wrong with the records, or null.
   */
  addUnit(
    unit: Uint8Array,
    { header, index }: { readonly header: UnitHeader; readonly index: PositionIndex },
  ): string | null {
    const expectedIndex = this.#nextIndex;
    if (header.firstIndex !== expectedIndex) {
      return `the first index is ${header.firstIndex}, want ${expectedIndex}`;
    }
    const view = new DataView(unit.buffer, unit.byteOffset, unit.length);
    const end = UNIT_HEADER_BYTES + header.recordBytes;
    const recordsEnd = header.position + end;
    const unitEnd = header.position + unitBytes(header);
    let offset = UNIT_HEADER_BYTES;
    let nextPoint = offset;
    while (offset < end) {
      if (offset >= nextPoint) {
        const position = header.position + offset;
        index.add({ index: this.#nextIndex, position, recordsEnd, unitEnd });
        nextPoint = offset + POINT_BYTES;
      }
      if (offset + RECORD_HEADER_BYTES > end) return `the record ${this.#nextIndex} is cut off`;
      const length = view.getUint32(offset, true);
      const next = offset + Math.ceil(length / 8) * 8;
      if (length < RECORD_HEADER_BYTES || next > end) {
        return `the record ${this.#nextIndex} has the length ${length}`;
      }
      const fault = this.#addRecord(view, offset);
      if (fault !== null) return fault;
      offset = next;
    }
    const count = this.#nextIndex - expectedIndex;
    return count === header.recordCount ? null : `it holds ${count}, not ${header.recordCount}`;
  }

  #addRecord(view: DataView, offset: number): string | null {
    const index = readUint64(view, offset + 8);
    const term = readUint64(view, offset + 16);
    const timestampMs = readUint64(view, offset + 24);
    const kind = view.getUint8(offset + 32);
    if (index !== this.#nextIndex) return `a record has index ${index}, want ${this.#nextIndex}`;
    if (term < this.#term || term < 1 || term > INTEGER_MAX) {
      return `the record ${index} has term ${term} after ${this.#term}`;
    }
    if (timestampMs > INTEGER_MAX) return `the record ${index} has the time ${timestampMs}`;
    if (kind < EntryKind.noop || kind > EntryKind.tick) {
      return `the record ${index} has kind ${kind}`;
    }
    if (term > this.#term) {
      this.#term = term;
      this.#termRuns.push({ term, firstIndex: index });
    }
    if (kind === EntryKind.configuration) {
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      this.#configurations.push({ index, payload: recordPayload(bytes, offset).slice() });
    }
    this.#timestampMs = timestampMs;
    this.#nextIndex = index + 1;
    return null;
  }
}

function readUint64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * TWO_POW_32;
}
