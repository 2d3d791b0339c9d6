/**
 * The checksum of a frame: CRC-32 of all of its bytes, with the four bytes that hold it as zero. It
 * is the first field of both root structs, PeerMessage and ClientMessage.
 *
 * @module
 */
import { getUint32, putUint32 } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import { crc32 } from "../runtime/checksum.ts";
import { FRAME_HEADER_BYTES } from "./frame.ts";

/** Where the checksum is in a frame whose root struct follows its pointer, as in all of ours. */
export const CHECKSUM_OFFSET = FRAME_HEADER_BYTES + 8;

/** Computes and writes the checksum of a frame of ours, whose checksum field is still zero. */
export function sealFrame(frame: Uint8Array): void {
  putUint32(frame, CHECKSUM_OFFSET, crc32(frame));
}

/** The same for a frame in parts, of which the first holds the checksum field. */
export function sealParts(parts: readonly Uint8Array[]): void {
  let checksum = 0;
  for (const part of parts) checksum = crc32(part, checksum);
  putUint32(parts[0]!, CHECKSUM_OFFSET, checksum);
}

/**
 * Where the data section of the root struct starts, which is also where the checksum is.
 *
 * @throws {ProtocolError} If the root pointer does not lead to a struct with data.
 */
export function rootOffset(frame: Uint8Array): number {
  const low = getUint32(frame, FRAME_HEADER_BYTES) | 0;
  const dataWords = getUint32(frame, FRAME_HEADER_BYTES + 4) & 0xffff;
  const offset = FRAME_HEADER_BYTES + 8 + (low >> 2) * 8;
  if ((low & 3) !== 0 || dataWords === 0 || offset < CHECKSUM_OFFSET) {
    throw new ProtocolError("Cannot find the checksum: the message has no root struct with data");
  }
  if (offset + dataWords * 8 > frame.length) {
    throw new ProtocolError("Cannot find the checksum: the root struct leads out of the message");
  }
  return offset;
}

/**
 * Verifies the checksum of a received frame. The field is set to zero meanwhile, for one call of
 * crc32 over the frame as it is costs half of three calls over parts of it.
 *
 * @throws {ProtocolError} If it does not match: bytes were changed on the way.
 */
export function verifyFrame(frame: Uint8Array): void {
  const offset = rootOffset(frame);
  const stored = getUint32(frame, offset);
  putUint32(frame, offset, 0);
  const computed = crc32(frame);
  putUint32(frame, offset, stored);
  if (stored !== computed) {
    throw new ProtocolError(
      `Cannot trust a message of ${frame.length} bytes: its checksum is ${stored}, ` +
        `computed ${computed}`,
    );
  }
}
