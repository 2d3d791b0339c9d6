/**
 * Writes the identity of a running node, one change after the other. Where there is no room for it,
 * the old one stays, and the change waits until there is some: a full disk does not end the node.
 *
 * @module
 */
import { ShutdownError } from "../errors.ts";
import { ROOM_RETRY_MS } from "../limits.ts";
import type { DataDirectory } from "../log/data_directory.ts";
import { NoRoomError } from "../log/no_room_error.ts";
import type { Logger } from "../observability/logger.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Identity } from "../wire/storage_codec.ts";

/** What a writer works with. */
export interface IdentityWriterOptions {
  readonly directory: Pick<DataDirectory, "identity" | "saveIdentity">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The data directory cannot be written: the node must stop. */
  readonly failed: (error: Error) => void;
}

/** See the comment of this module. */
export class IdentityWriter {
  readonly #options: IdentityWriterOptions;
  /** One change at a time. */
  #saving: Promise<void> = Promise.resolve();
  #isClosed = false;
  #close: () => void = () => {};
  readonly #closed = new Promise<void>((resolve) => this.#close = resolve);

  /** Writes nothing yet. */
  constructor(options: IdentityWriterOptions) {
    this.#options = options;
  }

  /** Whether the node is stopping: nothing new is to be written. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Has the changes that follow wait for something, unless the node stops before. */
  waitFor(what: () => Promise<void>): void {
    this.#saving = this.#saving.then(() => Promise.race([what(), this.#closed.then(stopping)]));
  }

  /** Makes a change durable. */
  save(change: (identity: Identity) => Identity): Promise<void> {
    this.#saving = this.#saving.then(() => this.#save(change));
    this.#saving.catch(this.#options.failed);
    return this.#saving;
  }

  /** Waits no longer for room; resolves when nothing is being written. */
  async settled(): Promise<void> {
    this.#isClosed = true;
    this.#close();
    await this.#saving.catch(() => {});
  }

  async #save(change: (identity: Identity) => Identity): Promise<void> {
    const { directory, logger } = this.#options;
    for (;;) {
      try {
        return await directory.saveIdentity(change(directory.identity));
      } catch (error) {
        if (!(error instanceof NoRoomError) || this.#isClosed) throw error;
        logger.warn("There is no room to store who is a member: trying again", {
          reason: error.message,
        });
      }
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.setTimer(resolve, ROOM_RETRY_MS);
      void this.#closed.then(() => {
        clock.clearTimer(timer);
        resolve();
      });
    });
  }
}

function stopping(): never {
  throw new ShutdownError("Cannot store who is a member as the node is stopping");
}
