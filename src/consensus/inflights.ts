/**
 * The AppendEntries messages with entries that a follower has not acknowledged: a window, bounded
 * in messages and in bytes, so that a slow follower is not flooded.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { INFLIGHT_BYTES_MAX, INFLIGHT_MESSAGES_MAX } from "../limits.ts";
import type { Index } from "../types.ts";

interface InflightMessage {
  readonly lastIndex: Index;
  readonly bytes: number;
}

/** A first-in, first-out window of messages. */
export class Inflights {
  /** Ascending by lastIndex; those before #head are acknowledged. */
  #messages: InflightMessage[] = [];
  #head = 0;
  #bytes = 0;

  /** How many messages are unacknowledged. */
  get count(): number {
    return this.#messages.length - this.#head;
  }

  /** Whether nothing more may be sent. */
  get full(): boolean {
    return this.count >= INFLIGHT_MESSAGES_MAX || this.#bytes >= INFLIGHT_BYTES_MAX;
  }

  /** Notes a message that was sent. */
  add(lastIndex: Index, bytes: number): void {
    assert(!this.full, () => `window is full: ${this.count} messages, ${this.#bytes} bytes`);
    const last = this.#messages[this.#messages.length - 1];
    assert(last === undefined || lastIndex > last.lastIndex, () => `${lastIndex} does not ascend`);
    this.#messages.push({ lastIndex, bytes });
    this.#bytes += bytes;
  }

  /** Frees every message whose entries are all at or below `matchIndex`. */
  freeTo(matchIndex: Index): void {
    while (this.count > 0 && this.#messages[this.#head]!.lastIndex <= matchIndex) {
      this.#bytes -= this.#messages[this.#head]!.bytes;
      this.#head += 1;
    }
    if (this.count === 0) this.reset();
    else if (this.#head > INFLIGHT_MESSAGES_MAX) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
    assert(this.#bytes >= 0, () => `bytes in flight are ${this.#bytes}`);
  }

  /** Forgets everything: what was sent may be lost. */
  reset(): void {
    this.#messages = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
