/**
 * The segments of a log as they lie in their directory at one moment, for a reader that takes no
 * lock and changes nothing: a node may append, roll, cut and compact meanwhile.
 *
 * # What is consistent
 *
 * A node changes the set of segments in single steps, and never uses a sequence number twice. So
 * names and headers are looked at again and again until two looks in a row show the same: then the
 * directory held just that between them. (Of the second look the last headers are enough: whoever
 * cuts further ahead removes what is behind. Segments that went away in front, or came behind the
 * end, change nothing of what is between.)
 *
 * The last segments are kept open from then on, so what a node cuts, removes or replaces meanwhile
 * is still read as it was. Those before are opened one at a time, for there may be thousands: they
 * hold what is committed, and can only go away by compaction. The reader is told so, and skips
 * them.
 *
 * The last segment may grow while it is read; log_walk.ts says what is made of its end.
 *
 * @module
 */
import { assert } from "../../assert.ts";
import { StorageError } from "../../errors.ts";
import { type File, FileError, type Runtime } from "../../runtime/runtime.ts";
import type { Index } from "../../types.ts";
import {
  type DecodedSegmentHeader,
  SEGMENT_FORMAT_VERSION,
  segmentFirstIndex,
} from "../segment_header.ts";
import { isSameLog, readSegmentHeader, selectSegments } from "../segment_judgement.ts";
import type { Problem } from "./problem.ts";

/** How many of the last segments are kept open. */
const OPEN_SEGMENTS = 32;

/** How often the directory is looked at before it is taken as it is. */
const LOOKS_MAX = 1000;

/** A segment that counts. */
export interface ViewedSegment {
  readonly name: string;
  readonly firstIndex: Index;
  readonly header: DecodedSegmentHeader;
  /** The size of its file. */
  readonly fileBytes: number;
}

/** A file with the name of a segment whose header cannot be used. */
export interface BadSegment {
  readonly name: string;
  readonly firstIndex: Index;
  readonly problem: Problem;
  readonly fileBytes: number;
}

/** What one look at the directory finds, ascending. */
interface Look {
  readonly good: readonly ViewedSegment[];
  readonly bad: readonly BadSegment[];
}

/** A log in a directory, at the moment at which it was opened. */
export class LogView {
  /** The segments that count, ascending. */
  readonly segments: readonly ViewedSegment[];
  /** Those whose headers are bad, ascending: what they hold is lost to this reader. */
  readonly bad: readonly BadSegment[];
  /** The names of those that a node would remove when it starts. */
  readonly obsolete: readonly string[];
  readonly #runtime: Runtime;
  readonly #directory: string;
  readonly #open = new Map<string, File>();

  private constructor(
    parts: Pick<LogView, "segments" | "bad" | "obsolete"> & {
      readonly runtime: Runtime;
      readonly directory: string;
    },
  ) {
    this.segments = parts.segments;
    this.bad = parts.bad;
    this.obsolete = parts.obsolete;
    this.#runtime = parts.runtime;
    this.#directory = parts.directory;
  }

  /**
   * Looks at the log of the data directory at `dataPath`; takes no lock and changes nothing.
   *
   * @throws {FileError} If there is no such directory, or it cannot be read.
   */
  static async open(runtime: Runtime, dataPath: string): Promise<LogView> {
    const directory = `${dataPath}/log`;
    for (let look = 1;; look += 1) {
      const first = await lookAt(runtime, directory);
      const view = new LogView({ ...select(first), runtime, directory });
      try {
        const isOpen = await view.#openLast();
        if (isOpen && (look >= LOOKS_MAX || await view.#isUnchanged(first))) return view;
      } catch (error) {
        await view.close();
        throw error;
      }
      await view.close();
    }
  }

  /** A view of a log of which nothing is there. */
  static empty(runtime: Runtime, dataPath: string): LogView {
    const directory = `${dataPath}/log`;
    return new LogView({ segments: [], bad: [], obsolete: [], runtime, directory });
  }

  /** The clock, for a reader that waits for what is being written. */
  get runtime(): Runtime {
    return this.#runtime;
  }

  /**
   * Opens a segment of this view; null where compaction has removed it since.
   *
   * @throws {StorageError} If another one has its name by now.
   */
  async openSegment(segment: ViewedSegment): Promise<File | null> {
    const open = this.#open.get(segment.name);
    if (open !== undefined) return open;
    const file = await this.#tryOpen(segment.name);
    if (file === null) return null;
    if (await isSegment(file, segment)) return file;
    await file.close();
    throw new StorageError(
      `Cannot read "${file.path}": the node has rewritten its log meanwhile; try again`,
    );
  }

  /** Closes a file that `openSegment` gave, unless the view keeps it. */
  async closeSegment(segment: ViewedSegment, file: File): Promise<void> {
    if (this.#open.get(segment.name) !== file) await file.close();
  }

  /**
   * Whether `segment` has lost its place since this view was opened, or has a successor by now that
   * starts with `nextIndex`. Then what is missing behind it in the view is no damage.
   */
  async hasMovedOn(segment: ViewedSegment, nextIndex: Index): Promise<boolean> {
    const names = await this.#runtime.files.readDirectory(this.#directory);
    if (names.some((name) => segmentFirstIndex(name) === nextIndex)) return true;
    const file = await this.#tryOpen(segment.name);
    if (file === null) return true;
    try {
      return !await isSegment(file, segment);
    } finally {
      await file.close();
    }
  }

  /** Lets the files go. */
  async close(): Promise<void> {
    const files = [...this.#open.values()];
    this.#open.clear();
    for (const file of files) await file.close();
  }

  /** Opens the last segments; false where one is another one by now. */
  async #openLast(): Promise<boolean> {
    for (const segment of this.segments.slice(-OPEN_SEGMENTS)) {
      const file = await this.#tryOpen(segment.name);
      // Compacted away, or cut off: the look that follows tells which.
      if (file === null) continue;
      this.#open.set(segment.name, file);
      if (!await isSegment(file, segment)) return false;
    }
    return true;
  }

  /**
   * Whether the directory still shows what `first` says, but for segments that were compacted away
   * from its front, or put behind its end.
   */
  async #isUnchanged(first: Look): Promise<boolean> {
    const names = await this.#runtime.files.readDirectory(this.#directory);
    const found = names.map(segmentFirstIndex).filter((index) => index !== null);
    const seen = [...first.good, ...first.bad].map(({ firstIndex }) => firstIndex);
    const last = seen.reduce((most, index) => Math.max(most, index), 0);
    const front = found[0] ?? last;
    const isFound = new Set(found);
    const isSeen = new Set(seen);
    if (seen.some((index) => (index >= front || index === last) && !isFound.has(index))) {
      return false;
    }
    if (found.some((index) => index <= last && !isSeen.has(index))) return false;
    for (const segment of first.good.slice(-2)) {
      const file = await this.#tryOpen(segment.name);
      if (file === null) return false;
      const isSame = await isSegment(file, segment);
      await file.close();
      if (!isSame) return false;
    }
    return true;
  }

  async #tryOpen(name: string): Promise<File | null> {
    try {
      return await this.#runtime.files.open(`${this.#directory}/${name}`, "read");
    } catch (error) {
      if (error instanceof FileError && error.code === "ENOENT") return null;
      throw error;
    }
  }
}

/** Whether an open file is the segment that was seen under its name. */
async function isSegment(file: File, segment: ViewedSegment): Promise<boolean> {
  const header = await readSegmentHeader(file, segment.firstIndex);
  return "checksum" in header && header.checksum === segment.header.checksum;
}

/** Names and headers of all segments; those that vanish meanwhile are left out. */
async function lookAt(runtime: Runtime, directory: string): Promise<Look> {
  const good: ViewedSegment[] = [];
  const bad: BadSegment[] = [];
  for (const name of await runtime.files.readDirectory(directory)) {
    const firstIndex = segmentFirstIndex(name);
    if (firstIndex === null) continue;
    try {
      const file = await runtime.files.open(`${directory}/${name}`, "read");
      try {
        const fileBytes = await file.size();
        const header = await readSegmentHeader(file, firstIndex);
        if ("checksum" in header) good.push({ name, firstIndex, header, fileBytes });
        else bad.push({ name, firstIndex, fileBytes, problem: headerProblem(name, header) });
      } finally {
        await file.close();
      }
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      if (error.code === "ENOENT") continue;
      const { code, message } = error;
      const at = { segment: name, offset: 0, index: firstIndex };
      const problem: Problem = { ...at, kind: "unreadable", code, message };
      bad.push({ name, firstIndex, fileBytes: 0, problem });
    }
  }
  return { good, bad };
}

function headerProblem(
  name: string,
  header: Exclude<Awaited<ReturnType<typeof readSegmentHeader>>, DecodedSegmentHeader>,
): Problem {
  const index = segmentFirstIndex(name);
  assert(index !== null, () => `"${name}" is no segment`);
  if ("newerVersion" in header) {
    const message = `its format version is ${header.newerVersion}, ` +
      `this program knows up to ${SEGMENT_FORMAT_VERSION}`;
    return { segment: name, offset: 8, index, kind: "newer_format", message };
  }
  const { kind, offset, fault } = header;
  return { segment: name, offset, index, kind, message: fault };
}

/** Tells the segments that count from those that are obsolete, or of another log. */
function select({ good, bad }: Look): Pick<LogView, "segments" | "bad" | "obsolete"> {
  const first = good[0];
  if (first === undefined) return { segments: [], bad, obsolete: [] };
  const own = good.filter(({ header }) => isSameLog(header, first.header));
  const foreign = good.filter(({ header }) => !isSameLog(header, first.header));
  const { segments, obsolete } = selectSegments(own);
  const strangers = foreign.map(({ name, firstIndex, fileBytes }): BadSegment => {
    const message = `the segment belongs to another log than "${first.name}"`;
    const at = { segment: name, offset: 16, index: firstIndex };
    return { name, firstIndex, fileBytes, problem: { ...at, kind: "foreign_segment", message } };
  });
  const all = [...bad, ...strangers].sort((one, other) => one.firstIndex - other.firstIndex);
  return { segments, bad: all, obsolete: obsolete.map(({ name }) => name) };
}
