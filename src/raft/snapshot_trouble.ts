/**
 * What becomes of a node whose snapshots fail it. The state is in memory, so none of this is a loss
 * yet, and what can be made anew is:
 *
 * - The newest snapshot cannot be read, or has rotted, and a follower or a backup needs it: another
 *   one is taken in its place. A follower verifies what it gets, so rot shows when it refuses; then
 *   the file is read once to its end. So it is before it is saved elsewhere, if it lay there for a
 *   while. It shows in the status for an hour, and in the log.
 * - That one cannot be written either, for a reason that room does not mend: the disk is of no use.
 *   The node ends, and a leader hands over before: another one has a snapshot of its own.
 * - A snapshot of the leader's cannot be stored, for want of room, say: the leader asks again in a
 *   while. It shows in the status, and once in the log.
 *
 * @module
 */
import { AssertionError } from "../assert.ts";
import { ShutdownError, StorageError } from "../errors.ts";
import { ROOM_RETRY_MS_MAX } from "../limits.ts";
import { isShortage } from "../log/no_room_error.ts";
import type { SnapshotStore, StoredSnapshot } from "../log/snapshot_store.ts";
import type { Logger } from "../observability/logger.ts";
import type { SnapshotReadings } from "../observability/node_readings.ts";
import type { Clock, TimerHandle } from "../runtime/runtime.ts";
import type { SnapshotTaker } from "./snapshot_taker.ts";

/** How long a fault is worth a word after it was met the last time, in milliseconds. */
const RECENT_MS = 60_000;

/**
 * How long a snapshot that was of no use is worth a word after another one took its place, in
 * milliseconds: somebody should look at the disk.
 */
const UNUSABLE_MS = 60 * 60_000;

/** What it works with. */
export interface SnapshotTroubleOptions {
  readonly clock: Clock;
  readonly store: Pick<SnapshotStore, "latest" | "state">;
  readonly logger: Logger;
  readonly taker: Pick<SnapshotTaker, "replace">;
  /** The node cannot go on. */
  readonly failed: (error: Error) => void;
}

/** See the comment of this module. */
export class SnapshotTrouble {
  readonly #options: SnapshotTroubleOptions;
  /** Why the leader's snapshot was not stored, and when that was the case the last time. */
  #receptionFault: { readonly reason: string; readonly atMs: number } | null = null;
  /** The snapshot that was read to its end last. */
  #readId = "";
  /** Another one is being taken in the place of the newest. */
  #replacing: Promise<void> | null = null;
  #timer: TimerHandle | null = null;
  /** The last snapshot that was of no use, and when that was found. */
  #unusable: { readonly reason: string; readonly atMs: number } | null = null;
  #unusableCount = 0;
  #receivedCount = 0;

  /** Knows of no trouble. */
  constructor(options: SnapshotTroubleOptions) {
    this.#options = options;
  }

  /** What people should know of it, a sentence each. */
  get notes(): readonly string[] {
    const fault = this.#recentFault;
    const unusable = this.#recentlyUnusable;
    return [
      ...(fault === null ? [] : [fault.reason]),
      ...(unusable === null ? [] : [`a snapshot was of no use, look at the disk: ${unusable}`]),
    ];
  }

  /** What became of the snapshots so far. */
  get readings(): Omit<SnapshotReadings, "taken" | "takenSeconds" | "failed" | "lastFailed"> {
    return {
      received: this.#receivedCount,
      notReceived: this.#recentFault !== null,
      unusable: this.#unusableCount,
      recentlyUnusable: this.#recentlyUnusable !== null,
    };
  }

  /** A snapshot of the leader's was stored. */
  received(): void {
    this.#receptionFault = null;
    this.#receivedCount += 1;
  }

  /** A snapshot of the leader's could not be stored. */
  notReceived(error: unknown): void {
    if (error instanceof AssertionError || !(error instanceof Error)) {
      this.#options.failed(asError(error));
      return;
    }
    const { clock, logger } = this.#options;
    const reason = error.message;
    // It is sent again and again, and there is nothing new to say but other numbers.
    const isNew = withoutNumbers(this.#recentFault?.reason ?? "") !== withoutNumbers(reason);
    this.#receptionFault = { reason, atMs: clock.nowMs() };
    if (isNew) logger.warn("A snapshot was not received: the leader sends it again", { reason });
  }

  /** A follower refused this snapshot; resolves when it may be sent again, if it is still good. */
  async refused(snapshot: StoredSnapshot): Promise<void> {
    const { snapshotId } = snapshot.meta;
    if (!this.#isLatest(snapshot) || this.#readId === snapshotId) return;
    this.#readId = snapshotId;
    try {
      await this.#readToEnd(snapshot);
    } catch (error) {
      await this.unusable(snapshot, error);
    }
  }

  /**
   * Reads a snapshot to its end; resolves to it where it is good, else to the one that takes its
   * place. Rejects with what is wrong with it where none can.
   */
  async verified(snapshot: StoredSnapshot): Promise<StoredSnapshot> {
    try {
      await this.#readToEnd(snapshot);
      return snapshot;
    } catch (error) {
      await this.unusable(snapshot, error);
      const { latest } = this.#options.store;
      if (latest === null || this.#isLatest(snapshot)) throw error;
      return latest;
    }
  }

  /** This snapshot is of no use; resolves when it makes sense to send the newest one. */
  unusable(snapshot: StoredSnapshot, error: unknown): Promise<void> {
    if (error instanceof AssertionError) this.#options.failed(error);
    if (error instanceof AssertionError || !this.#isLatest(snapshot)) return Promise.resolve();
    // Several followers may need it.
    this.#replacing ??= this.#replace(snapshot, asError(error)).finally(() => {
      this.#replacing = null;
    });
    return this.#replacing;
  }

  async #readToEnd(snapshot: StoredSnapshot): Promise<void> {
    const chunks = this.#options.store.state(snapshot)[Symbol.asyncIterator]();
    while (!(await chunks.next()).done);
  }

  async #replace(snapshot: StoredSnapshot, { message: reason }: Error): Promise<void> {
    const { clock, logger, taker, failed } = this.#options;
    this.#unusable = { reason, atMs: clock.nowMs() };
    this.#unusableCount += 1;
    logger.error("The newest snapshot is of no use: another one takes its place", {
      reason,
      index: snapshot.meta.lastIncludedIndex,
    });
    try {
      await taker.replace(snapshot);
    } catch (failure) {
      if (failure instanceof ShutdownError) return;
      const isHopeless = failure instanceof StorageError && !isShortage(failure.cause);
      if (isHopeless) return failed(failure);
      await new Promise<void>((resolve) => {
        this.#timer = clock.setTimer(resolve, ROOM_RETRY_MS_MAX);
      });
    }
  }

  /** Waits for nothing any more. */
  close(): void {
    if (this.#timer !== null) this.#options.clock.clearTimer(this.#timer);
    this.#timer = null;
  }

  /** The fault that a leader's last tries met; null where it tries no more. */
  get #recentFault(): { readonly reason: string } | null {
    const fault = this.#receptionFault;
    const isRecent = fault !== null && this.#options.clock.nowMs() - fault.atMs < RECENT_MS;
    return isRecent ? fault : null;
  }

  /** Why a snapshot was of no use of late, or null. */
  get #recentlyUnusable(): string | null {
    const found = this.#unusable;
    const isRecent = found !== null && this.#options.clock.nowMs() - found.atMs < UNUSABLE_MS;
    return isRecent ? found.reason : null;
  }

  #isLatest({ meta }: StoredSnapshot): boolean {
    return this.#options.store.latest?.meta.snapshotId === meta.snapshotId;
  }
}

function withoutNumbers(text: string): string {
  return text.replace(/\d+/g, "");
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
