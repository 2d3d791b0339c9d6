/**
 * Turns what this node appends of its own into records: once, into one piece of memory that goes to
 * disk and to every follower as it is.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { RECORD_HEADER_BYTES, recordBytes, sealRecord } from "../log/record.ts";
import type { RecordBatch } from "../log/log.ts";
import { EntryKind, type Index, type LogTimeMs, type Term } from "../types.ts";
import type { Proposal } from "./proposals.ts";

/** What the records of a batch have in common. */
export interface BatchHeader {
  readonly firstIndex: Index;
  readonly term: Term;
  readonly timestampMs: LogTimeMs;
}

/** The bytes of the records of `proposals`. */
export function proposalsBytes(proposals: readonly Proposal[]): number {
  let bytes = 0;
  for (const { commandId, command } of proposals) {
    bytes += recordBytes(commandId.length + command.length);
  }
  return bytes;
}

/** Encodes commands: each payload is the command id and the command. */
export function encodeProposals(
  proposals: readonly Proposal[],
  header: BatchHeader,
): RecordBatch {
  assert(proposals.length > 0, "a batch of nothing");
  const bytes = new Uint8Array(proposalsBytes(proposals));
  let offset = 0;
  const entry = {
    index: header.firstIndex,
    term: header.term,
    timestampMs: header.timestampMs,
    kind: EntryKind.command,
    payloadBytes: 0,
  };
  for (const { commandId, command } of proposals) {
    entry.payloadBytes = commandId.length + command.length;
    bytes.set(commandId, offset + RECORD_HEADER_BYTES);
    bytes.set(command, offset + RECORD_HEADER_BYTES + commandId.length);
    offset = sealRecord(bytes, offset, entry);
    entry.index += 1;
  }
  assert(offset === bytes.length, () => `encoded ${offset} of ${bytes.length} bytes`);
  return { firstIndex: header.firstIndex, lastIndex: entry.index - 1, bytes };
}

/** Encodes one entry of another kind. */
export function encodeEntry(
  kind: EntryKind,
  payload: Uint8Array,
  header: BatchHeader,
): RecordBatch {
  const bytes = new Uint8Array(recordBytes(payload.length));
  bytes.set(payload, RECORD_HEADER_BYTES);
  sealRecord(bytes, 0, {
    index: header.firstIndex,
    term: header.term,
    timestampMs: header.timestampMs,
    kind,
    payloadBytes: payload.length,
  });
  return { firstIndex: header.firstIndex, lastIndex: header.firstIndex, bytes };
}
