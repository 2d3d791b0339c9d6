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
import type { EntryHeader, RecordBatch } from "../log/log.ts";
import { recordEnd, recordHeader, recordPayload } from "../log/record.ts";
import type { SnapshotMeta } from "../log/snapshot_format.ts";
import type { NodeStart, RaftObserver } from "../raft/observer.ts";
import { crc32 } from "../runtime/checksum.ts";
import {
  type Configuration,
  EntryKind,
  type Index,
  type LogTimeMs,
  type NodeId,
  type Term,
} from "../types.ts";
import { decodeConfiguration } from "../wire/storage_codec.ts";
import { checkChange } from "./checkers/configuration_rule.ts";
import type { ConfigurationAt, LeaderConfigurations } from "./checkers/quorum_rule.ts";
import { PropertyViolation } from "./checkers/property_violation.ts";
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
  /** The log time of the last entry, as far as it is known. */
  #logTimeMs: LogTimeMs = 0;
  #lastApplied: Index = 0;
  /** The latest snapshot covers everything up to here. */
  #coveredIndex: Index = 0;
  /** The configurations of the log, with that of the snapshot, ascending. */
  #configurations: ConfigurationAt[] = [];
  /** The number of the event in which that changed last, and what was in effect before. */
  #before: { readonly event: number; readonly latest: ConfigurationAt | null } | null = null;
  readonly #eventCount: () => number;
  /** How many times a snapshot of a leader's replaced the log, in all lives. */
  installations = 0;

  /** Creates a watch of a node that has not started. */
  constructor(nodeId: NodeId, observations: Observations, eventCount: () => number) {
    this.#nodeId = nodeId;
    this.#observations = observations;
    this.#eventCount = eventCount;
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

  /** The newest snapshot covers everything up to here. */
  get coveredIndex(): Index {
    return this.#coveredIndex;
  }

  /** The index of the latest configuration in the log, or in the snapshot; 0 without one. */
  get configurationIndex(): Index {
    return this.#configurations.at(-1)?.index ?? 0;
  }

  /** The latest configuration in the log, or in the snapshot; null without one. */
  get configuration(): Configuration | null {
    return this.#configurations.at(-1)?.configuration ?? null;
  }

  /** The configurations of the log, and the one that was in effect before this event. */
  configurationsIn(event: number): LeaderConfigurations {
    const latest = this.#configurations.at(-1) ?? null;
    const before = this.#before?.event === event ? this.#before.latest : latest;
    return { all: this.#configurations, before };
  }

  /** The term of an entry, or null where it is not known. */
  termAt(index: Index): Term | null {
    if (index === this.#baseIndex) return this.#baseTerm;
    return this.#log[index - this.#baseIndex - 1]?.term ?? null;
  }

  /** The last entry that the node applied in this life. */
  get lastApplied(): Index {
    return this.#lastApplied;
  }

  /** A new life: what the disk gave back is the log now, and the state is that of the snapshot. */
  async opened({ log, snapshot }: NodeStart): Promise<void> {
    const baseIndex = log.firstIndex - 1;
    const isBase = snapshot?.lastIncludedIndex === baseIndex;
    this.#baseTerm = isBase ? snapshot.lastIncludedTerm : this.termAt(baseIndex);
    this.#startAt(baseIndex, snapshot);
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
      const { index, term, kind, timestampMs } = recordHeader(batch.bytes, offset);
      this.#checkLogTime(index, timestampMs);
      assert(index === this.lastIndex + 1, () => `entry ${index} follows ${this.lastIndex}`);
      const entry = { index, term, payloadHash: hashAt(batch.bytes, offset, kind) };
      if (kind === EntryKind.configuration) this.#configured(index, batch.bytes, offset);
      const previousTerm = this.termAt(index - 1);
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
  installed(meta: SnapshotMeta): void {
    const { lastIncludedIndex, lastIncludedTerm } = meta;
    this.installations += 1;
    this.#baseTerm = lastIncludedTerm;
    this.#startAt(lastIncludedIndex, meta);
  }

  /** The node removed the end of its log. */
  truncated(lastIndexKept: Index): void {
    this.#log.length = Math.min(this.#log.length, Math.max(0, lastIndexKept - this.#baseIndex));
    this.#logTimeMs = 0;
    if (this.configurationIndex <= lastIndexKept) return;
    this.#configurationsChange();
    this.#configurations = this.#configurations.filter(({ index }) => index <= lastIndexKept);
  }

  /** The node learned what is committed, and is in `term` now: its role may still be told of. */
  committed(index: Index, term: Term): void {
    for (let next = this.#committedIndex + 1; next <= index; next += 1) {
      const entry = this.#log[next - this.#baseIndex - 1];
      assert(
        entry !== undefined,
        () => `node ${this.#nodeId} commits ${next}, which it does not hold`,
      );
      this.#observations.onCommitted({
        nodeId: this.#nodeId,
        commitTerm: term,
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
    if (state.role !== "leader") return;
    const log = { ...this.log, entries: [...this.#log] };
    this.#observations.onLeader({ nodeId: this.#nodeId, term: state.term, log });
  }

  #startAt(baseIndex: Index, snapshot: SnapshotMeta | null): void {
    const lastApplied = snapshot?.lastIncludedIndex ?? 0;
    this.#baseIndex = baseIndex;
    this.#log = [];
    this.#coveredIndex = lastApplied;
    // At a start the log may reach back before the snapshot.
    this.#logTimeMs = baseIndex === lastApplied ? snapshot?.logTimeMs ?? 0 : 0;
    this.#configurationsChange();
    this.#configurations = snapshot === null
      ? []
      : [{ index: snapshot.configurationIndex, configuration: snapshot.configuration }];
    this.#committedIndex = lastApplied;
    this.#lastApplied = lastApplied;
    this.#observations.onRestored({ nodeId: this.#nodeId, lastApplied });
  }

  #configured(index: Index, bytes: Uint8Array, offset: number): void {
    // The snapshot has a later one.
    if (index <= this.configurationIndex) return;
    this.#configurationsChange();
    const configuration = decodeConfiguration(recordPayload(bytes, offset));
    const before = this.#configurations.at(-1);
    if (before !== undefined) checkChange(before, { index, configuration });
    this.#configurations.push({ index, configuration });
  }

  /** What expires by log time must expire in the same order everywhere: it never falls. */
  #checkLogTime(index: Index, timestampMs: LogTimeMs): void {
    const before = this.#logTimeMs;
    this.#logTimeMs = timestampMs;
    if (timestampMs >= before) return;
    throw new PropertyViolation(
      "Log time",
      `entry ${index} of node ${this.#nodeId} is of ${timestampMs} ms, the one before it of ` +
        `${before} ms`,
    );
  }

  #configurationsChange(): void {
    const event = this.#eventCount();
    if (this.#before?.event === event) return;
    this.#before = { event, latest: this.#configurations.at(-1) ?? null };
  }
}

function hashAt(bytes: Uint8Array, offset: number, kind: number): string {
  return payloadHash(kind, recordPayload(bytes, offset));
}
