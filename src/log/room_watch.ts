/**
 * Keeps in mind that a log has no room for its next segment, and looks again in a while.
 *
 * To look costs next to nothing as long as the file system itself says that too little is free:
 * then nothing is written. Where it says that there is enough and it fails all the same (a quota,
 * say), the next look is later, for each one may write a whole segment.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { ROOM_RETRY_MS, ROOM_RETRY_MS_MAX } from "../limits.ts";
import type { Runtime, TimerHandle } from "../runtime/runtime.ts";
import type { LogShortage } from "./log.ts";
import type { NoRoomError } from "./no_room_error.ts";

/** What a watch works with. */
export interface RoomWatchOptions {
  /** A directory on the file system that is watched. */
  readonly directory: string;
  /** Called where there may be room again; ends in `lacks` or in `found`. */
  readonly retry: () => void;
  /** Called when the shortage begins, and when it ends. */
  readonly changed: () => void;
}

/** See the comment of this module. */
export class RoomWatch {
  readonly #runtime: Runtime;
  readonly #options: RoomWatchOptions;
  #shortage: LogShortage | null = null;
  #timer: TimerHandle | null = null;
  #pauseMs = ROOM_RETRY_MS;
  #isClosed = false;

  /** Watches nothing yet. */
  constructor(runtime: Runtime, options: RoomWatchOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  /** What is lacking, or null. */
  get shortage(): LogShortage | null {
    return this.#shortage;
  }

  /** There was no room. */
  lacks({ message: reason, isDisk, neededBytes }: NoRoomError): void {
    assert(neededBytes > 0, () => `${neededBytes} bytes are lacking`);
    const isNew = this.#shortage === null;
    const freeBytes = this.#shortage?.freeBytes ?? null;
    this.#shortage = { reason, isDisk, neededBytes, freeBytes };
    if (this.#isClosed) return;
    // Whether to look sooner is known once the file system was asked.
    if (this.#timer === null) this.#arm();
    if (isNew) this.#options.changed();
    void this.#look();
  }

  /** There is room, and a segment is ready. */
  found(): void {
    this.#clear();
    this.#pauseMs = ROOM_RETRY_MS;
    if (this.#shortage === null) return;
    this.#shortage = null;
    if (!this.#isClosed) this.#options.changed();
  }

  /** Looks no more. */
  close(): void {
    this.#isClosed = true;
    this.#clear();
  }

  /** Asks the file system; true where it says that there is not enough. */
  async #look(): Promise<boolean> {
    const { directory } = this.#options;
    const freeBytes = await this.#runtime.files.freeBytes(directory).catch(() => null);
    if (this.#shortage === null) return false;
    this.#shortage = { ...this.#shortage, freeBytes };
    return this.#shortage.isDisk && freeBytes !== null && freeBytes < this.#shortage.neededBytes;
  }

  #arm(): void {
    assert(this.#timer === null, "a timer is set already");
    this.#timer = this.#runtime.clock.setTimer(() => void this.#fire(), this.#pauseMs);
  }

  async #fire(): Promise<void> {
    this.#timer = null;
    const isFull = await this.#look();
    if (this.#isClosed || this.#shortage === null || this.#timer !== null) return;
    if (isFull) this.#pauseMs = ROOM_RETRY_MS;
    else this.#pauseMs = Math.min(2 * this.#pauseMs, ROOM_RETRY_MS_MAX);
    if (isFull) this.#arm();
    else this.#options.retry();
  }

  #clear(): void {
    if (this.#timer !== null) this.#runtime.clock.clearTimer(this.#timer);
    this.#timer = null;
  }
}
