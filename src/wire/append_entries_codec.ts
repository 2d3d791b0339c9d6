/**
 * AppendEntries, placed by hand: the hottest messages between peers. See hot_frame.ts.
 *
 * ```
 * request, 6 words of data and 1 pointer        accepted response, 4 words of data
 *     40  prevLogIndex                              40  readSequence
 *     48  prevLogTerm                               48  matchIndex
 *     56  leaderCommit                              56  union tag 0 (16 bits)
 *     64  readSequence                              58  promiseMs (16 bits)
 *     72  entryCount (32 bits)                      60  session (32 bits)
 *     76  session (32 bits)                         64  ageToken (32 bits)
 *     80  provenToken (32 bits)                     68  zero (32 bits)
 *     84  zero (32 bits)                            72  end
 *     88  pointer to the entries, null for none
 *     96  the records
 * ```
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32, getUint64, putUint32 } from "../bytes.ts";
import type { AppendEntriesAccepted, AppendEntriesRequest } from "../consensus/messages.ts";
import { ProtocolError } from "../errors.ts";
import { APPEND_BYTES_MAX, FRAME_BYTES_MAX } from "../limits.ts";
import { INTEGER_MAX } from "../types.ts";
import type { ByteBuilder } from "./byte_builder.ts";
import { sealFrame, sealParts } from "./frame_checksum.ts";
import { PeerMessage_Which as Which } from "./generated/peer.ts";
import {
  byteListSize,
  type Envelope,
  envelopeId,
  envelopeTag,
  hasEnvelope,
  lastBytesCount,
  MEMBER_OFFSET,
  putEnvelope,
  putInteger,
  structSize,
} from "./hot_frame.ts";

/** Where the records start in a request. */
export const RECORDS_OFFSET = 96;

/** From this many bytes of records on they are sent as they are, not copied behind the header. */
const COPIED_RECORD_BYTES_MAX = 64 * 1024;

/** The least bytes of a record: a header without a payload. */
const RECORD_BYTES_MIN = 40;

/** Where the pointer to the records is. */
const POINTER_OFFSET = RECORDS_OFFSET - 8;

const REQUEST_SIZE = structSize(6, 1);
const ACCEPTED_SIZE = structSize(4, 0);
const ACCEPTED_BYTES = MEMBER_OFFSET + 32;
/** The promise of a response is stored in 16 bits. */
const PROMISE_MS_MAX = 0xffff;

const NO_BYTES: Uint8Array = new Uint8Array(0);
const envelope: Envelope = { tag: 0, id: 0, memberSize: 0 };

/** An AppendEntriesRequest as it arrives: its records are verified by whoever appends them. */
export interface AppendEntriesFrame extends Omit<AppendEntriesRequest, "entries"> {
  /** How many records there should be. */
  readonly entryCount: number;
  /** The records: a view of the frame, empty for a heartbeat. */
  readonly records: Uint8Array;
}

/** What an AppendEntriesRequest is encoded from; `entries` is looked at for its indexes only. */
export interface AppendEntriesParts {
  readonly message: AppendEntriesRequest;
  /** The bytes of `message.entries`, in any number of pieces; whole records each or not. */
  readonly records: readonly Uint8Array[];
}

/**
 * Encodes a request as parts to be written one after the other: a single one if the records are
 * small, otherwise the header and then the pieces of `records` themselves, which must not be
 * changed afterwards.
 */
export function encodeAppendEntries(source: AppendEntriesParts): readonly Uint8Array[] {
  const recordsBytes = checkRecords(source);
  if (recordsBytes <= COPIED_RECORD_BYTES_MAX) {
    const frame = new Uint8Array(RECORDS_OFFSET + recordsBytes);
    putRequest(frame, 0, source, recordsBytes);
    copyRecords(frame, RECORDS_OFFSET, source.records);
    sealFrame(frame);
    return [frame];
  }
  const header = new Uint8Array(RECORDS_OFFSET);
  putRequest(header, 0, source, recordsBytes);
  const parts = [header, ...source.records];
  sealParts(parts);
  return parts;
}

/** Appends a request to what `target` holds; its records are copied. */
export function writeAppendEntries(target: ByteBuilder, source: AppendEntriesParts): void {
  const recordsBytes = checkRecords(source);
  const frameBytes = RECORDS_OFFSET + recordsBytes;
  const offset = target.reserve(frameBytes);
  const bytes = target.bytes;
  putRequest(bytes, offset, source, recordsBytes);
  copyRecords(bytes, offset + RECORDS_OFFSET, source.records);
  sealFrame(bytes.subarray(offset, offset + frameBytes));
}

/** Checks that the records are those of the message (TRAPS 26), and returns their size. */
function checkRecords(source: AppendEntriesParts): number {
  const { message, records } = source;
  let recordsBytes = 0;
  for (const part of records) recordsBytes += part.length;
  const { entries } = message;
  if (entries === null) {
    assert(recordsBytes === 0, () => `a heartbeat has no records: ${recordsBytes} bytes`);
    return 0;
  }
  const { firstIndex, lastIndex } = entries;
  const count = lastIndex - firstIndex + 1;
  if (firstIndex !== message.prevLogIndex + 1 || count < 1) {
    assert(false, `entries ${firstIndex} to ${lastIndex} follow ${message.prevLogIndex}`);
  }
  const first = records[0]!;
  if (
    first === undefined || first.length < RECORD_BYTES_MIN || getUint64(first, 8) !== firstIndex
  ) {
    assert(false, `the first record is the one of index ${firstIndex}`);
  }
  if (
    recordsBytes % 8 !== 0 || recordsBytes < count * RECORD_BYTES_MIN ||
    recordsBytes + RECORDS_OFFSET > FRAME_BYTES_MAX
  ) assert(false, `${recordsBytes} bytes are ${count} records, ${APPEND_BYTES_MAX} or one larger`);
  return recordsBytes;
}

function putRequest(
  bytes: Uint8Array,
  offset: number,
  source: AppendEntriesParts,
  recordsBytes: number,
): void {
  const { message } = source;
  envelope.tag = Which.APPEND_ENTRIES_REQUEST;
  envelope.id = message.term;
  envelope.memberSize = REQUEST_SIZE;
  putEnvelope(bytes, offset, RECORDS_OFFSET + recordsBytes, envelope);
  putInteger(bytes, offset + 40, message.prevLogIndex);
  putInteger(bytes, offset + 48, message.prevLogTerm);
  putInteger(bytes, offset + 56, message.leaderCommit);
  putInteger(bytes, offset + 64, message.readSequence);
  putUint32(bytes, offset + 76, message.session);
  putUint32(bytes, offset + 80, message.provenToken);
  if (message.entries === null) return;
  putUint32(bytes, offset + 72, message.entries.lastIndex - message.entries.firstIndex + 1);
  putUint32(bytes, offset + POINTER_OFFSET, 1);
  putUint32(bytes, offset + POINTER_OFFSET + 4, byteListSize(recordsBytes));
}

function copyRecords(bytes: Uint8Array, offset: number, records: readonly Uint8Array[]): void {
  let end = offset;
  for (const part of records) {
    bytes.set(part, end);
    end += part.length;
  }
}

/**
 * Reads a request in the hand-placed layout, or returns null where it has another one. The checksum
 * was verified before.
 */
export function readAppendEntries(frame: Uint8Array): AppendEntriesFrame | null {
  if (frame.length < RECORDS_OFFSET || !hasEnvelope(frame, REQUEST_SIZE)) return null;
  if (envelopeTag(frame) !== Which.APPEND_ENTRIES_REQUEST) return null;
  const term = envelopeId(frame);
  const prevLogIndex = getUint64(frame, 40);
  const prevLogTerm = getUint64(frame, 48);
  const leaderCommit = getUint64(frame, 56);
  const readSequence = getUint64(frame, 64);
  if (term > INTEGER_MAX || prevLogIndex > INTEGER_MAX || prevLogTerm > INTEGER_MAX) return null;
  if (leaderCommit > INTEGER_MAX || readSequence > INTEGER_MAX) return null;
  const entryCount = getUint32(frame, 72);
  let records: Uint8Array = NO_BYTES;
  if (getUint32(frame, POINTER_OFFSET) === 0 && getUint32(frame, POINTER_OFFSET + 4) === 0) {
    if (frame.length !== RECORDS_OFFSET) return null;
  } else {
    const count = lastBytesCount(frame, POINTER_OFFSET);
    if (count < 0) return null;
    records = frame.subarray(RECORDS_OFFSET, RECORDS_OFFSET + count);
  }
  return checkedRequest({
    type: "appendEntriesRequest",
    term,
    prevLogIndex,
    prevLogTerm,
    leaderCommit,
    readSequence,
    session: getUint32(frame, 76),
    provenToken: getUint32(frame, 80),
    entryCount,
    records,
  });
}

/**
 * Checks what the schema promises of the records: their count and the index of the first.
 *
 * @throws {ProtocolError} If it does not hold.
 */
export function checkedRequest(request: AppendEntriesFrame): AppendEntriesFrame {
  const { entryCount, records, prevLogIndex } = request;
  if (entryCount === 0 && records.length === 0) return request;
  if (entryCount === 0 || records.length < entryCount * RECORD_BYTES_MIN) {
    throw new ProtocolError(
      `Cannot hold ${entryCount} records in ${records.length} bytes: want at least ` +
        `${RECORD_BYTES_MIN} bytes each`,
    );
  }
  const firstIndex = getUint64(records, 8);
  if (firstIndex !== prevLogIndex + 1) {
    throw new ProtocolError(
      `Cannot append from index ${firstIndex}: want ${
        prevLogIndex + 1
      }, as it follows ${prevLogIndex}`,
    );
  }
  return request;
}

/** Appends a response that accepts, from a node with room, to what `target` holds. */
export function writeAccepted(target: ByteBuilder, message: AppendEntriesAccepted): void {
  const offset = target.reserve(ACCEPTED_BYTES);
  const bytes = target.bytes;
  envelope.tag = Which.APPEND_ENTRIES_RESPONSE;
  envelope.id = message.term;
  envelope.memberSize = ACCEPTED_SIZE;
  putEnvelope(bytes, offset, ACCEPTED_BYTES, envelope);
  putInteger(bytes, offset + 40, message.readSequence);
  putInteger(bytes, offset + 48, message.matchIndex);
  const { promiseMs, session, storageFull } = message;
  assert(!storageFull, "the layout has no place for a full disk");
  assert(promiseMs >= 0 && promiseMs <= PROMISE_MS_MAX, () => `${promiseMs} ms fit into 16 bits`);
  putUint32(bytes, offset + 56, promiseMs << 16);
  putUint32(bytes, offset + 60, session);
  putUint32(bytes, offset + 64, message.ageToken);
  sealFrame(bytes.subarray(offset, offset + ACCEPTED_BYTES));
}

/** Reads a response that accepts in the hand-placed layout, or returns null. */
export function readAccepted(frame: Uint8Array): AppendEntriesAccepted | null {
  if (frame.length !== ACCEPTED_BYTES || !hasEnvelope(frame, ACCEPTED_SIZE)) return null;
  if (envelopeTag(frame) !== Which.APPEND_ENTRIES_RESPONSE) return null;
  const term = envelopeId(frame);
  const readSequence = getUint64(frame, 40);
  const matchIndex = getUint64(frame, 48);
  if (term > INTEGER_MAX || readSequence > INTEGER_MAX || matchIndex > INTEGER_MAX) return null;
  if ((frame[56]! | frame[57]!) !== 0) return null;
  return {
    type: "appendEntriesResponse",
    accepted: true,
    term,
    matchIndex,
    readSequence,
    session: getUint32(frame, 60),
    promiseMs: frame[58]! | (frame[59]! << 8),
    storageFull: false,
    ageToken: getUint32(frame, 64),
  };
}
