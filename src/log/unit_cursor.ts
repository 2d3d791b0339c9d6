/**
 * Walks through the units of one segment in order, for as long as they are good and chained. What
 * becomes of what it finds, its callers say: recovery (segment_recovery.ts) refuses damage, a
 * reader beside a running node (offline/) lists it.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Segment } from "./segment.ts";
import type { SegmentScanner } from "./segment_scanner.ts";
import {
  decodeUnitHeader,
  UNIT_HEADER_BYTES,
  unitBodyFault,
  unitBytes,
  type UnitHeader,
  UnitKind,
} from "./unit.ts";

/** Where the good units of a segment end, and why. */
export interface ScanEnd {
  /** The sequence number of the last good unit, or of the segment header. */
  readonly sequence: number;
  /** What follows: zeros, the end of the file, a bad header, a seal, or a unit with a bad body. */
  readonly stop: "blank" | "cut" | "bad header" | "seal" | UnitHeader;
  /** What is wrong there, in words. */
  readonly fault: string;
}

/** A unit whose checksums match and which chains to the one before it. */
export interface GoodUnit {
  readonly header: UnitHeader;
  /** The whole unit; valid until the cursor goes on. */
  readonly bytes: Uint8Array;
}

/** A step of a {@linkcode UnitCursor}. */
export type CursorStep =
  | { readonly type: "unit"; readonly unit: GoodUnit }
  | { readonly type: "end"; readonly end: ScanEnd }
  /** The window has to be loaded first: call `load`, then `next` again. */
  | { readonly type: "load" };

const HEADER_FAULTS = {
  blank: "there is no unit",
  cut: "the file ends",
  "bad header": "the header of a unit is bad",
} as const;

const LOAD: CursorStep = { type: "load" };

/** A place in a segment, which is the segment's own end: where its next unit would start. */
export class UnitCursor {
  readonly #segment: Segment;
  readonly #scanner: SegmentScanner;
  #sequence: number;
  #neededBytes = 0;

  /** Starts where `segment` ends as far as it was read; `sequence` is that of what is before. */
  constructor(segment: Segment, scanner: SegmentScanner, sequence = segment.header.sequence) {
    assert(sequence >= 1, () => `the sequence is ${sequence}`);
    this.#segment = segment;
    this.#scanner = scanner;
    this.#sequence = sequence;
  }

  /** The sequence number of the last good unit, or of the segment header. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Looks at what is next; never waits. A good unit stays next until it is taken. */
  next(): CursorStep {
    const segment = this.#segment;
    if (!this.#holds(UNIT_HEADER_BYTES)) return LOAD;
    const header = this.#viewHeader();
    if (typeof header === "string") return this.#stop(header, HEADER_FAULTS[header]);
    if (header.previousChecksum !== segment.lastChecksum || header.sequence <= this.#sequence) {
      const fault = `unit ${header.sequence} does not follow unit ${this.#sequence}`;
      return this.#stop("bad header", fault);
    }
    const bytes = unitBytes(header);
    if (!this.#holds(bytes)) return LOAD;
    const unit = this.#scanner.view(segment.end, bytes);
    const name = `unit ${header.sequence}`;
    if (unit.length < bytes) return this.#stop(header, `${name} is cut off`);
    const bodyFault = unitBodyFault(unit, header);
    if (bodyFault !== null) return this.#stop(header, `${name} is bad: ${bodyFault}`);
    if (header.kind === UnitKind.seal) {
      return { type: "end", end: { sequence: header.sequence, stop: "seal", fault: "" } };
    }
    return { type: "unit", unit: { header, bytes: unit } };
  }

  /** Reads what `next` asked for. */
  load(): Promise<void> {
    assert(this.#neededBytes > 0, "nothing has to be read");
    return this.#scanner.load(this.#segment.end, this.#neededBytes);
  }

  /** Moves the segment's end behind a unit that ends with the entry of `lastIndex`. */
  take(header: UnitHeader, lastIndex: number): void {
    const segment = this.#segment;
    assert(header.position === segment.end, () => `unit at ${header.position}, not ${segment.end}`);
    assert(lastIndex >= header.firstIndex, () => `${lastIndex} is before ${header.firstIndex}`);
    this.#sequence = header.sequence;
    segment.end += unitBytes(header);
    segment.lastChecksum = header.checksum;
    segment.lastIndex = lastIndex;
  }

  #stop(stop: ScanEnd["stop"], fault: string): CursorStep {
    return { type: "end", end: { sequence: this.#sequence, stop, fault } };
  }

  #holds(bytes: number): boolean {
    this.#neededBytes = bytes;
    return this.#scanner.holds(this.#segment.end, bytes);
  }

  /** The header at the end of what was read, or what is there instead. */
  #viewHeader(): UnitHeader | "blank" | "cut" | "bad header" {
    const { end: position, seed } = this.#segment;
    const bytes = this.#scanner.view(position, UNIT_HEADER_BYTES);
    if (bytes.length < UNIT_HEADER_BYTES) return "cut";
    assert(bytes.length === UNIT_HEADER_BYTES, () => `the header has ${bytes.length} bytes`);
    const header = decodeUnitHeader(bytes, 0, { seed, position });
    return header === "bad" ? "bad header" : header;
  }
}
