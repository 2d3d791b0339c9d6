/**
 * The files of a segmented log: makes, seals, rewrites and removes segments. Each method is one
 * step between two states of the directory that recovery understands; calls never overlap.
 *
 * What needs new room rejects with a NoRoomError where there is none: then nothing has happened.
 * The rename that gives a file its place in the log is the boundary. Until then a new file is among
 * the spares, and is removed; from then on a failure leaves open what is durable.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Index } from "../types.ts";
import type { RecordBatch } from "./log.ts";
import { isShortage, NoRoomError } from "./no_room_error.ts";
import { recordEnd, recordFault, recordHeader } from "./record.ts";
import { Segment } from "./segment.ts";
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentName } from "./segment_header.ts";
import { SegmentScanner } from "./segment_scanner.ts";
import { SpareSegments } from "./spare_segment.ts";
import { syncFile } from "./sync_file.ts";
import {
  decodeUnitHeader,
  encodeUnit,
  SEAL_BYTES,
  UNIT_HEADER_BYTES,
  unitBytes,
  unitBytesFor,
  type UnitHeader,
} from "./unit.ts";

/** Where a log lies and how large its segments are. */
export interface SegmentStoreOptions {
  /** The directory of the segments. */
  readonly logDirectory: string;
  /** The directory of what is being prepared; the same file system. */
  readonly spareDirectory: string;
  readonly segmentBytes: number;
}

/** What a new segment starts with. */
export interface NewSegmentOptions {
  readonly firstIndex: Index;
  /** The checksum of the last unit of the segment before it. */
  readonly previousChecksum: number;
  /** Whether all segments before it are obsolete. */
  readonly startsLog: boolean;
  /** The least bytes of records that must fit. */
  readonly recordBytes: number;
}

/** A segment that has a header, and lies among the spares still. */
interface BegunSegment {
  readonly segment: Segment;
  readonly path: string;
}

/** The files of a log. */
export class SegmentStore {
  readonly #runtime: Runtime;
  readonly #logId: Uint8Array;
  readonly #options: SegmentStoreOptions;
  readonly #spares: SpareSegments;
  /** Called when the next segment was prepared, with why there is no room for it, or with null. */
  onPrepared: (error: NoRoomError | null) => void = () => {};
  #nextSequence: number;

  /** Continues a log whose id and next sequence number are known. */
  constructor(
    runtime: Runtime,
    options: SegmentStoreOptions & { readonly logId: Uint8Array; readonly nextSequence: number },
  ) {
    assert(options.logId.length === 16, () => `the log id has ${options.logId.length} bytes`);
    assert(options.nextSequence >= 1, () => `the next sequence number is ${options.nextSequence}`);
    this.#runtime = runtime;
    this.#logId = options.logId;
    this.#nextSequence = options.nextSequence;
    this.#options = options;
    const { spareDirectory: directory, segmentBytes: bytes } = options;
    const prepared = (error: NoRoomError | null) => this.onPrepared(error);
    this.#spares = new SpareSegments(runtime, { directory, bytes, prepared });
  }

  /** Whether the next segment is prepared. */
  get isPrepared(): boolean {
    return this.#spares.isReady;
  }

  /** The path of a segment. */
  path(name: string): string {
    return `${this.#options.logDirectory}/${name}`;
  }

  /** Starts to prepare the next segment in the background. */
  prepareSpare(): void {
    this.#spares.prepare();
  }

  /** Removes what an earlier process left among the spares. */
  clearSpares(): Promise<void> {
    return this.#spares.clear();
  }

  /** Gives up what is prepared. */
  close(): Promise<void> {
    return this.#spares.close();
  }

  /**
   * Makes a segment; when it resolves file, header and name are durable.
   *
   * @throws {NoRoomError} If there is no room for it.
   */
  async create(options: NewSegmentOptions): Promise<Segment> {
    return this.#publish(await this.#begin(options));
  }

  /** Makes a unit of `batches` and writes it; not durable before a sync of the segment's file. */
  writeUnit(segment: Segment, batches: readonly RecordBatch[]): void {
    const first = batches[0];
    const last = batches.at(-1);
    assert(first !== undefined && last !== undefined, "the unit is empty");
    const unit = encodeUnit({
      seed: segment.seed,
      sequence: this.#takeSequence(),
      position: segment.end,
      previousChecksum: segment.lastChecksum,
      firstIndex: first.firstIndex,
      recordCount: last.lastIndex - first.firstIndex + 1,
      parts: batches.map(({ bytes }) => bytes),
    });
    assert(unit.bytes <= segment.bytesLeft, () => `${unit.bytes} bytes, left ${segment.bytesLeft}`);
    segment.file.write(unit.parts, segment.end);
    segment.addUnit(unit, batches);
  }

  /** Marks a segment as one with a successor, durably. The successor must be durable already. */
  async seal(segment: Segment): Promise<void> {
    const unit = encodeUnit({
      seed: segment.seed,
      sequence: this.#takeSequence(),
      position: segment.end,
      previousChecksum: segment.lastChecksum,
      firstIndex: segment.lastIndex + 1,
      recordCount: 0,
      parts: [],
    });
    assert(unit.bytes === SEAL_BYTES, () => `the seal has ${unit.bytes} bytes, want ${SEAL_BYTES}`);
    assert(segment.bytesLeft >= 0, () => `${segment.bytesLeft} bytes are left for the seal`);
    segment.file.write(unit.parts, segment.end);
    await syncFile(segment.file);
  }

  /**
   * Replaces a segment by a copy without the entries after `lastIndexKept`, in one step: a crash
   * leaves the old one or the new one. The new one's sequence number tells recovery that segments
   * behind it are obsolete.
   *
   * @throws {NoRoomError} If there is no room for the copy.
   */
  async rewrite(old: Segment, lastIndexKept: Index): Promise<Segment> {
    assert(lastIndexKept < old.lastIndex, () => `nothing to cut after ${lastIndexKept}`);
    assert(lastIndexKept >= old.firstIndex - 1, () => `${lastIndexKept} is before the segment`);
    const { firstIndex, previousChecksum, startsLog } = old.header;
    const recordBytes = old.header.segmentBytes > this.#options.segmentBytes ? old.end : 0;
    const begun = await this.#begin({ firstIndex, previousChecksum, startsLog, recordBytes });
    await this.#undoWithoutRoom(begun, () => this.#copy(old, { begun, lastIndexKept }));
    return this.#publish(begun);
  }

  /** Copies the units of `old` up to `lastIndexKept`, and syncs them. */
  async #copy(
    old: Segment,
    { begun, lastIndexKept }: { readonly begun: BegunSegment; readonly lastIndexKept: Index },
  ): Promise<void> {
    const scanner = new SegmentScanner(old.file, { end: old.end });
    let position = SEGMENT_HEADER_BYTES;
    while (begun.segment.lastIndex < lastIndexKept) {
      if (!scanner.holds(position, UNIT_HEADER_BYTES)) {
        await scanner.load(position, UNIT_HEADER_BYTES);
      }
      const bytes = unitBytes(viewHeader(old, { scanner, position }));
      if (!scanner.holds(position, bytes)) await scanner.load(position, bytes);
      const batch = viewRecords(old, { scanner, position, lastIndexKept });
      this.writeUnit(begun.segment, [batch]);
      position += bytes;
    }
    assert(begun.segment.lastIndex === lastIndexKept, () => `copied to ${begun.segment.lastIndex}`);
    await syncFile(begun.segment.file);
  }

  /** Removes segments one after the other, each durably before the next. */
  async remove(names: readonly string[]): Promise<void> {
    const { logDirectory } = this.#options;
    for (const name of names) {
      assert(name.endsWith(".segment"), () => `"${name}" is no segment`);
      await this.#runtime.files.remove(this.path(name));
      await this.#runtime.files.syncDirectory(logDirectory);
    }
  }

  /** The next sequence number, which is never used again. */
  #takeSequence(): number {
    const sequence = this.#nextSequence;
    assert(sequence < Number.MAX_SAFE_INTEGER, () => `the sequence number is ${sequence}`);
    this.#nextSequence = sequence + 1;
    return sequence;
  }

  /** A spare with a header, which has no name in the log's directory yet. */
  async #begin(options: NewSegmentOptions): Promise<BegunSegment> {
    const { firstIndex, previousChecksum, startsLog, recordBytes } = options;
    const { file, path, bytes } = await this.#spares.take(this.#sizeFor(recordBytes));
    const sequence = this.#takeSequence();
    const fields = { logId: this.#logId, firstIndex, sequence, previousChecksum, startsLog };
    const header = { ...fields, segmentBytes: bytes };
    const encoded = encodeSegmentHeader(header);
    assert(
      encoded.bytes.length === SEGMENT_HEADER_BYTES,
      () => `header of ${encoded.bytes.length}`,
    );
    const segment = new Segment(file, { ...header, checksum: encoded.checksum });
    const begun = { segment, path };
    await this.#undoWithoutRoom(begun, () => {
      file.write([encoded.bytes], 0);
      return syncFile(file);
    });
    return begun;
  }

  /** Takes a step with a file that has no place in the log yet, and removes it for want of room. */
  async #undoWithoutRoom(begun: BegunSegment, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (!isShortage(error)) throw error;
      const { segment: { file, header }, path } = begun;
      await this.#spares.discard({ file, path });
      throw new NoRoomError(header.segmentBytes, error);
    }
  }

  /** Gives a segment its name, durably. */
  async #publish(begun: BegunSegment): Promise<Segment> {
    const { logDirectory, spareDirectory } = this.#options;
    const { files } = this.#runtime;
    const { segment, path } = begun;
    assert(segment.name === segmentName(segment.firstIndex), () => `the name is "${segment.name}"`);
    await this.#undoWithoutRoom(begun, () => files.rename(path, this.path(segment.name)));
    // A rename between two directories may need a sync of both to survive as a whole.
    await Promise.all([files.syncDirectory(logDirectory), files.syncDirectory(spareDirectory)]);
    // Opened again so that error messages name the file as it is called now.
    const spareFile = segment.file;
    segment.file = await files.open(this.path(segment.name), "write");
    await spareFile.close();
    return segment;
  }

  /** The size of a segment that must take `recordBytes` in one unit. */
  #sizeFor(recordBytes: number): number {
    const { segmentBytes } = this.#options;
    const needed = SEGMENT_HEADER_BYTES + unitBytesFor(recordBytes) + SEAL_BYTES;
    assert(needed > recordBytes, () => `${needed} bytes do not hold ${recordBytes}`);
    return Math.max(segmentBytes, Math.ceil(needed / 4096) * 4096);
  }
}

/** Where {@linkcode viewHeader} and {@linkcode viewRecords} look. */
interface Place {
  readonly scanner: SegmentScanner;
  readonly position: number;
}

/** The header of a unit that was good when it was written or opened. */
function viewHeader(segment: Segment, { scanner, position }: Place): UnitHeader {
  const bytes = scanner.view(position, UNIT_HEADER_BYTES);
  assert(bytes.length === UNIT_HEADER_BYTES, () => `"${segment.name}" ends at ${position}`);
  const header = decodeUnitHeader(bytes, 0, { seed: segment.seed, position });
  if (typeof header === "string") throw damaged(segment, position);
  return header;
}

/** The records of a unit up to `lastIndexKept`, verified once more. */
function viewRecords(
  segment: Segment,
  place: Place & { readonly lastIndexKept: Index },
): RecordBatch {
  const { scanner, position, lastIndexKept } = place;
  const header = viewHeader(segment, place);
  const unit = scanner.view(position, unitBytes(header));
  let offset = UNIT_HEADER_BYTES;
  let lastIndex = header.firstIndex - 1;
  while (offset < UNIT_HEADER_BYTES + header.recordBytes && lastIndex < lastIndexKept) {
    if (recordFault(unit, offset) !== null) throw damaged(segment, position + offset);
    assert(recordHeader(unit, offset).index === lastIndex + 1, () => `want index ${lastIndex + 1}`);
    lastIndex += 1;
    offset = recordEnd(unit, offset);
  }
  assert(lastIndex >= header.firstIndex, () => `the unit at ${position} has nothing to keep`);
  const bytes = unit.subarray(UNIT_HEADER_BYTES, offset);
  return { firstIndex: header.firstIndex, lastIndex, bytes };
}

function damaged({ file }: Segment, offset: number): Error {
  return new Error(`Cannot copy "${file.path}": damaged at offset ${offset} since it was opened`);
}
