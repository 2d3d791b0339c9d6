/**
 * A record: one entry of the log as bytes, the same on disk and on the wire. Little endian.
 *
 * ```
 * offset  size  field
 *      0     4  length     bytes of header and payload, without the padding
 *      4     4  checksum   CRC-32 of the bytes from offset 8 to `length`
 *      8     8  index
 *     16     8  term
 *     24     8  timestamp  log time in milliseconds
 *     32     1  kind       EntryKind
 *     33     7  zero
 *     40     n  payload
 *            p  zeros up to the next multiple of 8
 * ```
 *
 * A leader encodes a record once; followers verify the bytes they receive and append them as they
 * are. The length is never 0, so zero-filled space cannot be taken for a record.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32, getUint64, putUint32, putUint64 } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import { ENTRY_BYTES_MAX } from "../limits.ts";
import { crc32 } from "../runtime/checksum.ts";
import { EntryKind, INTEGER_MAX } from "../types.ts";
import type { Index, Term, TermRun } from "../types.ts";
import type { EntryHeader } from "./log.ts";

/** The bytes in front of the payload. */
export const RECORD_HEADER_BYTES = 40;

/** The bytes that a record with `payloadBytes` takes, padding included. */
export function recordBytes(payloadBytes: number): number {
  return (RECORD_HEADER_BYTES + payloadBytes + 7) & ~7;
}

/**
 * Completes the record at `offset`, whose payload the caller has written at
 * `offset + RECORD_HEADER_BYTES`: header, padding and checksum.
 *
 * @returns The offset behind the record.
 */
export function sealRecord(
  bytes: Uint8Array,
  offset: number,
  entry: EntryHeader & { readonly payloadBytes: number },
): number {
  assert(entry.payloadBytes <= ENTRY_BYTES_MAX, () => `payload ${entry.payloadBytes} is too large`);
  const length = RECORD_HEADER_BYTES + entry.payloadBytes;
  const end = offset + recordBytes(entry.payloadBytes);
  assert(end <= bytes.length, () => `record ends at ${end}, the buffer at ${bytes.length}`);
  putUint32(bytes, offset, length);
  putUint64(bytes, offset + 8, entry.index);
  putUint64(bytes, offset + 16, entry.term);
  putUint64(bytes, offset + 24, entry.timestampMs);
  putUint32(bytes, offset + 32, entry.kind);
  putUint32(bytes, offset + 36, 0);
  for (let i = offset + length; i < end; i += 1) bytes[i] = 0;
  putUint32(bytes, offset + 4, crc32(bytes.subarray(offset + 8, offset + length)));
  return end;
}

/** The payload of the record at `offset`: a view, not a copy. */
export function recordPayload(bytes: Uint8Array, offset: number): Uint8Array {
  return bytes.subarray(offset + RECORD_HEADER_BYTES, offset + getUint32(bytes, offset));
}

/** The offset behind the record at `offset`, padding included. */
export function recordEnd(bytes: Uint8Array, offset: number): number {
  return offset + ((getUint32(bytes, offset) + 7) & ~7);
}

/** Reads the header of the record at `offset`, which must have been verified before. */
export function recordHeader(bytes: Uint8Array, offset: number): EntryHeader {
  return {
    index: getUint64(bytes, offset + 8),
    term: getUint64(bytes, offset + 16),
    timestampMs: getUint64(bytes, offset + 24),
    kind: bytes[offset + 32] as EntryKind,
  };
}

/**
 * Says what is wrong with the record at `offset`, or null where it is whole: its length fits, its
 * checksum matches, and every field is in its range.
 */
export function recordFault(bytes: Uint8Array, offset: number): string | null {
  if (offset + RECORD_HEADER_BYTES > bytes.length) return "the header is cut off";
  const length = getUint32(bytes, offset);
  if (length < RECORD_HEADER_BYTES || length > RECORD_HEADER_BYTES + ENTRY_BYTES_MAX) {
    return `the length is ${length}`;
  }
  const end = offset + ((length + 7) & ~7);
  if (end > bytes.length) return `the payload is cut off: it ends at ${end} of ${bytes.length}`;
  const stored = getUint32(bytes, offset + 4);
  const computed = crc32(bytes.subarray(offset + 8, offset + length));
  if (stored !== computed) return `the checksum is ${stored}, computed ${computed}`;
  for (let i = offset + length; i < end; i += 1) {
    if (bytes[i] !== 0) return "the padding is not zero";
  }
  return headerFault(bytes, offset);
}

function headerFault(bytes: Uint8Array, offset: number): string | null {
  const { index, term, timestampMs, kind } = recordHeader(bytes, offset);
  if (index < 1 || index > INTEGER_MAX) return `the index is ${index}`;
  if (term < 1 || term > INTEGER_MAX) return `the term is ${term}`;
  if (timestampMs > INTEGER_MAX) return `the timestamp is ${timestampMs}`;
  if (kind < EntryKind.noop || kind > EntryKind.tick) return `the kind is ${kind}`;
  return null;
}

/** What {@linkcode verifyRecords} learned on its way. */
export interface VerifiedRecords {
  readonly firstIndex: Index;
  readonly lastIndex: Index;
  /** The stretches of one term, ascending. */
  readonly termRuns: readonly TermRun[];
  /** The offset of each record, ascending. */
  readonly offsets: readonly number[];
  /** The offsets of the configuration records among them. */
  readonly configurationOffsets: readonly number[];
}

/**
 * Verifies that `bytes` are whole records with consecutive indexes from `firstIndex` on and terms
 * that never fall.
 *
 * @throws {ProtocolError} If they are not.
 */
export function verifyRecords(bytes: Uint8Array, firstIndex: Index): VerifiedRecords {
  const offsets: number[] = [];
  const configurationOffsets: number[] = [];
  const termRuns: TermRun[] = [];
  let term: Term = 0;
  let offset = 0;
  while (offset < bytes.length) {
    const fault = recordFault(bytes, offset);
    if (fault !== null) throw new ProtocolError(`Record at offset ${offset} is bad: ${fault}`);
    const header = recordHeader(bytes, offset);
    const expected = firstIndex + offsets.length;
    if (header.index !== expected || header.term < term) {
      throw new ProtocolError(
        `Record at offset ${offset} does not follow: index ${header.index}, want ${expected}; ` +
          `term ${header.term} after ${term}`,
      );
    }
    if (header.term > term) {
      term = header.term;
      termRuns.push({ term, firstIndex: header.index });
    }
    if (header.kind === EntryKind.configuration) configurationOffsets.push(offset);
    offsets.push(offset);
    offset = recordEnd(bytes, offset);
  }
  const lastIndex = firstIndex + offsets.length - 1;
  return { firstIndex, lastIndex, termRuns, offsets, configurationOffsets };
}
