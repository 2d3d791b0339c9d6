/**
 * Puts under way, so many at a time: what is imported does not wait for each answer.
 *
 * Two puts of one key are never under way together, for an attempt that is repeated may overtake
 * another one.
 *
 * @module
 */
import { IMPORT_BYTES_UNDER_WAY_MAX, IMPORT_PUTS_UNDER_WAY_MAX } from "../../limits.ts";
import { toByteString } from "../../state_machine/byte_string.ts";

/** A put of a line. */
export interface LinePut {
  readonly number: number;
  readonly key: Uint8Array;
  readonly bytes: number;
  readonly send: () => Promise<unknown>;
}

/** The puts of one import. */
export class PutWindow {
  /** How many were applied. */
  applied = 0;
  /** The first line, in the order of the file, that was not. */
  failure: { readonly number: number; readonly error: unknown } | null = null;
  readonly #underWay = new Map<string, Promise<void>>();
  #bytes = 0;

  /** Sends a put as soon as there is room; false where one has failed, and nothing is sent. */
  async add(put: LinePut): Promise<boolean> {
    const key = toByteString(put.key);
    await this.#underWay.get(key);
    while (this.#isFull(put.bytes) && this.failure === null) {
      await Promise.race(this.#underWay.values());
    }
    if (this.failure !== null) return false;
    this.#bytes += put.bytes;
    const sent = put.send().then(() => {
      this.applied += 1;
    }, (error) => {
      const isFirst = this.failure === null || put.number < this.failure.number;
      if (isFirst) this.failure = { number: put.number, error };
    }).then(() => {
      this.#bytes -= put.bytes;
      this.#underWay.delete(key);
    });
    this.#underWay.set(key, sent);
    return true;
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  #isFull(bytes: number): boolean {
    const count = this.#underWay.size;
    if (count === 0) return false;
    return count >= IMPORT_PUTS_UNDER_WAY_MAX || this.#bytes + bytes > IMPORT_BYTES_UNDER_WAY_MAX;
  }
}
