/**
 * The content of a lock file: one line of JSON that says who took the lock, readable by people.
 *
 * @module
 */
import type { ProcessIdentity } from "./process_identity.ts";

/** Who took a lock. */
export interface LockRecord extends ProcessIdentity {
  /** Whether the holder also holds the kernel's lock on this file, so that the kernel knows. */
  readonly kernelLock: boolean;
  /** Whether it was given back. */
  readonly released: boolean;
}

/** The record as text. */
export function formatLockRecord(record: LockRecord): string {
  const { pid, startTime, bootId, pidNamespace, kernelLock, released } = record;
  return JSON.stringify({ pid, startTime, bootId, pidNamespace, kernelLock, released }) + "\n";
}

/** The record in `text`, or null where there is none. */
export function parseLockRecord(text: string): LockRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { pid, startTime, bootId, pidNamespace, kernelLock, released } = value as {
    readonly [Key in keyof LockRecord]?: unknown;
  };
  if (typeof pid !== "number" || !Number.isInteger(pid) || pid <= 0) return null;
  if (typeof startTime !== "string") return null;
  if (!isStringOrNull(bootId) || !isStringOrNull(pidNamespace)) return null;
  if (typeof kernelLock !== "boolean" || typeof released !== "boolean") return null;
  return { pid, startTime, bootId, pidNamespace, kernelLock, released };
}

function isStringOrNull(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}
