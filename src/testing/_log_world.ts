/**
 * Where the tests of the log's contract run, and what they share.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Log, RecordBatch } from "../log/log.ts";
import { verifyRecords } from "../log/record.ts";
import type { Index } from "../types.ts";

/** A place for one log, fresh for each test. */
export interface LogWorld {
  /** Opens the log that is here, an empty one at first. */
  open(): Promise<Log>;
  /** Ends the log as hard as this world can, and opens it again. */
  restart(log: Log): Promise<Log>;
  /** Makes the next sync fail that the log begins. */
  failNextSync(log: Log): void;
  /** Runs a test in this world. */
  run(body: () => Promise<void>): Promise<void>;
  /** Cleans up. */
  dispose(): Promise<void>;
}

/** A test of the contract, by its name. */
export type LogTest = readonly [name: string, body: (world: LogWorld) => Promise<void>];

/** Resolves when the log says that all is durable. */
export function syncLog(log: Log): Promise<void> {
  return new Promise((resolve, reject) => {
    log.sync((error) => error === null ? resolve() : reject(error));
  });
}

/** Reads a whole range and verifies it. */
export async function readRange(
  log: Log,
  firstIndex: Index,
  lastIndex: Index,
): Promise<RecordBatch> {
  const batch = await log.read({ firstIndex, lastIndex, bytesMax: Infinity });
  assert.equal(batch.firstIndex, firstIndex);
  assert.equal(batch.lastIndex, lastIndex);
  assert.equal(verifyRecords(batch.bytes, firstIndex).lastIndex, lastIndex);
  return batch;
}
