/**
 * Reads records of a range of indexes back from segments.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32, getUint64 } from "../bytes.ts";
import { StorageError } from "../errors.ts";
import { crc32 } from "../runtime/checksum.ts";
import type { Index } from "../types.ts";
import type { RecordBatch } from "./log.ts";
import { RECORD_HEADER_BYTES, recordEnd, recordFault } from "./record.ts";
import type { Point } from "./position_index.ts";
import type { Segment } from "./segment.ts";
import { SegmentScanner } from "./segment_scanner.ts";
import {
  decodeUnitHeader,
  UNIT_HEADER_BYTES,
  unitBytes,
  type UnitHeader,
  UnitKind,
} from "./unit.ts";

/** How much is read at least, to get at the lengths of records. */
const READ_BYTES_MIN = 4 * 1024;
const READ_BYTES_MAX = 1024 * 1024;

/** The room that a collector starts with. */
const COLLECTOR_BYTES = 1024;

/** The memory that readers read into: one that is done leaves it to the next. */
export class ReadWindow {
  #spare: Uint8Array | null = null;

  /** At least so many bytes, whatever is in them. */
  take(bytes: number): Uint8Array {
    const spare = this.#spare;
    if (spare === null || spare.length < bytes) return new Uint8Array(bytes);
    this.#spare = null;
    return spare;
  }

  /** Nobody reads what was taken any more. */
  giveBack(window: Uint8Array): void {
    if (window.length > READ_BYTES_MAX || window.length < (this.#spare?.length ?? 0)) return;
    this.#spare = window;
  }
}

/** Collects records in the order of their indexes, until a limit of bytes is reached. */
export class RecordCollector {
  readonly firstIndex: Index;
  readonly window: ReadWindow;
  readonly #lastIndexMax: Index;
  readonly #bytesMax: number;
  /** Doubles when it is full; the first part holds what was collected. */
  #buffer = new Uint8Array(COLLECTOR_BYTES);
  #bytes = 0;
  #lastIndex: Index;
  #isFull = false;

  /** Starts with nothing; files are read through `window`. */
  constructor(
    range: { readonly firstIndex: Index; readonly lastIndex: Index; readonly bytesMax: number },
    window: ReadWindow,
  ) {
    assert(range.firstIndex <= range.lastIndex, () => `${range.firstIndex} to ${range.lastIndex}`);
    assert(range.bytesMax >= 0, () => `the limit is ${range.bytesMax} bytes`);
    this.firstIndex = range.firstIndex;
    this.window = window;
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

  /**
   * Takes whole records from the start of `bytes` on, as far as wanted; copies them.
   *
   * @returns How many bytes it took.
   */
  add(bytes: Uint8Array): number {
    let offset = 0;
    while (offset < bytes.length && !this.isDone) {
      const end = recordEnd(bytes, offset);
      assert(end <= bytes.length, () => `a record ends at ${end} of ${bytes.length}`);
      const isFirst = this.#bytes + offset === 0;
      if (!isFirst && this.#bytes + end > this.#bytesMax) this.#isFull = true;
      else {
        offset = end;
        this.#lastIndex += 1;
      }
    }
    this.#grow(this.#bytes + offset);
    this.#buffer.set(offset === bytes.length ? bytes : bytes.subarray(0, offset), this.#bytes);
    this.#bytes += offset;
    return offset;
  }

  /** Takes whole records, all of which are wanted and fit; copies them. */
  addAll(bytes: Uint8Array, count: number): void {
    assert(bytes.length <= this.bytesLeft, () => `${bytes.length} bytes, left ${this.bytesLeft}`);
    assert(
      this.#lastIndex + count <= this.#lastIndexMax,
      () => `${count} records after ${this.#lastIndex}, want ${this.#lastIndexMax} at most`,
    );
    this.#grow(this.#bytes + bytes.length);
    this.#buffer.set(bytes, this.#bytes);
    this.#bytes += bytes.length;
    this.#lastIndex += count;
  }

  /** About so many bytes will come: makes room for them at once. */
  expect(bytes: number): void {
    const enough = Math.min(this.#bytesMax, this.#bytes + bytes);
    if (enough > this.#buffer.length) this.#resize(enough);
  }

  /** What was collected, in one piece; the collector is of no use afterwards. */
  take(): RecordBatch {
    assert(
      this.#lastIndex >= this.firstIndex,
      () => `nothing from ${this.firstIndex} on was found`,
    );
    assert(this.#bytes <= this.#buffer.length, () => `${this.#bytes} bytes were collected`);
    const bytes = this.#buffer.subarray(0, this.#bytes);
    return { firstIndex: this.firstIndex, lastIndex: this.#lastIndex, bytes };
  }

  #grow(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    // Where much has come the rest of what is wanted follows, as a rule.
    const isMuch = bytes >= this.#bytesMax / 4;
    const enough = isMuch ? this.#bytesMax : 2 * this.#buffer.length;
    this.#resize(Math.max(bytes, enough));
  }

  #resize(bytes: number): void {
    const larger = new Uint8Array(bytes);
    larger.set(this.#buffer.subarray(0, this.#bytes));
    this.#buffer = larger;
  }
}

/**
 * Adds the records of `segment` from the collector's next index to `lastIndex` to the collector,
 * and verifies them: each by its own checksum, or all of a unit by that of the unit.
 *
 * @throws {StorageError} If what was good when it was written or opened is not any more.
 */
export async function readFromSegment(
  segment: Segment,
  { collector, lastIndex }: { readonly collector: RecordCollector; readonly lastIndex: Index },
): Promise<void> {
  assert(
    collector.nextIndex >= segment.firstIndex,
    () => `${collector.nextIndex} is before the segment`,
  );
  assert(lastIndex <= segment.lastIndex, () => `${lastIndex} is behind ${segment.lastIndex}`);
  const expected = segment.index.bytesBetween(collector.nextIndex, lastIndex);
  collector.expect(expected);
  const wanted = Math.min(collector.bytesLeft, expected) + RECORD_HEADER_BYTES;
  const windowBytes = Math.max(READ_BYTES_MIN, Math.min(READ_BYTES_MAX, wanted));
  const buffer = collector.window.take(windowBytes);
  const scanner = new SegmentScanner(segment.file, { end: segment.end, buffer, windowBytes });
  const cursor = new RecordCursor(segment, { scanner, collector, lastIndex });
  for (;;) {
    const needed = cursor.run();
    if (needed === 0) break;
    await scanner.load(cursor.position, needed);
  }
  // After an error a read may still be under way.
  collector.window.giveBack(buffer);
  segment.index.addReadEnd(cursor.point);
}

/** Walks through the records that a scanner holds, without waiting. */
class RecordCursor {
  readonly #segment: Segment;
  readonly #scanner: SegmentScanner;
  readonly #collector: RecordCollector;
  readonly #lastIndex: Index;
  /** The index of the next record. */
  #index: Index;
  /** Where it is, or where the unit starts that holds it. */
  #position: number;
  /** Where the records of the current unit end. */
  #recordsEnd: number;
  /** Where the current unit ends. */
  #unitEnd: number;
  /** The current unit where it was entered at its start, and nothing of it was taken yet. */
  #unit: UnitHeader | null = null;

  constructor(
    segment: Segment,
    options: { scanner: SegmentScanner; collector: RecordCollector; lastIndex: Index },
  ) {
    this.#segment = segment;
    this.#scanner = options.scanner;
    this.#collector = options.collector;
    this.#lastIndex = options.lastIndex;
    const point = segment.index.find(options.collector.nextIndex);
    this.#index = point.index;
    this.#position = point.position;
    this.#recordsEnd = point.recordsEnd;
    this.#unitEnd = point.unitEnd;
  }

  /** Where it stands. */
  get position(): number {
    return this.#position;
  }

  /** Where it stands, for the read that goes on there. */
  get point(): Point {
    return {
      index: this.#index,
      position: this.#position,
      recordsEnd: this.#recordsEnd,
      unitEnd: this.#unitEnd,
    };
  }

  /** Goes on as far as it can; returns how many bytes it needs from `position` on, 0 at the end. */
  run(): number {
    while (this.#index <= this.#lastIndex && !this.#collector.isDone) {
      const needed = this.#position === this.#recordsEnd ? this.#enterUnit() : this.#takeRecords();
      if (needed > 0) return needed;
    }
    return 0;
  }

  #enterUnit(): number {
    this.#position = this.#unitEnd;
    this.#recordsEnd = this.#unitEnd;
    if (!this.#scanner.holds(this.#position, UNIT_HEADER_BYTES)) return UNIT_HEADER_BYTES;
    const bytes = this.#scanner.view(this.#position, UNIT_HEADER_BYTES);
    if (bytes.length < UNIT_HEADER_BYTES) throw this.#damaged("the file ends");
    const { seed } = this.#segment;
    const header = decodeUnitHeader(bytes, 0, { seed, position: this.#position });
    if (typeof header === "string") throw this.#damaged("the unit header is bad");
    if (header.kind !== UnitKind.records) throw this.#damaged("the segment ends");
    this.#unitEnd = this.#position + unitBytes(header);
    this.#position += UNIT_HEADER_BYTES;
    this.#recordsEnd = this.#position + header.recordBytes;
    this.#unit = header;
    return 0;
  }

  /** Takes a unit whole if it is there and wanted: one checksum instead of one a record. */
  #takeUnit(): boolean {
    const unit = this.#unit;
    this.#unit = null;
    if (unit === null || this.#index !== this.#collector.nextIndex) return false;
    const { recordBytes, recordCount, recordChecksum, firstIndex } = unit;
    const isWanted = recordBytes <= this.#collector.bytesLeft &&
      this.#index + recordCount - 1 <= this.#lastIndex;
    if (!isWanted || !this.#scanner.holds(this.#position, recordBytes)) return false;
    const held = this.#scanner.view(this.#position, recordBytes);
    if (held.length < recordBytes || firstIndex !== this.#index) return false;
    // Where it does not match, a look at each record tells what is wrong.
    if (crc32(held) !== recordChecksum) return false;
    this.#collector.addAll(held, recordCount);
    this.#index += recordCount;
    this.#position += recordBytes;
    return true;
  }

  /** Takes the records of the unit that the scanner holds, as far as they are wanted. */
  #takeRecords(): number {
    if (this.#takeUnit()) return 0;
    // Of the records before the first that is wanted only the lengths matter.
    const isWanted = this.#index === this.#collector.nextIndex;
    const held = this.#scanner.view(this.#position, this.#recordsEnd - this.#position);
    const { bytesLeft } = this.#collector;
    let offset = 0;
    let needed = 0;
    while (this.#index <= this.#lastIndex && offset < this.#recordsEnd - this.#position) {
      needed = this.#bytesNeeded(held, offset);
      if (needed > 0) break;
      if (isWanted) this.#verify(held, offset);
      offset = recordEnd(held, offset);
      this.#index += 1;
      // One more than there is room for tells the collector that it is full.
      if (isWanted ? offset > bytesLeft : this.#index === this.#collector.nextIndex) break;
    }
    if (isWanted && offset > 0) {
      offset = this.#collector.add(held.subarray(0, offset));
      this.#index = this.#collector.nextIndex;
    }
    this.#position += offset;
    return offset > 0 ? 0 : needed;
  }

  /** How many bytes from the record at `offset` on are lacking for a look at it, or 0. */
  #bytesNeeded(held: Uint8Array, offset: number): number {
    const position = this.#position + offset;
    const isHeaderHeld = offset + RECORD_HEADER_BYTES <= held.length;
    const bytes = isHeaderHeld ? Math.ceil(getUint32(held, offset) / 8) * 8 : RECORD_HEADER_BYTES;
    if (bytes < RECORD_HEADER_BYTES || position + bytes > this.#recordsEnd) {
      throw this.#damaged(`the record has ${bytes} bytes`, offset);
    }
    if (isHeaderHeld && offset + bytes <= held.length) return 0;
    if (this.#scanner.holds(position, bytes)) throw this.#damaged("the file ends", offset);
    return bytes;
  }

  #verify(held: Uint8Array, offset: number): void {
    const fault = recordFault(held, offset);
    if (fault !== null) throw this.#damaged(fault, offset);
    const index = getUint64(held, offset + 8);
    if (index === this.#index) return;
    throw this.#damaged(`the index is ${index}, want ${this.#index}`, offset);
  }

  /** What is there, `behind` bytes behind the position, is not what was. */
  #damaged(fault: string, behind = 0): StorageError {
    const { path } = this.#segment.file;
    const offset = this.#position + behind;
    return new StorageError(
      `Cannot read "${path}" at offset ${offset}, damaged since it was opened: ${fault}`,
    );
  }
}
