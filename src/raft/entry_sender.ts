/**
 * Carries out the core's send effects: finds the records of a range, in memory or in storage, and
 * sends them in one message.
 *
 * @module
 */
import type { SendEntries } from "../consensus/effects.ts";
import type { Input } from "../consensus/input.ts";
import type { Log } from "../log/log.ts";
import type { Transport } from "../transport/transport.ts";
import type { Index, Term } from "../types.ts";
import type { RaftObserver } from "./observer.ts";
import type { RecordParts, TailCache } from "./tail_cache.ts";

/** What the sender works with. */
export interface EntrySenderOptions {
  readonly log: Log;
  readonly cache: TailCache;
  readonly transport: Transport;
  /** The most bytes of entries in one message, or one entry that is larger. */
  readonly appendBytesMax: number;
  readonly observer?: RaftObserver | undefined;
  /** The term that this node leads, or null. */
  readonly leadingTerm: () => Term | null;
  /** Called with `sent` when a message is out, maybe before `send` returns. */
  readonly sent: (input: Input) => void;
  readonly failed: (error: Error) => void;
}

/** Sends entries to followers. */
export class EntrySender {
  readonly #options: EntrySenderOptions;

  /** Creates a sender. */
  constructor(options: EntrySenderOptions) {
    this.#options = options;
  }

  /** Sends what `effect` asks for, from storage if memory has dropped it. */
  send(effect: SendEntries): void {
    const { cache, log, transport, appendBytesMax } = this.#options;
    const firstIndex = effect.message.prevLogIndex + 1;
    if (!transport.isConnected(effect.to)) {
      // The message would be dropped: the core hears of it when the connection stands again.
      this.#report(effect, firstIndex - 1, 0);
      return;
    }
    const cached = cache.range(firstIndex, effect.lastIndex, appendBytesMax);
    if (cached !== null) {
      this.#sendParts(effect, cached);
      return;
    }
    // The log may have been cut since the effect was given, by a leader after this one.
    const lastIndex = Math.min(effect.lastIndex, log.lastIndex);
    if (firstIndex < log.firstIndex || firstIndex > lastIndex) {
      this.#report(effect, firstIndex - 1, 0);
      return;
    }
    log.read({ firstIndex, lastIndex, bytesMax: appendBytesMax }).then((batch) => {
      const { bytes } = batch;
      this.#sendParts(effect, {
        parts: [bytes],
        lastIndex: batch.lastIndex,
        bytes: bytes.length,
      });
      transport.flush();
    }, (error) => {
      // A leader after this one may have replaced the log meanwhile.
      if (this.#options.leadingTerm() === effect.message.term) this.#options.failed(error);
      else this.#report(effect, firstIndex - 1, 0);
    });
  }

  #sendParts(effect: SendEntries, records: RecordParts): void {
    const { message, to } = effect;
    if (this.#options.leadingTerm() === message.term) {
      const entries = {
        firstIndex: message.prevLogIndex + 1,
        lastIndex: records.lastIndex,
        termRuns: [],
        configurations: [],
        source: null,
      };
      this.#options.observer?.sentEntries?.(message);
      this.#options.transport.send(to, { ...message, entries }, records.parts);
    }
    this.#report(effect, records.lastIndex, records.bytes);
  }

  #report(effect: SendEntries, lastIndex: Index, bytes: number): void {
    const { to: peer, message: { term } } = effect;
    this.#options.sent({ type: "sent", peer, term, lastIndex, bytes });
  }
}
