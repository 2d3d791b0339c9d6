/**
 * ReadIndex messages, placed by hand: every linearizable read at a follower takes two of them.
 *
 * ```
 * offset  request    response
 *     40  readId     readId
 *     48             union tag (16 bits), zero (48 bits)
 *     56             readIndex, or zero
 * ```
 *
 * @module
 */
import { getUint32, getUint64, putUint32 } from "../bytes.ts";
import type { ReadIndexRequest, ReadIndexResponse } from "../consensus/messages.ts";
import { INTEGER_MAX } from "../types.ts";
import type { ByteBuilder } from "./byte_builder.ts";
import { sealFrame } from "./frame_checksum.ts";
import { PeerMessage_Which as Which, ReadIndexResponse_Which } from "./generated/peer.ts";
import {
  type Envelope,
  envelopeId,
  envelopeTag,
  hasEnvelope,
  MEMBER_OFFSET,
  putEnvelope,
  putInteger,
  structSize,
} from "./hot_frame.ts";

const REQUEST_SIZE = structSize(1, 0);
const REQUEST_BYTES = MEMBER_OFFSET + 8;
const RESPONSE_SIZE = structSize(3, 0);
const RESPONSE_BYTES = MEMBER_OFFSET + 24;

const envelope: Envelope = { tag: 0, id: 0, memberSize: 0 };

/** Appends a request or a response to what `target` holds. */
export function writeReadIndex(
  target: ByteBuilder,
  message: ReadIndexRequest | ReadIndexResponse,
): void {
  const isRequest = message.type === "readIndexRequest";
  const frameBytes = isRequest ? REQUEST_BYTES : RESPONSE_BYTES;
  const offset = target.reserve(frameBytes);
  const bytes = target.bytes;
  envelope.tag = isRequest ? Which.READ_INDEX_REQUEST : Which.READ_INDEX_RESPONSE;
  envelope.id = message.term;
  envelope.memberSize = isRequest ? REQUEST_SIZE : RESPONSE_SIZE;
  putEnvelope(bytes, offset, frameBytes, envelope);
  putInteger(bytes, offset + 40, message.readId);
  if (!isRequest && message.readIndex !== null) {
    putUint32(bytes, offset + 48, ReadIndexResponse_Which.READ_INDEX);
    putInteger(bytes, offset + 56, message.readIndex);
  }
  sealFrame(bytes.subarray(offset, offset + frameBytes));
}

/** Reads either in the hand-placed layout, or returns null. */
export function readReadIndex(frame: Uint8Array): ReadIndexRequest | ReadIndexResponse | null {
  const isRequest = frame.length === REQUEST_BYTES;
  if (!isRequest && frame.length !== RESPONSE_BYTES) return null;
  if (!hasEnvelope(frame, isRequest ? REQUEST_SIZE : RESPONSE_SIZE)) return null;
  const wanted = isRequest ? Which.READ_INDEX_REQUEST : Which.READ_INDEX_RESPONSE;
  const term = envelopeId(frame);
  const readId = getUint64(frame, 40);
  if (envelopeTag(frame) !== wanted || term > INTEGER_MAX || readId > INTEGER_MAX) return null;
  if (isRequest) return { type: "readIndexRequest", term, readId };
  const tag = getUint32(frame, 48);
  const readIndex = getUint64(frame, 56);
  if (tag > ReadIndexResponse_Which.READ_INDEX || readIndex > INTEGER_MAX) return null;
  const isUnavailable = tag === ReadIndexResponse_Which.UNAVAILABLE;
  return { type: "readIndexResponse", term, readId, readIndex: isUnavailable ? null : readIndex };
}
