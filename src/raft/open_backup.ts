/**
 * Opens a snapshot of a running node for somebody who saves it elsewhere.
 *
 * @module
 */
import { StorageError } from "../errors.ts";
import type { SnapshotReader, SnapshotStore } from "../log/snapshot_store.ts";
import { type Clock, FileError } from "../runtime/runtime.ts";
import type { Consistency } from "../wire/client_messages.ts";
import type { DriverLoop } from "./driver_loop.ts";
import { READ_POINT } from "./query_server.ts";

/** How often a snapshot may be replaced between its taking and its opening. */
const ATTEMPTS_MAX = 5;

/** What a snapshot is opened with. */
export interface OpenBackupOptions {
  readonly driver: DriverLoop;
  readonly store: SnapshotStore;
  readonly clock: Clock;
  /** Stale: what the node has applied, whatever the others have. */
  readonly consistency: Consistency;
}

/**
 * Takes a snapshot, unless the newest one is of everything that is applied and is good, and opens
 * it. The caller closes the reader.
 *
 * @throws {RaftError} If no quorum confirms what is to be in it, or nothing was applied yet.
 * @throws {StorageError} If it cannot be written or read.
 */
export async function openBackup(options: OpenBackupOptions): Promise<SnapshotReader> {
  const { driver, store, consistency } = options;
  if (consistency !== "stale") await waitForReadPoint(options);
  for (let attempt = 1;; attempt += 1) {
    const before = store.latest;
    let snapshot = await driver.taker.trigger();
    try {
      // What lies on the disk may have rotted, and a backup is no good if it has.
      if (snapshot === before) snapshot = await driver.trouble.verified(snapshot);
      return replacingUnusable(await store.openReader(snapshot), driver);
    } catch (error) {
      // A newer one has replaced it meanwhile.
      const isGone = error instanceof StorageError && error.cause instanceof FileError &&
        error.cause.code === "ENOENT";
      if (!isGone || attempt >= ATTEMPTS_MAX) throw error;
    }
  }
}

/** A reader whose failures have another snapshot take the place of what cannot be read. */
function replacingUnusable(reader: SnapshotReader, { trouble }: DriverLoop): SnapshotReader {
  const { snapshot } = reader;
  return {
    snapshot,
    read: async (offset, bytesMax) => {
      try {
        return await reader.read(offset, bytesMax);
      } catch (error) {
        // Who saves it learns of this failure now, and may try again.
        void trouble.unusable(snapshot, error);
        throw error;
      }
    },
    close: () => reader.close(),
  };
}

/** Resolves when everything is applied here that was acknowledged before the call. */
function waitForReadPoint({ driver, clock }: OpenBackupOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    driver.query({
      query: READ_POINT,
      sink: {
        queryAnswered: () => resolve(),
        queryFailed: (_, error) => reject(error),
      },
      requestId: 0,
      askedAtMs: clock.nowMs(),
    });
  });
}
