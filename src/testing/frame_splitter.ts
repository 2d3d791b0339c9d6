/**
 * Cuts a stream of bytes into Cap'n Proto frames, for faults that hit whole messages.
 *
 * Model: a frame of the standard stream encoding starts with the count of its segments less one
 * and the size of each segment in 8-byte words, all little-endian 32-bit numbers, padded to a whole
 * word; the segments follow. A stream that does not look like this (HTTP, TLS, rubbish) is passed
 * on as it is.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32 } from "../bytes.ts";
import { FRAME_BYTES_MAX } from "../limits.ts";

/** More segments than this are no frame of ours. */
const SEGMENTS_MAX = 512;

const NOTHING = new Uint8Array(0);

/** Cuts one direction of one connection. */
export class FrameSplitter {
  #pending: Uint8Array = NOTHING;
  #broken = false;

  /** Bytes that wait for the rest of their frame. */
  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** Whether the stream turned out not to consist of frames. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Takes the next bytes and returns the frames that are whole now, or all bytes if broken. */
  push(bytes: Uint8Array): Uint8Array[] {
    if (this.#broken) return [bytes];
    const joined = this.#join(bytes);
    const frames: Uint8Array[] = [];
    let position = 0;
    while (position < joined.length) {
      const length = frameBytes(joined, position);
      if (length === "broken") {
        this.#broken = true;
        frames.push(joined.subarray(position));
        position = joined.length;
      } else {
        if (length === "short" || position + length > joined.length) break;
        assert(length % 8 === 0 && length > 0, () => `frame of ${length} bytes is whole words`);
        frames.push(joined.subarray(position, position + length));
        position += length;
      }
    }
    this.#pending = position === joined.length ? NOTHING : joined.slice(position);
    return frames;
  }

  /** What waits, and then `bytes`: as they are where nothing waits, which is nearly always. */
  #join(bytes: Uint8Array): Uint8Array {
    if (this.#pending.length === 0) return bytes;
    const joined = new Uint8Array(this.#pending.length + bytes.length);
    joined.set(this.#pending);
    joined.set(bytes, this.#pending.length);
    return joined;
  }
}

/** The length of the frame at `position`, as far as its table is there. */
function frameBytes(bytes: Uint8Array, position: number): number | "short" | "broken" {
  const available = bytes.length - position;
  if (available < 4) return "short";
  const segments = getUint32(bytes, position) + 1;
  if (segments > SEGMENTS_MAX) return "broken";
  const tableBytes = (4 + 4 * segments + 7) & ~7;
  if (available < tableBytes) return "short";
  let words = 0;
  for (let segment = 0; segment < segments; segment++) {
    words += getUint32(bytes, position + 4 + 4 * segment);
  }
  const length = tableBytes + 8 * words;
  return length > FRAME_BYTES_MAX ? "broken" : length;
}
