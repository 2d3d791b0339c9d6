/**
 * Reads records of a range of indexes back from segments.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32 } from "../bytes.ts";
import { StorageError } from "../errors.ts";
import type { Index } from "../types.ts";
import type { RecordBatch } from "./log.ts";
import { RECORD_HEADER_BYTES, recordEnd, recordFault, recordHeader } from "./record.ts";
import type { Segment } from "./segment.ts";
import { SegmentScanner } from "./segment_scanner.ts";
import { decodeUnitHeader, UNIT_HEADER_BYTES, unitBytes, UnitKind } from "./unit.ts";

/** How much is read at least, to get at the lengths of records. */
const READ_BYTES_MIN = 4 * 1024;
const READ_BYTES_MAX = 1024 * 1024;

/** Collects records in the order of their indexes, until a limit of bytes is reached. */
export class RecordCollector {
  readonly firstIndex: Index;
  readonly #lastIndexMax: Index;
  readonly #bytesMax: number;
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;
  #lastIndex: Index;
  #isFull = false;

  /** Starts with nothing. */
  constructor(
    range: { readonly firstIndex: Index; readonly lastIndex: Index; readonly bytesMax: number },
  ) {
    assert(range.firstIndex <= range.lastIndex, `${range.firstIndex} to ${range.lastIndex}`);
    assert(range.bytesMax >= 0, `the limit is ${range.bytesMax} bytes`);
    this.firstIndex = range.firstIndex;
    this.#lastIndexMax = range.lastIndex;
    this.#lastIndex = range.firstIndex - 1;
    this.#bytesMax = range.bytesMax;
  }

  /** The index that comes next. */
  get nextIndex(): Index {
    return this.#lastIndex + 1;
  }

  /** Whether nothing more is wanted. */
  get isDone(): boolean {
    return this.#isFull || this.#lastIndex === this.#lastIndexMax;
  }

  /** How many bytes may still come. */
  get bytesLeft(): number {
    return Math.max(0, this.#bytesMax - this.#bytes);
  }

  /** Takes whole records from the start of `bytes` on, as far as wanted; copies them. */
  add(bytes: Uint8Array): void {
    let offset = 0;
    while (offset < bytes.length && !this.isDone) {
      const end = recordEnd(bytes, offset);
      assert(end <= bytes.length, `a record ends at ${end} of ${bytes.length}`);
      const isFirst = this.#bytes + offset === 0;
      if (!isFirst && this.#bytes + end > this.#bytesMax) this.#isFull = true;
      else {
        offset = end;
        this.#lastIndex += 1;
      }
    }
    if (offset === 0) return;
    this.#parts.push(bytes.slice(0, offset));
    this.#bytes += offset;
  }

  /** What was collected, in one piece. */
  take(): RecordBatch {
    assert(this.#lastIndex >= this.firstIndex, `nothing from ${this.firstIndex} on was found`);
    let bytes = this.#parts[0]!;
    if (this.#parts.length > 1) {
      bytes = new Uint8Array(this.#bytes);
      let offset = 0;
      for (const part of this.#parts) {
        bytes.set(part, offset);
        offset += part.length;
      }
      assert(offset === this.#bytes, `collected ${offset} bytes, want ${this.#bytes}`);
    }
    return { firstIndex: this.firstIndex, lastIndex: this.#lastIndex, bytes };
  }
}

/**
 * Adds the records of `segment` from the collector's next index to `lastIndex` to the collector, and
 * verifies each of them.
 *
 * @throws {StorageError} If what was good when it was written or opened is not any more.
 */
export async function readFromSegment(
  segment: Segment,
  { collector, lastIndex }: { readonly collector: RecordCollector; readonly lastIndex: Index },
): Promise<void> {
  assert(collector.nextIndex >= segment.firstIndex, `${collector.nextIndex} is before the segment`);
  assert(lastIndex <= segment.lastIndex, `${lastIndex} is behind ${segment.lastIndex}`);
  const point = segment.index.find(collector.nextIndex);
  const wanted = collector.bytesLeft + RECORD_HEADER_BYTES;
  const windowBytes = Math.max(READ_BYTES_MIN, Math.min(READ_BYTES_MAX, wanted));
  const end = segment.end;
  const reader = new RecordReader(segment, new SegmentScanner(segment.file, { end, windowBytes }));
  let { index, position, recordsEnd, unitEnd } = point;
  while (index <= lastIndex && !collector.isDone) {
    if (position === recordsEnd) {
      ({ position, recordsEnd, unitEnd } = await reader.nextUnit(unitEnd));
      continue;
    }
    const record = await reader.record(position, { index, recordsEnd });
    if (index === collector.nextIndex) collector.add(record);
    index += 1;
    position += record.length;
  }
}

/** Reads single records and unit headers. */
class RecordReader {
  readonly #segment: Segment;
  readonly #scanner: SegmentScanner;

  constructor(segment: Segment, scanner: SegmentScanner) {
    this.#segment = segment;
    this.#scanner = scanner;
  }

  /** Where the records of the unit at `position` are. */
  async nextUnit(
    position: number,
  ): Promise<{ position: number; recordsEnd: number; unitEnd: number }> {
    const bytes = this.#scanner.peek(position, UNIT_HEADER_BYTES) ??
      await this.#scanner.load(position, UNIT_HEADER_BYTES);
    if (bytes.length < UNIT_HEADER_BYTES) throw this.#damaged(position, "the file ends");
    const header = decodeUnitHeader(bytes, 0, { seed: this.#segment.seed, position });
    if (typeof header === "string") throw this.#damaged(position, "the unit header is bad");
    if (header.kind !== UnitKind.records) throw this.#damaged(position, "the segment ends");
    const start = position + UNIT_HEADER_BYTES;
    return {
      position: start,
      recordsEnd: start + header.recordBytes,
      unitEnd: position + unitBytes(header),
    };
  }

  /** The verified record with `index` at `position`; valid until the next call. */
  async record(
    position: number,
    { index, recordsEnd }: { readonly index: Index; readonly recordsEnd: number },
  ): Promise<Uint8Array> {
    const head = this.#scanner.peek(position, RECORD_HEADER_BYTES) ??
      await this.#scanner.load(position, RECORD_HEADER_BYTES);
    if (head.length < RECORD_HEADER_BYTES) throw this.#damaged(position, "the file ends");
    const bytes = Math.ceil(getUint32(head, 0) / 8) * 8;
    if (position + bytes > recordsEnd) throw this.#damaged(position, `its length is ${bytes}`);
    const record = this.#scanner.peek(position, bytes) ??
      await this.#scanner.load(position, bytes);
    const fault = recordFault(record, 0);
    if (fault !== null) throw this.#damaged(position, fault);
    const found = recordHeader(record, 0).index;
    if (found !== index) throw this.#damaged(position, `its index is ${found}, want ${index}`);
    return record;
  }

  #damaged(position: number, fault: string): StorageError {
    const { path } = this.#segment.file;
    return new StorageError(
      `Cannot read "${path}" at offset ${position}, damaged since it was opened: ${fault}`,
    );
  }
}
