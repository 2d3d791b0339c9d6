/**
 * Tells the checkers what one node does.
 *
 * Model: the watch keeps its own copy of the node's log, entry by entry, from what the node
 * reports; at each start it reads the log that the disk gave back, so that what a crash took is
 * gone here too. What the node compacts stays in the copy until then.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { SoftState } from "../consensus/effects.ts";
import type { EntryHeader, Log, RecordBatch } from "../log/log.ts";
import { recordEnd, recordHeader, recordPayload } from "../log/record.ts";
import type { SnapshotMeta } from "../log/snapshot_format.ts";
import type { RaftObserver } from "../raft/observer.ts";
import { crc32 } from "../runtime/checksum.ts";
import type { Index, NodeId, Term } from "../types.ts";
import type { Observations, ObservedEntry, ObservedLog } from "./checkers/observations.ts";

const READ_BYTES_MAX = 1024 * 1024;

/** A short name for what an entry carries. */
export function payloadHash(kind: number, payload: Uint8Array): string {
  return `${kind}:${payload.length}:${crc32(payload)}`;
}

/** Watches one node through all its lives. */
export class NodeWatch implements RaftObserver {
  readonly #nodeId: NodeId;
  readonly #observations: Observations;
  /** The entry before the first one of the copy, and its term; null where that is not known. */
  #baseIndex: Index = 0;
  #baseTerm: Term | null = 0;
  #log: ObservedEntry[] = [];
  #committedIndex: Index = 0;
  #term = 0;
  #lastApplied: Index = 0;
  /** How many times a snapshot of a leader's replaced the log, in all lives. */
  installations = 0;

  /** Creates a watch of a node that has not started. */
  constructor(nodeId: NodeId, observations: Observations) {
    this.#nodeId = nodeId;
    this.#observations = observations;
  }

  /** The log as the node has it. */
  get log(): ObservedLog {
    return {
      lastIncludedIndex: this.#baseIndex,
      lastIncludedTerm: this.#baseTerm ?? 0,
      entries: this.#log,
    };
  }

  /** The index of the last entry of the log. */
  get lastIndex(): Index {
    return this.#baseIndex + this.#log.length;
  }

  /** The last entry that the node applied in this life. */
  get lastApplied(): Index {
    return this.#lastApplied;
  }

  /** A new life: what the disk gave back is the log now, and the state is that of the snapshot. */
  async opened(log: Log, snapshot: SnapshotMeta | null): Promise<void> {
    const baseIndex = log.firstIndex - 1;
    const isBase = snapshot?.lastIncludedIndex === baseIndex;
    this.#baseTerm = isBase ? snapshot.lastIncludedTerm : this.#termAt(baseIndex);
    this.#startAt(baseIndex, snapshot?.lastIncludedIndex ?? 0);
    let index = log.firstIndex;
    while (index <= log.lastIndex) {
      const range = { firstIndex: index, lastIndex: log.lastIndex, bytesMax: READ_BYTES_MAX };
      const batch = await log.read(range);
      this.appended(batch);
      index = batch.lastIndex + 1;
    }
  }

  /** The node appended records. */
  appended(batch: RecordBatch): void {
    let offset = 0;
    while (offset < batch.bytes.length) {
      const { index, term, kind } = recordHeader(batch.bytes, offset);
      assert(index === this.lastIndex + 1, () => `entry ${index} follows ${this.lastIndex}`);
      const entry = { index, term, payloadHash: hashAt(batch.bytes, offset, kind) };
      const previousTerm = this.#termAt(index - 1);
      this.#log.push(entry);
      // The first entry of a compacted log may stand alone; it was told of when it was appended.
      if (previousTerm !== null) {
        const { payloadHash } = entry;
        const nodeId = this.#nodeId;
        // A spread would take longer than all the rest of this loop.
        this.#observations.onAppended({ nodeId, previousTerm, index, term, payloadHash });
      }
      offset = recordEnd(batch.bytes, offset);
    }
  }

  /** A snapshot from the leader replaced the log; the state machine goes on behind it. */
  installed({ lastIncludedIndex, lastIncludedTerm }: SnapshotMeta): void {
    this.installations += 1;
    this.#baseTerm = lastIncludedTerm;
    this.#startAt(lastIncludedIndex, lastIncludedIndex);
  }

  /** The node removed the end of its log. */
  truncated(lastIndexKept: Index): void {
    this.#log.length = Math.min(this.#log.length, Math.max(0, lastIndexKept - this.#baseIndex));
  }

  /** The node learned what is committed. */
  committed(index: Index): void {
    for (let next = this.#committedIndex + 1; next <= index; next += 1) {
      const entry = this.#log[next - this.#baseIndex - 1];
      assert(
        entry !== undefined,
        () => `node ${this.#nodeId} commits ${next}, which it does not hold`,
      );
      this.#observations.onCommitted({
        nodeId: this.#nodeId,
        commitTerm: this.#term,
        index: entry.index,
        term: entry.term,
        payloadHash: entry.payloadHash,
      });
    }
    this.#committedIndex = Math.max(this.#committedIndex, index);
  }

  /** The node applies an entry. */
  applying(header: EntryHeader, payload: Uint8Array): void {
    const { index, term, kind } = header;
    this.#lastApplied = index;
    this.#observations.onApplied({
      nodeId: this.#nodeId,
      index,
      term,
      payloadHash: payloadHash(kind, payload),
    });
  }

  /** The node changed its role. */
  roleChanged(state: SoftState): void {
    this.#term = state.term;
    if (state.role !== "leader") return;
    const log = { ...this.log, entries: [...this.#log] };
    this.#observations.onLeader({ nodeId: this.#nodeId, term: state.term, log });
  }

  #startAt(baseIndex: Index, lastApplied: Index): void {
    this.#baseIndex = baseIndex;
    this.#log = [];
    this.#committedIndex = lastApplied;
    this.#lastApplied = lastApplied;
    this.#observations.onRestored({ nodeId: this.#nodeId, lastApplied });
  }

  /** The term of an entry, or null where it is not known. */
  #termAt(index: Index): Term | null {
    if (index === this.#baseIndex) return this.#baseTerm;
    return this.#log[index - this.#baseIndex - 1]?.term ?? null;
  }
}

function hashAt(bytes: Uint8Array, offset: number, kind: number): string {
  return payloadHash(kind, recordPayload(bytes, offset));
}
