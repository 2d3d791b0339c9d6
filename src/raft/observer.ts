/**
 * Watches a node from inside, for tests and traces. Everything is told right after it happened, and
 * nothing that an observer does may change the node.
 *
 * @module
 */
import type { SoftState } from "../consensus/effects.ts";
import type { AppendEntriesRequest, Message } from "../consensus/messages.ts";
import type { EntryHeader, HardState, Log, RecordBatch } from "../log/log.ts";
import type { SnapshotMeta } from "../log/snapshot_format.ts";
import type { Alarm } from "../wire/client_messages.ts";
import type { Index, InstanceId, NodeId, Term } from "../types.ts";

/** What a node starts from. */
export interface NodeStart {
  readonly log: Log;
  /** The newest snapshot: the state machine stands where it ends. Null: it stands at 0. */
  readonly snapshot: SnapshotMeta | null;
  readonly hardState: HardState;
  /** The data directory. */
  readonly instanceId: InstanceId;
}

/** Takes what happens in one node. */
export interface RaftObserver {
  /**
   * The log was opened, or the first entry written at birth; the node waits until the promise
   * resolves.
   */
  opened(start: NodeStart): Promise<void>;
  /** Records were appended, not durable yet. */
  appended(batch: RecordBatch): void;
  /** The entries after `lastIndexKept` were removed. */
  truncated(lastIndexKept: Index): void;
  /** A sync begins of everything appended so far; what is returned is called when it is done. */
  syncing?(): () => void;
  /** A snapshot from the leader replaced every entry; the state machine follows in its time. */
  installed(meta: SnapshotMeta): void;
  /** Everything up to `index` is known to be committed, in `term`, and durable here. */
  committed(index: Index, term: Term): void;
  /** An entry is about to be applied. */
  applying(header: EntryHeader, payload: Uint8Array): void;
  /** Role, term or leader changed. */
  roleChanged(state: SoftState): void;
  /** The states of nodes were found to differ. */
  alarmed?(alarm: Alarm): void;
  /** A message goes out; its entries, where it has any, are not in it. */
  said?(message: Message, to: NodeId): void;
  /** The entries of a message that was told of go out with it now. */
  sentEntries?(message: AppendEntriesRequest): void;
}
