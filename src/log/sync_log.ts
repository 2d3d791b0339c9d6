import type { Log } from "./log.ts";

/**
 * Resolves when everything that the log holds now is durable.
 *
 * @throws {StorageError} If the log has failed.
 */
export function syncLog(log: Log): Promise<void> {
  return new Promise((resolve, reject) => {
    log.sync((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
