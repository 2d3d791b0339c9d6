/**
 * Receives a snapshot from the leader: stores its chunks, says how much is stored, and tells the
 * core when all of it is there, verified and durable.
 *
 * One snapshot is received at a time; a chunk of another one, from the same leader or the next,
 * ends the one before. Bytes are taken only at the end of what is stored, so it does not matter
 * what is repeated or lost, or which leader sends it: the id names the bytes.
 *
 * @module
 */
import type { SnapshotChunk } from "../consensus/effects.ts";
import type { Input } from "../consensus/input.ts";
import type { SnapshotStatus } from "../consensus/messages.ts";
import type { SnapshotReceiver, SnapshotStore, StoredSnapshot } from "../log/snapshot_store.ts";
import { SNAPSHOT_WINDOW_BYTES_MAX } from "../limits.ts";
import type { Logger } from "../observability/logger.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Transport } from "../transport/transport.ts";
import type { NodeId, Term } from "../types.ts";

/** What the intake works with. */
export interface SnapshotIntakeOptions {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly snapshots: Pick<SnapshotStore, "receive">;
  readonly logger: Logger;
  readonly term: () => Term;
  /** Called with `snapshotReceived`. */
  readonly received: (input: Input) => void;
  /** A snapshot cannot be stored, or is none: it is refused, and this is why. */
  readonly failed: (error: unknown) => void;
}

/** A whole snapshot, and how it came: the source of `snapshotReceived`. */
export interface ReceivedSnapshot {
  readonly stored: StoredSnapshot;
  /** Who sent the last chunk. */
  readonly from: NodeId;
  /** When this process got the first chunk. */
  readonly startMs: number;
}

/** Takes the chunks that the core lets through. */
export class SnapshotIntake {
  readonly #options: SnapshotIntakeOptions;
  #queue: SnapshotChunk[] = [];
  #queuedBytes = 0;
  #receiver: SnapshotReceiver | null = null;
  #startMs = 0;
  #isBusy = false;
  #stopped = false;

  /** Creates an intake that receives nothing yet. */
  constructor(options: SnapshotIntakeOptions) {
    this.#options = options;
  }

  /** Takes a chunk: stores it, and answers what is stored then. */
  take(chunk: SnapshotChunk): void {
    const bytes = chunk.request.data.length;
    // More than a leader sends ahead: what is dropped is asked for again.
    if (bytes > 0 && this.#queuedBytes + bytes > 2 * SNAPSHOT_WINDOW_BYTES_MAX) return;
    this.#queue.push(chunk);
    this.#queuedBytes += bytes;
    if (!this.#isBusy) void this.#work();
  }

  /** Takes nothing more; what was received stays for the next start. */
  stop(): void {
    this.#stopped = true;
    this.#queue = [];
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    while (this.#queue.length > 0 && !this.#stopped) {
      const chunk = this.#queue.shift()!;
      this.#queuedBytes -= chunk.request.data.length;
      // Its sender leads no longer; whoever leads now says what is to be received.
      if (chunk.request.term < this.#options.term()) continue;
      try {
        await this.#store(chunk);
      } catch (error) {
        this.#receiver = null;
        if (this.#stopped) break;
        this.#options.failed(error);
        this.#answer(chunk, { status: "refused", storedBytes: 0 });
      }
    }
    this.#isBusy = false;
  }

  async #store(chunk: SnapshotChunk): Promise<void> {
    const { snapshotId, totalBytes, offset, data } = chunk.request;
    if (this.#receiver?.snapshotId !== snapshotId) {
      this.#receiver = null;
      this.#receiver = await this.#begin(chunk);
    }
    const receiver = this.#receiver;
    if (offset === receiver.storedBytes && data.length > 0) await receiver.append(offset, data);
    if (this.#stopped) return;
    if (receiver.storedBytes < totalBytes) {
      this.#answer(chunk, { status: "receiving", storedBytes: receiver.storedBytes });
      return;
    }
    this.#receiver = null;
    const stored = await receiver.finish();
    if (this.#stopped) return;
    const source: ReceivedSnapshot = { stored, from: chunk.from, startMs: this.#startMs };
    // The core answers.
    this.#options.received({ type: "snapshotReceived", snapshot: stored.meta, source });
  }

  async #begin({ from, request }: SnapshotChunk): Promise<SnapshotReceiver> {
    const { clock, logger, snapshots } = this.#options;
    const { snapshotId, lastIncludedIndex, totalBytes } = request;
    this.#startMs = clock.nowMs();
    const receiver = await snapshots.receive({ snapshotId, lastIncludedIndex, totalBytes });
    const { storedBytes } = receiver;
    logger.info("Receives a snapshot", {
      index: lastIncludedIndex,
      from,
      bytes: totalBytes,
      storedBytes,
    });
    return receiver;
  }

  #answer(
    { from, request }: SnapshotChunk,
    outcome: { readonly status: SnapshotStatus; readonly storedBytes: number },
  ): void {
    const { term, snapshotId, lastIncludedIndex, session } = request;
    this.#options.transport.send(from, {
      type: "installSnapshotResponse",
      term,
      snapshotId,
      lastIncludedIndex,
      session,
      ...outcome,
    }, []);
    this.#options.transport.flush();
  }
}
