/**
 * The four client messages that make up nearly all traffic, placed by hand: see hot_frame.ts.
 *
 * ```
 * propose, 2 pointers          query, 2 words, 1 pointer     answers, 3 words, 1 pointer
 *     40  pointer: commandId       40  consistency (16 bits)     40  index        servedBy
 *     48  pointer: command         48  maxAgeMs                  48  term         index
 *     56  commandId                56  pointer: query            56  duplicate    ageMs
 *     72  command                  64  query                     64  pointer: result
 *                                                                72  result
 * ```
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32, getUint64, putUint32 } from "../bytes.ts";
import { INTEGER_MAX } from "../types.ts";
import type { ByteBuilder } from "./byte_builder.ts";
import type {
  Consistency,
  ProposeAnswer,
  ProposeRequest,
  QueryAnswer,
  QueryRequest,
} from "./client_messages.ts";
import { sealFrame } from "./frame_checksum.ts";
import { ClientMessage_Which as Which } from "./generated/client.ts";
import {
  byteListSize,
  type Envelope,
  envelopeId,
  envelopeTag,
  hasEnvelope,
  lastBytesCount,
  paddedBytes,
  putEnvelope,
  putInteger,
  structSize,
} from "./hot_frame.ts";
import { ID_BYTES } from "./id_bytes.ts";
import { wholeMs } from "./library_message.ts";

/** The values of the schema's enum, in its order. */
export const CONSISTENCIES: readonly Consistency[] = ["linearizable", "lease", "stale"];

const PROPOSE_SIZE = structSize(0, 2);
const PROPOSE_ID_OFFSET = 56;
const PROPOSE_COMMAND_OFFSET = 72;
const QUERY_SIZE = structSize(2, 1);
const QUERY_OFFSET = 64;
const ANSWER_SIZE = structSize(3, 1);
const ANSWER_RESULT_OFFSET = 72;

const envelope: Envelope = { tag: 0, id: 0, memberSize: 0 };

/** A message without its `type`, as the `write…` functions take it: one object may be reused. */
export type Untyped<Typed> = Omit<Typed, "type">;

/** Appends a propose to what `target` holds. */
export function writePropose(target: ByteBuilder, request: Untyped<ProposeRequest>): void {
  const { commandId, command } = request;
  if (commandId.length !== ID_BYTES) assert(false, `command id of ${commandId.length} bytes is 16`);
  const frameBytes = PROPOSE_COMMAND_OFFSET + paddedBytes(command.length);
  const offset = target.reserve(frameBytes);
  const bytes = target.bytes;
  envelope.tag = Which.PROPOSE;
  envelope.id = request.requestId;
  envelope.memberSize = PROPOSE_SIZE;
  putEnvelope(bytes, offset, frameBytes, envelope);
  putUint32(bytes, offset + 40, (1 << 2) | 1);
  putUint32(bytes, offset + 44, byteListSize(ID_BYTES));
  putUint32(bytes, offset + 48, (2 << 2) | 1);
  putUint32(bytes, offset + 52, byteListSize(command.length));
  bytes.set(commandId, offset + PROPOSE_ID_OFFSET);
  bytes.set(command, offset + PROPOSE_COMMAND_OFFSET);
  sealFrame(bytes.subarray(offset, offset + frameBytes));
}

/** Reads a propose in the hand-placed layout, or returns null. Holds views of the frame. */
export function readPropose(frame: Uint8Array): ProposeRequest | null {
  if (frame.length < PROPOSE_COMMAND_OFFSET || !hasEnvelope(frame, PROPOSE_SIZE)) return null;
  const requestId = envelopeId(frame);
  if (envelopeTag(frame) !== Which.PROPOSE || requestId > INTEGER_MAX) return null;
  if (getUint32(frame, 40) !== 5 || getUint32(frame, 44) !== byteListSize(ID_BYTES)) return null;
  const high = getUint32(frame, 52);
  const end = PROPOSE_COMMAND_OFFSET + (high >>> 3);
  if (getUint32(frame, 48) !== 9 || (high & 7) !== 2) return null;
  if (PROPOSE_COMMAND_OFFSET + paddedBytes(high >>> 3) !== frame.length) return null;
  const commandId = frame.subarray(PROPOSE_ID_OFFSET, PROPOSE_COMMAND_OFFSET);
  const command = frame.subarray(PROPOSE_COMMAND_OFFSET, end);
  return { type: "propose", requestId, commandId, command };
}

/** Appends a query to what `target` holds. */
export function writeQuery(target: ByteBuilder, request: Untyped<QueryRequest>): void {
  const { query } = request;
  const consistency = CONSISTENCIES.indexOf(request.consistency);
  if (consistency < 0) assert(false, `"${request.consistency}" is a consistency`);
  const frameBytes = QUERY_OFFSET + paddedBytes(query.length);
  const offset = target.reserve(frameBytes);
  const bytes = target.bytes;
  envelope.tag = Which.QUERY;
  envelope.id = request.requestId;
  envelope.memberSize = QUERY_SIZE;
  putEnvelope(bytes, offset, frameBytes, envelope);
  bytes[offset + 40] = consistency;
  putInteger(bytes, offset + 48, wholeMs(request.maxAgeMs));
  putUint32(bytes, offset + 56, 1);
  putUint32(bytes, offset + 60, byteListSize(query.length));
  bytes.set(query, offset + QUERY_OFFSET);
  sealFrame(bytes.subarray(offset, offset + frameBytes));
}

/** Reads a query in the hand-placed layout, or returns null. Holds a view of the frame. */
export function readQuery(frame: Uint8Array): QueryRequest | null {
  if (frame.length < QUERY_OFFSET || !hasEnvelope(frame, QUERY_SIZE)) return null;
  const requestId = envelopeId(frame);
  if (envelopeTag(frame) !== Which.QUERY || requestId > INTEGER_MAX) return null;
  const consistency = CONSISTENCIES[getUint32(frame, 40)];
  const maxAgeMs = getUint64(frame, 48);
  const count = lastBytesCount(frame, 56);
  if (consistency === undefined || maxAgeMs > INTEGER_MAX || count < 0) return null;
  const query = frame.subarray(QUERY_OFFSET, QUERY_OFFSET + count);
  return { type: "query", requestId, consistency, maxAgeMs, query };
}

/** Appends the answer of a propose to what `target` holds; its result is copied. */
export function writeProposeAnswer(target: ByteBuilder, answer: Untyped<ProposeAnswer>): void {
  const { result } = answer;
  const offset = reserveAnswer(target, result);
  const bytes = target.bytes;
  envelope.tag = Which.PROPOSE_ANSWER;
  envelope.id = answer.requestId;
  envelope.memberSize = ANSWER_SIZE;
  putEnvelope(bytes, offset, ANSWER_RESULT_OFFSET + paddedBytes(result.length), envelope);
  putInteger(bytes, offset + 40, answer.index);
  putInteger(bytes, offset + 48, answer.term);
  bytes[offset + 56] = answer.duplicate ? 1 : 0;
  sealAnswer(bytes, offset, result);
}

/** Reads the answer of a propose in the hand-placed layout, or returns null. */
export function readProposeAnswer(frame: Uint8Array): ProposeAnswer | null {
  const result = readResult(frame, Which.PROPOSE_ANSWER);
  if (result === null) return null;
  const requestId = envelopeId(frame);
  const index = getUint64(frame, 40);
  const term = getUint64(frame, 48);
  const duplicate = getUint32(frame, 56);
  if (requestId > INTEGER_MAX || index > INTEGER_MAX || term > INTEGER_MAX) return null;
  if (duplicate > 1) return null;
  return { type: "proposeAnswer", requestId, index, term, duplicate: duplicate === 1, result };
}

/** Appends the answer of a query to what `target` holds; its result is copied. */
export function writeQueryAnswer(target: ByteBuilder, answer: Untyped<QueryAnswer>): void {
  const { result } = answer;
  const offset = reserveAnswer(target, result);
  const bytes = target.bytes;
  envelope.tag = Which.QUERY_ANSWER;
  envelope.id = answer.requestId;
  envelope.memberSize = ANSWER_SIZE;
  putEnvelope(bytes, offset, ANSWER_RESULT_OFFSET + paddedBytes(result.length), envelope);
  putInteger(bytes, offset + 40, answer.servedBy);
  putInteger(bytes, offset + 48, answer.index);
  putInteger(bytes, offset + 56, wholeMs(answer.ageMs));
  sealAnswer(bytes, offset, result);
}

/** Reads the answer of a query in the hand-placed layout, or returns null. */
export function readQueryAnswer(frame: Uint8Array): QueryAnswer | null {
  const result = readResult(frame, Which.QUERY_ANSWER);
  if (result === null) return null;
  const requestId = envelopeId(frame);
  const servedBy = getUint64(frame, 40);
  const index = getUint64(frame, 48);
  const ageMs = getUint64(frame, 56);
  if (requestId > INTEGER_MAX || servedBy > INTEGER_MAX) return null;
  if (index > INTEGER_MAX || ageMs > INTEGER_MAX) return null;
  return { type: "queryAnswer", requestId, servedBy, index, ageMs, result };
}

function reserveAnswer(target: ByteBuilder, result: Uint8Array): number {
  return target.reserve(ANSWER_RESULT_OFFSET + paddedBytes(result.length));
}

function sealAnswer(bytes: Uint8Array, offset: number, result: Uint8Array): void {
  putUint32(bytes, offset + 64, 1);
  putUint32(bytes, offset + 68, byteListSize(result.length));
  bytes.set(result, offset + ANSWER_RESULT_OFFSET);
  const frameBytes = ANSWER_RESULT_OFFSET + paddedBytes(result.length);
  sealFrame(bytes.subarray(offset, offset + frameBytes));
}

function readResult(frame: Uint8Array, tag: Which): Uint8Array | null {
  if (frame.length < ANSWER_RESULT_OFFSET || !hasEnvelope(frame, ANSWER_SIZE)) return null;
  if (envelopeTag(frame) !== tag) return null;
  const count = lastBytesCount(frame, 64);
  if (count < 0) return null;
  return frame.subarray(ANSWER_RESULT_OFFSET, ANSWER_RESULT_OFFSET + count);
}
