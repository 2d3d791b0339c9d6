/**
 * The names of the files in `DATA/snapshots`.
 *
 * ```
 * 00000000000000100000-0c1d….snapshot    complete, and never changed again
 * 00000000000000200000-93ab….writing     being written; removed at each start
 * 00000000000000200000-93ab….receiving   being received; stays, to be continued
 * ```
 *
 * The index is that of the last entry covered, so that names sort as snapshots follow each other.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { type Index, INTEGER_MAX, type SnapshotId } from "../types.ts";

/** What is known of a file by its name. */
export interface SnapshotName {
  readonly lastIncludedIndex: Index;
  readonly snapshotId: SnapshotId;
  readonly state: "snapshot" | "writing" | "receiving";
}

const INDEX_DIGITS = 20;
const PATTERN = /^(\d{20})-([0-9a-f]{32})\.(snapshot|writing|receiving)$/;

/** The name of a file. */
export function snapshotName({ lastIncludedIndex, snapshotId, state }: SnapshotName): string {
  const name = `${String(lastIncludedIndex).padStart(INDEX_DIGITS, "0")}-${snapshotId}.${state}`;
  assert(PATTERN.test(name), () => `"${name}" is no name of a snapshot`);
  return name;
}

/** What a name says, or null where it is none of a snapshot. */
export function parseSnapshotName(name: string): SnapshotName | null {
  const match = PATTERN.exec(name);
  if (match === null) return null;
  const lastIncludedIndex = Number(match[1]);
  if (lastIncludedIndex > INTEGER_MAX) return null;
  return { lastIncludedIndex, snapshotId: match[2]!, state: match[3] as SnapshotName["state"] };
}
