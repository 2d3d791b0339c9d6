/**
 * What a core's node of a test keeps on its disk, and what a crash makes of it.
 *
 * @module
 */
import type { Index, NodeId, Term } from "../types.ts";
import type { CoreEntry, CoreSnapshot } from "./core_log.ts";

/** What a log keeps of one change before it is synced: the smallest thing that a crash may part. */
export type StoredChange =
  | { readonly type: "append"; readonly entry: CoreEntry }
  | { readonly type: "truncate"; readonly lastIndexKept: Index }
  | { readonly type: "install"; readonly snapshot: CoreSnapshot };

/** What survives every crash. */
export interface CoreStorage {
  currentTerm: Term;
  votedFor: NodeId;
  /**
   * Every entry from the first one on, so that a test sees them all; those up to `baseIndex` are
   * there by the snapshot only, and nothing may be read of them.
   */
  entries: CoreEntry[];
  baseIndex: Index;
  snapshot: CoreSnapshot | null;
  /** The log has had a configuration with this directory. */
  hasJoined: boolean;
}

/** The disk of a node that never ran. */
export function emptyStorage(): CoreStorage {
  return {
    currentTerm: 0,
    votedFor: 0,
    entries: [],
    baseIndex: 0,
    snapshot: null,
    hasJoined: false,
  };
}

/** A log keeps changes in order: what a sync or a crash keeps is a prefix of them. */
export function store(storage: CoreStorage, changes: readonly StoredChange[]): void {
  for (const change of changes) {
    if (change.type === "append") storage.entries.push(change.entry);
    else if (change.type === "truncate") storage.entries.length = change.lastIndexKept;
    else {
      storage.entries = [...change.snapshot.entries];
      storage.baseIndex = change.snapshot.lastIncludedIndex;
    }
  }
}

/** Whether a crash came between a snapshot and the removal of the log that it replaces. */
export function logIsObsolete({ snapshot, entries }: CoreStorage): boolean {
  if (snapshot === null) return false;
  return entries[snapshot.lastIncludedIndex - 1]?.term !== snapshot.lastIncludedTerm;
}

/** What a start after a crash would find at `index`. */
export function durableEntry(storage: CoreStorage, index: Index): CoreEntry | undefined {
  const { snapshot, entries } = storage;
  if (index <= (snapshot?.lastIncludedIndex ?? 0)) return snapshot!.entries[index - 1];
  return logIsObsolete(storage) ? undefined : entries[index - 1];
}
