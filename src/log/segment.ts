/**
 * An open segment file, and what is known of it in memory.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { File } from "../runtime/runtime.ts";
import type { Index } from "../types.ts";
import type { RecordBatch } from "./log.ts";
import { PositionIndex } from "./position_index.ts";
import type { DecodedSegmentHeader } from "./segment_header.ts";
import { SEGMENT_HEADER_BYTES, segmentName } from "./segment_header.ts";
import { type EncodedUnit, placeSeed, SEAL_BYTES, UNIT_HEADER_BYTES } from "./unit.ts";

/** A segment of an open log. */
export class Segment {
  readonly header: DecodedSegmentHeader;
  /** The file, open for reading and writing. */
  file: File;
  /** The file's name in the log's directory. */
  readonly name: string;
  /** The seed of its unit checksums. */
  readonly seed: number;
  /** Where its records are. */
  readonly index = new PositionIndex();
  /** The index of its last entry; one less than its first index where it is empty. */
  lastIndex: Index;
  /** Where the next unit goes. */
  end = SEGMENT_HEADER_BYTES;
  /** The checksum that the next unit chains to. */
  lastChecksum: number;
  #readers = 0;
  #retired = false;

  /** Takes over an open file, of which the caller has read or written the header. */
  constructor(file: File, header: DecodedSegmentHeader) {
    this.file = file;
    this.header = header;
    this.name = segmentName(header.firstIndex);
    this.seed = placeSeed(header.logId, header.firstIndex);
    this.lastIndex = header.firstIndex - 1;
    this.lastChecksum = header.checksum;
  }

  /** The index of its first entry, or of the one it will get. */
  get firstIndex(): Index {
    return this.header.firstIndex;
  }

  /** How many bytes a further unit may have; the rest is kept for a seal. */
  get bytesLeft(): number {
    return this.header.segmentBytes - SEAL_BYTES - this.end;
  }

  /** Notes a unit that was written at `end` and holds the records of `batches`. */
  addUnit(unit: EncodedUnit, batches: readonly RecordBatch[]): void {
    const lastIndex = batches.at(-1)?.lastIndex ?? 0;
    assert(batches[0]?.firstIndex === this.lastIndex + 1, `the unit does not follow the last`);
    assert(
      unit.bytes <= this.bytesLeft,
      () => `the unit has ${unit.bytes} bytes, left ${this.bytesLeft}`,
    );
    const unitEnd = this.end + unit.bytes;
    let position = this.end + UNIT_HEADER_BYTES;
    for (const { firstIndex, bytes } of batches) {
      this.index.add({ index: firstIndex, position, recordsEnd: unit.recordsEnd, unitEnd });
      position += bytes.length;
    }
    assert(
      position === unit.recordsEnd,
      () => `records end at ${position}, want ${unit.recordsEnd}`,
    );
    this.lastIndex = lastIndex;
    this.lastChecksum = unit.checksum;
    this.end = unitEnd;
  }

  /** Keeps the file open until `release`, even if the segment is retired meanwhile. */
  retain(): void {
    assert(!this.#retired, () => `segment "${this.name}" is retired`);
    this.#readers += 1;
  }

  /** Ends a `retain`; nobody waits for a file that is closed late. */
  release(): void {
    assert(this.#readers > 0, () => `segment "${this.name}" is not retained`);
    this.#readers -= 1;
    if (this.#retired && this.#readers === 0) this.file.close().catch(() => {});
  }

  /** Closes the file, or leaves that to its last reader. */
  async retire(): Promise<void> {
    assert(!this.#retired, () => `segment "${this.name}" is retired already`);
    this.#retired = true;
    if (this.#readers === 0) await this.file.close();
  }
}
