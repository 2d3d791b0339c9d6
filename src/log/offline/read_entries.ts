/**
 * The entries of a log as a stream, in the memory of one unit.
 *
 * @module
 */
import { BadDataError } from "../../errors.ts";
import type { Index } from "../../types.ts";
import { DAMAGED_DIRECTORY_FIX } from "../damaged_directory.ts";
import type { EntryHeader } from "../log.ts";
import { recordEnd, recordFault, recordHeader, recordPayload } from "../record.ts";
import { UNIT_HEADER_BYTES } from "../unit.ts";
import type { GoodUnit } from "../unit_cursor.ts";
import type { LogView } from "./log_view.ts";
import { walkLog } from "./log_walk.ts";
import type { Problem } from "./problem.ts";

/** An entry, and where it lies. */
export interface StoredEntry extends EntryHeader {
  /** A view of what was read: valid until the next unit is read; copy what you keep. */
  readonly payload: Uint8Array;
  /** The name of the segment. */
  readonly segment: string;
  /** Where its record starts in the segment. */
  readonly offset: number;
  /** The bytes of its record, padding included. */
  readonly recordBytes: number;
}

/** Which entries are wanted; all unless told. */
export interface EntryRange {
  readonly from?: Index | undefined;
  readonly to?: Index | undefined;
}

/** The entries of one good unit, in their order. */
export function* entriesOf(segment: string, { header, bytes }: GoodUnit): Generator<StoredEntry> {
  const end = UNIT_HEADER_BYTES + header.recordBytes;
  for (let offset = UNIT_HEADER_BYTES; offset < end;) {
    const next = recordEnd(bytes, offset);
    yield {
      ...recordHeader(bytes, offset),
      payload: recordPayload(bytes, offset),
      segment,
      offset: header.position + offset,
      recordBytes: next - offset,
    };
    offset = next;
  }
}

/** The records of a good unit whose own checksums are wrong: they were written so. */
export function* wrongRecords(segment: string, { header, bytes }: GoodUnit): Generator<Problem> {
  const end = UNIT_HEADER_BYTES + header.recordBytes;
  let index = header.firstIndex;
  for (let offset = UNIT_HEADER_BYTES; offset < end; offset = recordEnd(bytes, offset)) {
    const fault = recordFault(bytes, offset);
    if (fault !== null) {
      const message = `the record of entry ${index} was written wrong: ${fault}`;
      yield { segment, offset: header.position + offset, index, kind: "bad_record", message };
    }
    index += 1;
  }
}

/**
 * The entries of a log, ascending, a unit at a time; the memory is that of one unit, however large
 * the log is. Those that the node compacts away meanwhile are left out.
 *
 * @throws {BadDataError} Where it comes to damage within the range: what was handed out before is
 * good. A torn tail is none.
 */
export async function* readEntries(
  view: LogView,
  { from = 1, to = Infinity }: EntryRange = {},
): AsyncGenerator<Iterable<StoredEntry>, void> {
  for await (const event of walkLog(view, from)) {
    if (event.type === "problem") throw problemError(event.problem);
    if (event.type === "segment" && event.segment.firstIndex > to) return;
    if (event.type !== "unit") continue;
    const { header } = event.unit;
    if (header.firstIndex > to) return;
    if (header.firstIndex + header.recordCount <= from) continue;
    yield within(entriesOf(event.segment.name, event.unit), { from, to });
    if (header.firstIndex + header.recordCount > to) return;
  }
}

/** The error for a problem that a reader cannot pass. */
export function problemError(problem: Problem): BadDataError {
  const { segment, offset, index, message } = problem;
  const from = index === undefined ? "" : `, from index ${index} on`;
  return new BadDataError(
    `Cannot trust "${segment}" at offset ${offset}${from}: ${message}`,
    DAMAGED_DIRECTORY_FIX,
  );
}

function* within(
  entries: Iterable<StoredEntry>,
  { from, to }: { readonly from: Index; readonly to: Index },
): Generator<StoredEntry> {
  for (const entry of entries) {
    if (entry.index > to) return;
    if (entry.index >= from) yield entry;
  }
}
