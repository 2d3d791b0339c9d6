/**
 * Stands between a node and its watch: what the watch throws is a finding of this run and not an
 * error of the node, a dead process is not listened to, and others may listen as well.
 *
 * @module
 */
import type { SoftState } from "../consensus/effects.ts";
import type { AppendEntriesRequest, Message } from "../consensus/messages.ts";
import type { EntryHeader, HardState, RecordBatch } from "../log/log.ts";
import type { SnapshotMeta } from "../log/snapshot_format.ts";
import type { NodeStart, RaftObserver } from "../raft/observer.ts";
import type { Alarm } from "../wire/client_messages.ts";
import type { Index, InstanceId, NodeId, Term } from "../types.ts";

/** What {@linkcode TappedObserver} tells, and whom it asks. */
export interface ObserverTaps {
  /** Whether the process still lives: code of a dead one runs to its end without any effect. */
  readonly alive: () => boolean;
  /** Takes what the watch found wrong. */
  readonly found: (error: unknown) => void;
  /** The node has started on this hard state, and its log was read. */
  readonly opened: (hardState: HardState, instanceId: InstanceId) => void;
  /** The node sends a message. */
  readonly said: (message: Message, to: NodeId) => void;
  /** The entries of a message go out. */
  readonly sentEntries: (message: AppendEntriesRequest) => void;
  /** The node removed the end of its log. */
  readonly truncated: (lastIndexKept: Index) => void;
  /** A snapshot that covers everything up to `lastIncludedIndex` replaced the log. */
  readonly installed: (lastIncludedIndex: Index) => void;
  /** The node appended records. */
  readonly appended: () => void;
  /** The node begins to make its log durable. */
  readonly syncBegins: () => void;
  /** The first sync of those under way is done. */
  readonly syncCompletes: () => void;
  /** The node takes everything up to `index` for committed. */
  readonly committed: (index: Index) => void;
  /** The node found that states differ. */
  readonly alarmed: (alarm: Alarm) => void;
  /** The node changed role, term or leader. */
  readonly roleChanged: (state: SoftState) => void;
}

/** Passes on what one life of a node reports. */
export class TappedObserver implements RaftObserver {
  readonly #watch: RaftObserver;
  readonly #taps: ObserverTaps;

  /** Creates the observer of one life. */
  constructor(watch: RaftObserver, taps: ObserverTaps) {
    this.#watch = watch;
    this.#taps = taps;
  }

  /** The log was opened. An error of reading it is the node's own. */
  async opened(start: NodeStart): Promise<void> {
    if (!this.#taps.alive()) return;
    await this.#watch.opened(start);
    this.#tell(() => this.#taps.opened(start.hardState, start.instanceId));
  }

  /** Records were appended. */
  appended(batch: RecordBatch): void {
    this.#tell(() => this.#watch.appended(batch));
    if (this.#taps.alive()) this.#taps.appended();
  }

  /** The end of the log was removed. */
  truncated(lastIndexKept: Index): void {
    this.#tell(() => this.#watch.truncated(lastIndexKept));
    this.#tell(() => this.#taps.truncated(lastIndexKept));
  }

  /** A snapshot from the leader replaced the log. */
  installed(meta: SnapshotMeta): void {
    this.#tell(() => this.#watch.installed(meta));
    this.#tell(() => this.#taps.installed(meta.lastIncludedIndex));
  }

  /** A sync of the log begins. */
  syncing(): () => void {
    this.#tell(() => this.#taps.syncBegins());
    return () => this.#tell(() => this.#taps.syncCompletes());
  }

  /** Everything up to `index` is committed. */
  committed(index: Index, term: Term): void {
    this.#tell(() => this.#watch.committed(index, term));
    this.#tell(() => this.#taps.committed(index));
  }

  /** An entry is about to be applied. */
  applying(header: EntryHeader, payload: Uint8Array): void {
    this.#tell(() => this.#watch.applying(header, payload));
  }

  /** Role, term or leader changed. */
  roleChanged(state: SoftState): void {
    this.#tell(() => this.#watch.roleChanged(state));
    this.#tell(() => this.#taps.roleChanged(state));
  }

  /** States were found to differ. */
  alarmed(alarm: Alarm): void {
    this.#tell(() => this.#taps.alarmed(alarm));
  }

  /** A message goes out. */
  said(message: Message, to: NodeId): void {
    this.#tell(() => this.#taps.said(message, to));
  }

  /** The entries of a message go out. */
  sentEntries(message: AppendEntriesRequest): void {
    this.#tell(() => this.#taps.sentEntries(message));
  }

  #tell(report: () => void): void {
    if (!this.#taps.alive()) return;
    try {
      report();
    } catch (error) {
      this.#taps.found(error);
    }
  }
}
