/**
 * Cuts a bad tail off a log: the one thing in this folder that writes, and that takes the lock.
 *
 * What is cut is first kept in `DATA/cut/`, durably, and then overwritten with zeros, as recovery
 * does with a torn tail. A crash in between leaves the tail as it was, and perhaps a copy of it.
 *
 * A *torn* tail was acknowledged to nobody; cutting it loses nothing. A *damaged* one may have
 * been: a node that goes on without it may let the cluster lose what it has committed. The caller
 * says so and asks.
 *
 * @module
 */
import { assert } from "../../assert.ts";
import { type File, FileError, type FileSystem, type Runtime } from "../../runtime/runtime.ts";
import type { Index } from "../../types.ts";
import { takeLock } from "../directory_steps.ts";
import { segmentFirstIndex } from "../segment_header.ts";
import { readSegmentHeader } from "../segment_judgement.ts";
import { syncFile, ZERO_SLICE_BYTES, zeroFile } from "../sync_file.ts";
import { type LogSummary, summarizeLog, type SummarizeOptions } from "./log_summary.ts";
import { LogView } from "./log_view.ts";
import type { Problem } from "./problem.ts";

/** A tail that can be cut. */
export interface BadTail {
  readonly state: "torn" | "damaged";
  readonly segment: string;
  /** Where it starts in the segment, and how long it is. */
  readonly offset: number;
  readonly bytes: number;
  /** The last entry that stays; one less than the first index where none does. */
  readonly lastIndexKept: Index;
  /** The last entry that is lost with a damaged tail, where that is known. */
  readonly lastIndexLost: Index | null;
  /** What is wrong there, in words. */
  readonly fault: string;
}

/** What there is to cut. */
export type TailFinding =
  | { readonly type: "clean"; readonly lastIndex: Index }
  | { readonly type: "bad tail"; readonly tail: BadTail }
  /** Cutting the tail does not help: there is damage elsewhere, or good entries are behind it. */
  | { readonly type: "elsewhere"; readonly problems: readonly Problem[] };

/** What {@linkcode cutTail} asks and tells. */
export interface CutTailOptions extends Pick<SummarizeOptions, "onProgress"> {
  /** Told what there is; the tail is cut only where it returns true. */
  readonly decide: (finding: TailFinding) => boolean;
}

/**
 * Looks at the tail of the log in the data directory at `path`, under its lock, and cuts it if that
 * is decided.
 *
 * @returns The path of the file that keeps what was cut, relative to the data directory; null where
 * nothing was cut.
 * @throws {BadDataError} If somebody uses the directory.
 */
export async function cutTail(
  runtime: Runtime,
  path: string,
  { decide, onProgress }: CutTailOptions,
): Promise<string | null> {
  const lock = await takeLock(runtime.files, path);
  try {
    const finding = await findTail(runtime, path, onProgress);
    if (!decide(finding) || finding.type !== "bad tail") return null;
    return await cut(runtime.files, path, finding.tail);
  } finally {
    await lock.release();
  }
}

async function findTail(
  runtime: Runtime,
  path: string,
  onProgress: SummarizeOptions["onProgress"],
): Promise<TailFinding> {
  const view = await LogView.open(runtime, path);
  try {
    const options = onProgress === undefined ? {} : { onProgress };
    return findingOf(await summarizeLog(view, { ...options, isAtRest: true }));
  } finally {
    await view.close();
  }
}

function findingOf({ tail, problems, lastIndex, segments }: LogSummary): TailFinding {
  const inTail = ({ segment, offset }: Problem): boolean =>
    segment === tail.segment && offset >= tail.offset;
  const elsewhere = problems.filter((problem) => !inTail(problem));
  if (segments.length === 0 || tail.state === "missing" || elsewhere.length > 0) {
    return { type: "elsewhere", problems };
  }
  if (tail.state === "clean") return { type: "clean", lastIndex };
  const { state, segment, offset, bytes, lastIndex: lastIndexLost, fault } = tail;
  return {
    type: "bad tail",
    tail: {
      state,
      segment,
      offset,
      bytes,
      lastIndexKept: lastIndex,
      lastIndexLost,
      fault,
    },
  };
}

/** Keeps a copy of the tail, and overwrites it. */
async function cut(files: FileSystem, path: string, tail: BadTail): Promise<string> {
  const { segment, offset: start, bytes } = tail;
  const end = start + bytes;
  const file = await files.open(`${path}/log/${segment}`, "write");
  try {
    assert(bytes >= 0, () => `the tail has ${bytes} bytes`);
    assert(await file.size() >= end, () => `"${file.path}" ends before ${end}`);
    const name = await keepCopy(files, path, { file, segment, start, end });
    await zeroFile(file, { start, end });
    await restoreSize(file, segment);
    return name;
  } finally {
    await file.close();
  }
}

/** Gives a segment that was cut short the size that it was made with, durably. */
async function restoreSize(file: File, segment: string): Promise<void> {
  const header = await readSegmentHeader(file, segmentFirstIndex(segment) ?? 0);
  assert("segmentBytes" in header, () => `"${file.path}" has no good header`);
  if (await file.size() >= header.segmentBytes) return;
  await file.truncate(header.segmentBytes);
  await syncFile(file);
}

/** Copies the bytes of `file` from `start` to `end` into a new file, durably. */
async function keepCopy(
  files: FileSystem,
  path: string,
  { file, segment, start, end }: {
    readonly file: File;
    readonly segment: string;
    readonly start: number;
    readonly end: number;
  },
): Promise<string> {
  await files.makeDirectory(`${path}/cut`);
  await files.syncDirectory(path);
  const { name, copy } = await createCopy(files, path, `cut/${segment}.${start}`);
  try {
    for (let at = start; at < end;) {
      const slice = new Uint8Array(Math.min(ZERO_SLICE_BYTES, end - at));
      const count = await file.read(slice, at);
      assert(count === slice.length, () => `read ${count} of ${slice.length} bytes at ${at}`);
      copy.write([slice], at - start);
      at += count;
    }
    await syncFile(copy);
  } finally {
    await copy.close();
  }
  await files.syncDirectory(`${path}/cut`);
  return name;
}

/** Makes a file that was not there: `base`, or the same with a number. */
async function createCopy(
  files: FileSystem,
  path: string,
  base: string,
): Promise<{ readonly name: string; readonly copy: File }> {
  for (let number = 1;; number += 1) {
    const name = number === 1 ? base : `${base}.${number}`;
    try {
      return { name, copy: await files.open(`${path}/${name}`, "create") };
    } catch (error) {
      if (!(error instanceof FileError) || error.code !== "EEXIST") throw error;
    }
  }
}
