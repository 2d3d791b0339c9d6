/**
 * Batches of records for tests of logs: every byte follows from index and term.
 *
 * @module
 */
import { recordBytes, recordHeader, recordPayload, sealRecord } from "../log/record.ts";
import { RECORD_HEADER_BYTES, recordEnd } from "../log/record.ts";
import type { RecordBatch } from "../log/log.ts";
import { EntryKind } from "../types.ts";
import type { Index, LogTimeMs, Term } from "../types.ts";

/** What {@linkcode createBatch} makes. */
export interface BatchOptions {
  readonly firstIndex: Index;
  readonly count: number;
  readonly term: Term;
  /** The size of each payload; 100 unless given. */
  readonly payloadBytes?: number;
  readonly kind?: EntryKind;
}

/** The log time that {@linkcode createBatch} gives to an entry. */
export function batchTimestampMs(index: Index): LogTimeMs {
  return index * 10;
}

/** The byte of which the payload of an entry consists. */
export function batchByte(index: Index, term: Term): number {
  return 1 + ((index * 7 + term * 31) % 255);
}

/** Makes `count` records with consecutive indexes. */
export function createBatch(options: BatchOptions): RecordBatch {
  const { firstIndex, count, term, payloadBytes = 100, kind = EntryKind.command } = options;
  const size = recordBytes(payloadBytes);
  const bytes = new Uint8Array(size * count);
  for (let at = 0; at < count; at += 1) {
    const index = firstIndex + at;
    const start = at * size + RECORD_HEADER_BYTES;
    bytes.fill(batchByte(index, term), start, start + payloadBytes);
    const timestampMs = batchTimestampMs(index);
    sealRecord(bytes, at * size, { index, term, timestampMs, kind, payloadBytes });
  }
  return { firstIndex, lastIndex: firstIndex + count - 1, bytes };
}

/** An entry of a batch, in short: equal ones were made with equal options. */
export interface BatchEntry {
  readonly index: Index;
  readonly term: Term;
  readonly payloadBytes: number;
  readonly byte: number;
}

/** The entries of a batch. */
export function readBatch({ bytes }: RecordBatch): BatchEntry[] {
  const entries: BatchEntry[] = [];
  for (let offset = 0; offset < bytes.length; offset = recordEnd(bytes, offset)) {
    const { index, term } = recordHeader(bytes, offset);
    const payload = recordPayload(bytes, offset);
    entries.push({ index, term, payloadBytes: payload.length, byte: payload[0] ?? 0 });
  }
  return entries;
}
