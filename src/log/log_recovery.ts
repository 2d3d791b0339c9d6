/**
 * Reads the segments of a log after a clean stop or a crash: decides which of them count, tells
 * what a crash may have left from damage, and refuses damage.
 *
 * # Which segments count
 *
 * Every segment header has a sequence number that is larger than that of everything written before,
 * so along the names the numbers ascend. Two things break the order, each in one durable step:
 *
 * - `truncateSuffix` replaces a segment by a copy with a new, larger number. Those behind it then
 *   have smaller ones: they are obsolete, for what they held was cut.
 * - `truncatePrefix` past the end makes a segment that says "the log starts here": those before it
 *   are obsolete.
 *
 * Obsolete segments are left over where a crash interrupted their removal; they are removed here.
 *
 * # Whether they are whole
 *
 * Of the segments that count, each must start at the index behind the last entry of the one before
 * it, and name the checksum of that one's last unit. If it does not, a unit was damaged or a
 * segment is missing: the log is refused. The first one has nothing to be compared with; whoever
 * cut the prefix has a snapshot that reaches up to it.
 *
 * The end of the last segment is judged by tail_verdict.ts. A torn tail is overwritten with zeros,
 * durably, before anything new is written there. If the last segment is sealed, the one behind it
 * is missing: the log is refused.
 *
 * # What a crash leaves of a roll
 *
 * A roll makes the new segment durable, then seals the old one, then writes the first unit. So the
 * old one's seal may be missing or torn; it is written again where the last segment is empty.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { BadDataError } from "../errors.ts";
import type { File, Runtime } from "../runtime/runtime.ts";
import { ENTRY_BYTES_MAX, UNIT_BYTES_MAX } from "../limits.ts";
import { corruptLogError } from "./corrupt_log_error.ts";
import type { LogRecovery } from "./log.ts";
import { newerFormatError } from "./newer_format_error.ts";
import { RecoveredEntries } from "./recovered_entries.ts";
import { Segment } from "./segment.ts";
import {
  type DecodedSegmentHeader,
  SEGMENT_FORMAT_VERSION,
  segmentFirstIndex,
} from "./segment_header.ts";
import {
  isSameLog,
  judgeEnd,
  readSegmentHeader,
  selectSegments,
  successorFault,
} from "./segment_judgement.ts";
import { scanSegment } from "./segment_recovery.ts";
import { SegmentScanner } from "./segment_scanner.ts";
import { rewriteFile, zeroFile } from "./sync_file.ts";
import type { ScanEnd } from "./unit_cursor.ts";

/** A log as it was found. */
export interface RecoveredLog {
  readonly recovery: LogRecovery;
  /** The segments that count, ascending; the last one takes the next unit. */
  readonly segments: readonly Segment[];
  /** The names of the segments that are to be removed. */
  readonly obsolete: readonly string[];
  /** Whether the segment before the last needs its seal again. */
  readonly needsSeal: boolean;
  /** The first sequence number that was never used. */
  readonly nextSequence: number;
}

/** What {@linkcode recoverLog} needs. */
export interface RecoverLogOptions {
  /** The directory of the segments. */
  readonly directory: string;
  /** How to open them; `read` changes nothing, and leaves nothing that may be written to. */
  readonly mode: "read" | "write";
}

/** Reads the segments in a directory, and changes nothing; null where there is none. */
export async function recoverLog(
  runtime: Runtime,
  { directory, mode }: RecoverLogOptions,
): Promise<RecoveredLog | null> {
  const names = await runtime.files.readDirectory(directory);
  const found: Segment[] = [];
  try {
    for (const name of names) {
      const firstIndex = segmentFirstIndex(name);
      if (firstIndex === null) continue;
      const file = await runtime.files.open(`${directory}/${name}`, mode);
      found.push(await wrapSegment(file, firstIndex));
    }
    if (found.length === 0) return null;
    checkSameLog(found, directory);
    const { segments, obsolete } = selectSegments(found);
    assert(segments.length > 0, "no segment counts");
    const recovered = await readEntries(segments, directory);
    for (const { file } of obsolete) await file.close();
    return { ...recovered, segments, obsolete: obsolete.map(({ name }) => name) };
  } catch (error) {
    for (const { file } of found) await file.close();
    throw error;
  }
}

/**
 * Repairs the last segment of a log that was opened for writing: overwrites a torn tail with zeros,
 * and makes durable what was read. Resolves when that is done.
 *
 * What can be read need not be durable. A process that was killed between a write and its sync
 * leaves pages that only memory holds; a sync that failed leaves pages that the kernel takes for
 * clean and never writes again. So the end of the segment, where alone a unit or a cut may lack its
 * sync, is written once more, and synced.
 */
export async function repairTail(recovered: RecoveredLog): Promise<void> {
  const segment = recovered.segments.at(-1);
  assert(segment !== undefined, "the log has no segment");
  const { tornTailBytes } = recovered.recovery;
  assert(tornTailBytes >= 0, () => `the torn tail has ${tornTailBytes} bytes`);
  const { file, end, header } = segment;
  await zeroFile(file, { start: end, end: end + tornTailBytes });
  await rewriteFile(file, {
    start: Math.max(0, end - UNIT_BYTES_MAX - ENTRY_BYTES_MAX),
    end: header.segmentBytes,
  });
}

/** Reads the header of an open file. */
async function wrapSegment(file: File, firstIndex: number): Promise<Segment> {
  try {
    return new Segment(file, await readHeader(file, firstIndex));
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readHeader(file: File, firstIndex: number): Promise<DecodedSegmentHeader> {
  const header = await readSegmentHeader(file, firstIndex);
  const { path } = file;
  if ("newerVersion" in header) {
    throw newerFormatError(path, { found: header.newerVersion, known: SEGMENT_FORMAT_VERSION });
  }
  if (!("fault" in header)) return header;
  const { offset, fault } = header;
  throw corruptLogError({ path, offset, index: firstIndex, fault });
}

/** Refuses the segments of two logs in one directory. */
function checkSameLog(found: readonly Segment[], directory: string): void {
  const first = found[0]!.header;
  for (const { header, name } of found) {
    if (isSameLog(header, first)) continue;
    throw new BadDataError(
      `Cannot use "${directory}": segment "${name}" belongs to another log`,
      ["put the segments of one node only into its data directory"],
    );
  }
}

/** Reads all entries. */
async function readEntries(
  segments: readonly Segment[],
  directory: string,
): Promise<Omit<RecoveredLog, "segments" | "obsolete">> {
  const entries = new RecoveredEntries(segments[0]!.firstIndex);
  let tornTailBytes = 0;
  let nextSequence = 1;
  let needsSeal = false;
  for (const [at, segment] of segments.entries()) {
    const size = await segment.file.size();
    const end = Math.min(size, segment.header.segmentBytes);
    const scanner = new SegmentScanner(segment.file, { end });
    const scan = await scanSegment(segment, { scanner, entries, directory });
    const next = segments[at + 1];
    if (next !== undefined) {
      checkSuccessor({ segment, next, scan, directory });
      needsSeal = scan.stop !== "seal";
    } else {
      const tornEnd = await findTornEnd(segment, { scan, scanner, directory });
      tornTailBytes = Math.max(0, tornEnd - segment.end);
    }
    // A torn unit's number may have been seen by nobody but this scan; it is not used again.
    const torn = typeof scan.stop === "object" ? scan.stop.sequence : 0;
    nextSequence = Math.max(nextSequence, scan.sequence + 1, torn + 1);
  }
  assert(entries.nextIndex >= segments[0]!.firstIndex, () => `next index ${entries.nextIndex}`);
  return { recovery: entries.recovery(tornTailBytes), needsSeal, nextSequence };
}

/** Refuses the log where `next` does not continue what was read of `segment`. */
function checkSuccessor(
  { segment, next, scan, directory }: {
    readonly segment: Segment;
    readonly next: Segment;
    readonly scan: ScanEnd;
    readonly directory: string;
  },
): void {
  const found = successorFault(segment, next, scan);
  if (found === null) return;
  const path = `${directory}/${segment.name}`;
  const index = segment.lastIndex + 1;
  throw corruptLogError({ path, offset: segment.end, index, fault: found.fault });
}

/** The end of a torn tail, 0 where there is none; refuses the log where it is damaged. */
async function findTornEnd(
  segment: Segment,
  { scan, scanner, directory }: {
    readonly scan: ScanEnd;
    readonly scanner: SegmentScanner;
    readonly directory: string;
  },
): Promise<number> {
  const verdict = await judgeEnd(segment, scan, scanner);
  if (verdict.state === "clean") return 0;
  if (verdict.state === "torn") return verdict.end;
  const path = `${directory}/${segment.name}`;
  const index = segment.lastIndex + 1;
  throw corruptLogError({ path, offset: segment.end, index, fault: verdict.fault });
}
