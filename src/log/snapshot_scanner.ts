/**
 * Verifies a snapshot as its bytes come along, from a file or from a connection, and hands out the
 * state that it carries. It holds at most one part that is not complete.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { SNAPSHOT_CHUNK_BYTES_MAX } from "../limits.ts";
import { crc32 } from "../runtime/checksum.ts";
import { CHECKED_HEADER_BYTES } from "./checked_message.ts";
import {
  decodeHeader,
  decodePartHeader,
  decodeTrailer,
  headerBytes,
  PART_HEADER_BYTES,
  partChecksum,
  SnapshotFault,
  type SnapshotMeta,
} from "./snapshot_format.ts";

/** Reads one snapshot from its start on. */
export class SnapshotScanner {
  #meta: SnapshotMeta | null = null;
  /** Where the first part that is not verified starts. */
  #offset = 0;
  #isComplete = false;
  #checksum = 0;
  #chunkCount = 0;
  #stateBytes = 0;
  /** The bytes from #offset on. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** How many of them the next step needs. */
  #needed: number = CHECKED_HEADER_BYTES;

  /** What the snapshot covers, once its header is there. */
  get meta(): SnapshotMeta | null {
    return this.#meta;
  }

  /** How many bytes from the start are whole parts, and verified. */
  get verifiedBytes(): number {
    return this.#offset;
  }

  /** Whether everything is there, up to a trailer that fits. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /**
   * Takes the next bytes, of which it keeps views, and returns the chunks of the state that they
   * complete.
   *
   * @throws {SnapshotFault} If they do not go on as a snapshot; the scanner is of no use then.
   */
  push(bytes: Uint8Array): Uint8Array[] {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    const chunks: Uint8Array[] = [];
    if (this.#heldBytes >= this.#needed && !this.#isComplete) {
      let rest = joined(this.#held, this.#heldBytes);
      this.#needed = this.#partBytes(rest);
      while (rest.length >= this.#needed && !this.#isComplete) {
        const part = rest.subarray(0, this.#needed);
        rest = rest.subarray(this.#needed);
        if (this.#meta === null) this.#takeHeader(part);
        else if (this.#takePart(part)) chunks.push(part.subarray(PART_HEADER_BYTES));
        this.#needed = this.#partBytes(rest);
      }
      this.#held = [rest];
      this.#heldBytes = rest.length;
    }
    if (this.#isComplete && this.#heldBytes > 0) {
      throw new SnapshotFault(this.#offset, "there are bytes behind its trailer");
    }
    return chunks;
  }

  /** Forgets the bytes behind what is verified: they are to come again. */
  dropRest(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#needed = this.#meta === null ? CHECKED_HEADER_BYTES : PART_HEADER_BYTES;
  }

  /** The length of the part at the start of `rest`, or of what tells it. */
  #partBytes(rest: Uint8Array): number {
    if (this.#meta === null) {
      return rest.length < CHECKED_HEADER_BYTES ? CHECKED_HEADER_BYTES : headerBytes(rest);
    }
    if (rest.length < PART_HEADER_BYTES || this.#isComplete) return PART_HEADER_BYTES;
    const header = decodePartHeader(rest);
    if (header === null) throw new SnapshotFault(this.#offset, "neither a chunk nor a trailer");
    assert(header.length <= SNAPSHOT_CHUNK_BYTES_MAX, () => `a part has ${header.length} bytes`);
    return PART_HEADER_BYTES + header.length;
  }

  #takeHeader(bytes: Uint8Array): void {
    assert(this.#offset === 0, () => `the header is at ${this.#offset}`);
    this.#meta = decodeHeader(bytes);
    this.#checksum = crc32(bytes);
    this.#offset = bytes.length;
  }

  /** Verifies a whole part; true for a chunk. */
  #takePart(part: Uint8Array): boolean {
    const header = decodePartHeader(part);
    assert(header !== null, () => `the part at ${this.#offset} has changed`);
    if (partChecksum(part, this.#checksum) !== header.checksum) {
      throw new SnapshotFault(this.#offset, `the checksum of the ${header.kind} is wrong`);
    }
    if (header.number !== this.#chunkCount) {
      const fault = `part ${header.number} stands where part ${this.#chunkCount} belongs`;
      throw new SnapshotFault(this.#offset, fault);
    }
    const isChunk = header.kind === "chunk";
    if (!isChunk) this.#takeTrailer(part);
    this.#checksum = header.checksum;
    this.#offset += part.length;
    if (isChunk) {
      this.#chunkCount += 1;
      this.#stateBytes += header.length;
    }
    return isChunk;
  }

  #takeTrailer(part: Uint8Array): void {
    const { chunkCount, stateBytes, totalBytes, previousChecksum } = decodeTrailer(part);
    const isRight = chunkCount === this.#chunkCount && stateBytes === this.#stateBytes &&
      totalBytes === this.#offset + part.length && previousChecksum === this.#checksum;
    if (!isRight) {
      throw new SnapshotFault(
        this.#offset,
        `the trailer counts ${chunkCount} chunks with ${stateBytes} bytes, and ${totalBytes} ` +
          `bytes in all; there are ${this.#chunkCount} with ${this.#stateBytes}`,
      );
    }
    this.#isComplete = true;
  }
}

/** The bytes of all parts in one piece. */
function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  assert(at === length, () => `the parts have ${at} bytes, want ${length}`);
  return bytes;
}
