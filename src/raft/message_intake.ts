/**
 * Turns what a peer sent into an input of the core: verifies the records that it carries before
 * anything is made of them.
 *
 * @module
 */
import { getUint64 } from "../bytes.ts";
import type { EntriesSlice, InstallSnapshotRequest, Message } from "../consensus/messages.ts";
import { ProtocolError } from "../errors.ts";
import type { RecordBatch } from "../log/log.ts";
import { recordPayload, verifyRecords } from "../log/record.ts";
import { crc32 } from "../runtime/checksum.ts";
import type { Configuration, Index, LogTimeMs } from "../types.ts";
import type { AppendEntriesFrame } from "../wire/append_entries_codec.ts";
import type { PeerFrame } from "../wire/peer_codec.ts";
import type { StateHashMessage } from "../wire/state_hash_codec.ts";
import { decodeConfiguration } from "../wire/storage_codec.ts";

/** Received records: what the core hands back as `source` with an append. */
export interface ReceivedRecords {
  readonly firstIndex: Index;
  readonly bytes: Uint8Array;
  /** The offset of each record. */
  readonly offsets: readonly number[];
}

/**
 * The message of a frame, with its entries or its part of a snapshot verified.
 *
 * @throws {ProtocolError} If what it carries is not what the message says.
 */
export function verifiedMessage(frame: Exclude<PeerFrame, StateHashMessage>): Message {
  if (frame.type === "installSnapshotRequest") return verifiedChunk(frame);
  if (frame.type !== "appendEntriesRequest") return frame;
  const { term, prevLogIndex, prevLogTerm, leaderCommit, readSequence, session } = frame;
  const { provenToken } = frame;
  return {
    type: "appendEntriesRequest",
    term,
    prevLogIndex,
    prevLogTerm,
    leaderCommit,
    readSequence,
    session,
    provenToken,
    entries: frame.entryCount === 0 ? null : verifiedEntries(frame),
  };
}

/** The records from `firstIndex` on, as a batch of their own. */
export function receivedBatch(records: ReceivedRecords, firstIndex: Index): RecordBatch {
  const offset = records.offsets[firstIndex - records.firstIndex]!;
  return {
    firstIndex,
    lastIndex: records.firstIndex + records.offsets.length - 1,
    bytes: offset === 0 ? records.bytes : records.bytes.subarray(offset),
  };
}

/** The log time of the last record. */
export function lastTimestampMs(records: ReceivedRecords): LogTimeMs {
  return getUint64(records.bytes, records.offsets[records.offsets.length - 1]! + 24);
}

function verifiedChunk(request: InstallSnapshotRequest): InstallSnapshotRequest {
  const { data, dataChecksum, offset } = request;
  const checksum = crc32(data);
  if (checksum === dataChecksum) return request;
  throw new ProtocolError(
    `Part of a snapshot at ${offset} has the checksum ${checksum}: want ${dataChecksum}`,
  );
}

function verifiedEntries(frame: AppendEntriesFrame): EntriesSlice {
  const bytes = frame.records;
  const verified = verifyRecords(bytes, frame.prevLogIndex + 1);
  const { firstIndex, lastIndex, termRuns, offsets } = verified;
  if (offsets.length !== frame.entryCount) {
    throw new ProtocolError(
      `Message carries ${offsets.length} entries: want ${frame.entryCount}`,
    );
  }
  const firstTerm = termRuns[0]!.term;
  const lastTerm = termRuns[termRuns.length - 1]!.term;
  if (firstTerm < frame.prevLogTerm || lastTerm > frame.term) {
    throw new ProtocolError(
      `Entries have terms ${firstTerm} to ${lastTerm}: want ${frame.prevLogTerm} to ${frame.term}`,
    );
  }
  const source: ReceivedRecords = { firstIndex, bytes, offsets };
  const configurations = verified.configurationOffsets.map((offset) => ({
    index: getUint64(bytes, offset + 8),
    configuration: receivedConfiguration(recordPayload(bytes, offset)),
  }));
  return { firstIndex, lastIndex, termRuns, configurations, source };
}

function receivedConfiguration(payload: Uint8Array): Configuration {
  try {
    return decodeConfiguration(payload);
  } catch (error) {
    throw new ProtocolError("Entry is no configuration", { cause: error });
  }
}
