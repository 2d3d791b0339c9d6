/**
 * The form of the snapshots that the machines of this folder write: a sequence of frames, each of
 * which can be checked by itself. Little endian.
 *
 * ```
 * offset  size  field
 *      0     4  length    bytes of the body, at most 65,520
 *      4     4  checksum  CRC-32 of the bytes from offset 8 to the end of the body
 *      8     4  number    0, 1, 2 …: a frame that is missing, doubled or moved is noticed
 *     12     1  last      1 for the last frame, else 0: a cut is noticed
 *     13     1  kind      what the bodies hold
 *     14     2  version   of the format of the bodies
 *     16     n  body
 * ```
 *
 * The bodies, one after the other, are one stream of records (snapshot_records.ts); a record may go
 * on in the next frame. A chunk of a snapshot is one frame; a reader takes them cut at any place.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { BadDataError } from "../errors.ts";
import { crc32 } from "../runtime/checksum.ts";
import type { ByteSource } from "./byte_source.ts";

/** The largest frame: what one call of the iterator of a snapshot returns. */
export const SNAPSHOT_FRAME_BYTES_MAX = 64 * 1024;

/** The bytes in front of the body of a frame. */
export const SNAPSHOT_FRAME_HEADER_BYTES = 16;

/** So few bytes are copied faster one by one than by a call into the engine. */
const SHORT_BYTES = 64;

const BODY_BYTES_MAX = SNAPSHOT_FRAME_BYTES_MAX - SNAPSHOT_FRAME_HEADER_BYTES;

/** What the frames of a snapshot hold. */
export interface SnapshotFormat {
  /** Names the snapshot in errors, such as `key-value store`. */
  readonly name: string;
  /** Tells the snapshots of different machines apart: 1 to 255. */
  readonly kind: number;
  /** Counts the changes of the format: 1 to 65,535. */
  readonly version: number;
}

/** Says that a snapshot cannot be used, and what an operator can do about it. */
export function badSnapshot(format: SnapshotFormat, fault: string): BadDataError {
  return new BadDataError(`Cannot restore the snapshot of the ${format.name}: ${fault}`, [
    "leave this node stopped, keep its directory, and have the others mend it: raft recover rejoin",
  ]);
}

/** Fills frames with records. Draw the frames that are ready after every record. */
export class SnapshotFrameWriter {
  readonly #format: SnapshotFormat;
  readonly #ready: Uint8Array[] = [];
  #frame = new Uint8Array(SNAPSHOT_FRAME_BYTES_MAX);
  #end = SNAPSHOT_FRAME_HEADER_BYTES;
  #number = 0;

  /** Starts a snapshot of this format. */
  constructor(format: SnapshotFormat) {
    this.#format = format;
  }

  /** Appends an unsigned integer below 2^53, seven bits a byte, the lowest first. */
  putInteger(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#putByte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.#putByte(rest);
  }

  /** Appends bytes as they are. */
  putBytes(bytes: Uint8Array): void {
    let start = 0;
    while (start < bytes.length) {
      if (this.#end === SNAPSHOT_FRAME_BYTES_MAX) this.#seal(false);
      const room = SNAPSHOT_FRAME_BYTES_MAX - this.#end;
      const stop = Math.min(bytes.length, start + room);
      // Not a subarray: on Bun it would give every small value of the state a buffer of its own
      // for good, and the garbage collector a million objects more to look at.
      const isWhole = stop - start === bytes.length;
      this.#frame.set(isWhole ? bytes : bytes.slice(start, stop), this.#end);
      this.#end += stop - start;
      start = stop;
    }
  }

  /** Appends some of `bytes`: the same without a view of them, for what is short. */
  putPart(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length > SHORT_BYTES || this.#end + length > SNAPSHOT_FRAME_BYTES_MAX) {
      this.putBytes(bytes.slice(start, end));
      return;
    }
    const frame = this.#frame;
    const shift = this.#end - start;
    for (let at = start; at < end; at += 1) frame[at + shift] = bytes[at]!;
    this.#end += length;
  }

  /** Appends the character codes of a text, each below 256, as bytes. */
  putByteString(text: string): void {
    for (let i = 0; i < text.length; i += 1) this.#putByte(text.charCodeAt(i));
  }

  /** Ends the snapshot: the rest becomes the last frame. */
  finish(): void {
    this.#seal(true);
  }

  /** The next frame that is full, if there is one. */
  takeReady(): Uint8Array | undefined {
    return this.#ready.shift();
  }

  #putByte(byte: number): void {
    if (this.#end === SNAPSHOT_FRAME_BYTES_MAX) this.#seal(false);
    this.#frame[this.#end] = byte;
    this.#end += 1;
  }

  #seal(last: boolean): void {
    const frame = this.#frame.subarray(0, this.#end);
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    assert(this.#number < 2 ** 32, "a snapshot has too many frames");
    view.setUint32(0, frame.length - SNAPSHOT_FRAME_HEADER_BYTES, true);
    view.setUint32(8, this.#number, true);
    view.setUint8(12, last ? 1 : 0);
    view.setUint8(13, this.#format.kind);
    view.setUint16(14, this.#format.version, true);
    view.setUint32(4, crc32(frame.subarray(8)), true);
    this.#ready.push(frame);
    this.#number += 1;
    this.#frame = new Uint8Array(last ? 0 : SNAPSHOT_FRAME_BYTES_MAX);
    this.#end = SNAPSHOT_FRAME_HEADER_BYTES;
  }
}

/**
 * Reads the frames of one snapshot up to its last, checks each, and yields the bodies.
 *
 * @throws {BadDataError} If they are not whole frames of this format in their order.
 */
export async function* readSnapshotFrames(
  source: ByteSource,
  format: SnapshotFormat,
): AsyncGenerator<Uint8Array, void> {
  let last = false;
  for (let number = 0; !last; number += 1) {
    const header = await source.read(SNAPSHOT_FRAME_HEADER_BYTES);
    if (header.length < SNAPSHOT_FRAME_HEADER_BYTES) {
      throw badSnapshot(format, `it ends in front of frame ${number} or in its header`);
    }
    const view = new DataView(header.buffer, header.byteOffset, header.length);
    const length = view.getUint32(0, true);
    if (length > BODY_BYTES_MAX) {
      throw badSnapshot(format, `the length of frame ${number} is ${length}`);
    }
    const body = await source.read(length);
    if (body.length < length) throw badSnapshot(format, `it ends in frame ${number}`);
    const checksum = crc32(body, crc32(header.subarray(8)));
    if (checksum !== view.getUint32(4, true)) {
      throw badSnapshot(format, `the checksum of frame ${number} does not match`);
    }
    const fault = headerFault(view, { number, format });
    if (fault !== null) throw badSnapshot(format, fault);
    last = view.getUint8(12) === 1;
    yield body;
  }
}

function headerFault(
  view: DataView,
  wanted: { readonly number: number; readonly format: SnapshotFormat },
): string | null {
  const { number, format } = wanted;
  const kind = view.getUint8(13);
  const version = view.getUint16(14, true);
  if (kind !== format.kind) return `its kind is ${kind}, want ${format.kind}`;
  if (version !== format.version) {
    return `its format version is ${version}, and this program knows version ${format.version}`;
  }
  if (view.getUint32(8, true) !== number) {
    return `frame ${view.getUint32(8, true)} stands where frame ${number} belongs`;
  }
  if (view.getUint8(12) > 1) return `the end mark of frame ${number} is ${view.getUint8(12)}`;
  return null;
}
