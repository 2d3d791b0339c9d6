/**
 * Reads everything in a data directory and lists everything that is wrong with it. Takes no lock
 * and changes nothing; a node may run on the directory meanwhile.
 *
 * The order of reading makes what is compared belong together although the node goes on: a term is
 * durable before an entry of it, and a snapshot before the entries that it covers are dropped. So
 * the log comes first, then the snapshots, then the hard state.
 *
 * @module
 */
import { BadDataError } from "../../errors.ts";
import { FileError, type LockHolder, type Runtime } from "../../runtime/runtime.ts";
import type { Configuration } from "../../types.ts";
import type { Identity } from "../../wire/storage_codec.ts";
import type { HardState } from "../log.ts";
import { foreignInstance } from "../log_owner.ts";
import { NewerFormatError } from "../newer_format_error.ts";
import { readSnapshotState } from "../snapshot_file.ts";
import { SnapshotFault } from "../snapshot_format.ts";
import {
  directoryHolder,
  findSnapshots,
  type FoundSnapshot,
  newestSnapshot,
  openIfThere,
  readHardStateCopies,
  readOwner,
} from "./directory_contents.ts";
import { idleByteProblems } from "./idle_bytes.ts";
import { type LogSummary, summarizeLog } from "./log_summary.ts";
import { LogView } from "./log_view.ts";
import type { Problem, ProblemKind } from "./problem.ts";

/** Problems of files that may hold what then seems to be missing. */
const HIDING_ENTRIES: ReadonlySet<ProblemKind> = new Set<ProblemKind>([
  "bad_snapshot",
  "bad_segment_header",
  "newer_format",
  "unreadable",
]);

/** What a data directory holds, and what is wrong with it. */
export interface DirectoryReport {
  /** Null where the identity cannot be read. */
  readonly identity: Identity | null;
  /** Null where no copy can be read. */
  readonly hardState: HardState | null;
  readonly log: LogSummary;
  readonly snapshots: readonly FoundSnapshot[];
  /** Who uses the directory, asked after everything was read. */
  readonly holder: LockHolder | null;
  /**
   * Whether the log ends with the remains of a write that nobody was told of, which a node cuts
   * when it starts. What a running node is about to write is none.
   */
  readonly tornTail: boolean;
  /** Everything that is wrong; empty where all is well. */
  readonly problems: readonly Problem[];
}

/** How much is read. */
export interface VerifyOptions {
  /** Read every byte: snapshots from end to end, records, seals; else ends and units. */
  readonly isThorough: boolean;
  /** Called now and then with the bytes that were read, and all that there are to read. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/**
 * Reads the data directory at `path`.
 *
 * @throws {FileError} If the directory itself cannot be read.
 */
export async function verifyDirectory(
  runtime: Runtime,
  path: string,
  options: VerifyOptions,
): Promise<DirectoryReport> {
  const verifier = new Verifier(runtime, path, options);
  await verifier.readIdentity();
  const log = await verifier.readLog();
  const snapshots = await verifier.readSnapshots();
  const hardState = await verifier.readHardState();
  return verifier.report({ log, snapshots, hardState });
}

class Verifier {
  readonly #runtime: Runtime;
  readonly #path: string;
  readonly #options: VerifyOptions;
  readonly #problems: Problem[] = [];
  #identity: Identity | null = null;
  #totalBytes = 0;
  #doneBytes = 0;

  constructor(runtime: Runtime, path: string, options: VerifyOptions) {
    this.#runtime = runtime;
    this.#path = path;
    this.#options = options;
  }

  async readIdentity(): Promise<void> {
    const kind = "bad_identity";
    this.#identity = await this.#orProblem(
      { segment: "identity", offset: 0, kind },
      () => readOwner(this.#runtime, this.#path),
    );
  }

  /** Reads the log; what is wrong in it comes first, but for the identity. */
  async readLog(): Promise<LogSummary> {
    for (const { fileBytes } of await findSnapshots(this.#runtime, this.#path)) {
      this.#totalBytes += fileBytes;
    }
    const view = await this.#openLog();
    try {
      const log = await summarizeLog(view, {
        checksRecords: this.#options.isThorough,
        onProgress: (done, total) => {
          this.#doneBytes = done;
          this.#options.onProgress?.(done, this.#totalBytes + total);
        },
      });
      const logBytes = log.segments.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
      this.#doneBytes = logBytes;
      this.#totalBytes += logBytes;
      this.#problems.push(...log.problems);
      if (this.#options.isThorough) this.#problems.push(...await idleByteProblems(view, log));
      const isRead = this.#problems.every(({ segment }) => segment !== "log");
      if (isRead && view.segments.length === 0 && view.bad.length === 0) {
        const message = "the log is missing: there is no segment";
        this.#add({ segment: "log", offset: 0, kind: "missing_file", message });
      }
      return log;
    } finally {
      await view.close();
    }
  }

  async readSnapshots(): Promise<FoundSnapshot[]> {
    const found = await findSnapshots(this.#runtime, this.#path);
    for (const { fileName, error, snapshot } of found) {
      const at = { segment: `snapshots/${fileName}`, offset: 0, kind: "bad_snapshot" } as const;
      if (error !== null) this.#addError(at, error);
      if (snapshot === null) continue;
      const { clusterId } = snapshot.meta;
      if (this.#identity !== null && clusterId !== this.#identity.clusterId) {
        const message = `it belongs to cluster ${clusterId}, the directory to ` +
          (this.#identity.clusterId || "none");
        this.#add({ ...at, kind: "foreign_snapshot", message });
      }
      if (this.#options.isThorough) await this.#readSnapshot(fileName, snapshot.totalBytes);
    }
    return found;
  }

  async readHardState(): Promise<HardState | null> {
    const at = { segment: "hard_state", offset: 0, kind: "bad_hard_state" } as const;
    const reading = await this.#orProblem(at, () => readHardStateCopies(this.#runtime, this.#path));
    if (reading === null) return null;
    const isHarmless = reading.newest !== null;
    for (const { name, position, found, strayAt } of reading.copies) {
      if (typeof found === "string") {
        const way = isHarmless
          ? "the other one is good, and replaces it when the node starts"
          : "the other one is bad too";
        const message = `copy ${name} is bad: ${found}; ${way}`;
        this.#add({ ...at, offset: position, isHarmless, message });
      }
      if (strayAt === null) continue;
      const message = `there must be zeros behind copy ${name}, and here is something else`;
      this.#add({ ...at, offset: strayAt, kind: "stray_bytes", isHarmless, message });
    }
    return reading.newest?.state ?? null;
  }

  /** Compares the parts with each other, and says what was found. */
  async report(
    { log, snapshots, hardState }: {
      readonly log: LogSummary;
      readonly snapshots: readonly FoundSnapshot[];
      readonly hardState: HardState | null;
    },
  ): Promise<DirectoryReport> {
    const meta = newestSnapshot(snapshots)?.meta ?? null;
    const covered = meta?.lastIncludedIndex ?? 0;
    const first = log.segments[0]?.name ?? "log";
    // Where a snapshot or the first segments cannot be used, what is missing was told.
    const isComplete = this.#problems.every(({ kind }) => !HIDING_ENTRIES.has(kind));
    if (isComplete && log.segments.length > 0 && log.firstIndex > covered + 1) {
      const message = `the log starts at index ${log.firstIndex}, and ` +
        (meta === null ? "there is no snapshot" : `the newest snapshot ends at ${covered}`);
      const lastIndex = log.firstIndex - 1;
      const range = { index: covered + 1, lastIndex };
      this.#add({ segment: first, offset: 0, ...range, kind: "missing_entries", message });
    }
    if (log.segments.length > 0) this.#checkConfigurations(log, meta?.configuration ?? null);
    if (hardState !== null) this.#checkTerm(hardState, log, meta);
    const holder = await this.#orProblem(
      { segment: "lock", offset: 0, kind: "unreadable" },
      () => directoryHolder(this.#runtime, this.#path),
    );
    const tornTail = log.tail.state === "torn" && holder === null;
    const problems = this.#problems;
    return { identity: this.#identity, hardState, log, snapshots, holder, tornTail, problems };
  }

  /** What the node is told of its members: that there is something, and of this directory. */
  #checkConfigurations(
    { configurations, segments, lastIndex }: LogSummary,
    inSnapshot: Configuration | null,
  ): void {
    const identity = this.#identity;
    // What is damaged may hold what then seems to be missing.
    const isSound = this.#problems.every(({ isHarmless }) => isHarmless === true);
    if (identity === null || !isSound) return;
    const all = configurations.map(({ configuration }) => configuration);
    if (inSnapshot !== null) all.unshift(inSnapshot);
    const at = { segment: segments[0]!.name, offset: 0 };
    const { nodeId, instanceId, born } = identity;
    if (born && all.length === 0) {
      const message = "the node has been a member, but neither log nor snapshot holds a " +
        "configuration";
      this.#add({ ...at, index: lastIndex + 1, kind: "missing_configuration", message });
    }
    const foreign = foreignInstance(identity, all);
    if (foreign === null) return;
    const message = `its configurations name the data directory ${foreign} for node ${nodeId}, ` +
      `and this is ${instanceId}: log or snapshots are of another directory`;
    this.#add({ ...at, kind: "foreign_log", message });
  }

  /** A term below that of the log or the snapshot: a vote was forgotten. */
  #checkTerm(
    { currentTerm }: HardState,
    log: LogSummary,
    meta: { readonly lastIncludedTerm: number; readonly lastIncludedIndex: number } | null,
  ): void {
    // The first entry is written before the first hard state; no vote was cast then.
    if (currentTerm === 0 && log.lastIndex <= 1 && meta === null) return;
    const isLog = log.lastTerm >= (meta?.lastIncludedTerm ?? 0);
    const term = isLog ? log.lastTerm : meta?.lastIncludedTerm ?? 0;
    const index = isLog ? log.lastIndex : meta?.lastIncludedIndex ?? 0;
    if (currentTerm >= term) return;
    const message = `its term is ${currentTerm}, but entry ${index} has term ${term}`;
    this.#add({ segment: "hard_state", offset: 0, kind: "stale_hard_state", message });
  }

  async #openLog(): Promise<LogView> {
    try {
      return await LogView.open(this.#runtime, this.#path);
    } catch (error) {
      // Without a directory there is no segment; that this is a problem is said above.
      if (!(error instanceof FileError)) throw error;
      if (error.code !== "ENOENT") {
        this.#addError({ segment: "log", offset: 0, kind: "unreadable" }, error);
      }
      return LogView.empty(this.#runtime, this.#path);
    }
  }

  /** Reads all of a snapshot. */
  async #readSnapshot(fileName: string, totalBytes: number): Promise<void> {
    const segment = `snapshots/${fileName}`;
    const at = { segment, offset: 0, kind: "bad_snapshot" } as const;
    await this.#orProblem(at, async () => {
      const file = await openIfThere(this.#runtime, `${this.#path}/${segment}`);
      if (file === null) return;
      try {
        for await (const chunk of readSnapshotState(file, totalBytes)) {
          this.#doneBytes += chunk.length;
          this.#options.onProgress?.(Math.min(this.#doneBytes, this.#totalBytes), this.#totalBytes);
        }
      } finally {
        await file.close();
      }
    });
  }

  /** What `read` resolves to; null, and a problem, where it fails for what lies on the disk. */
  async #orProblem<Result>(
    at: Omit<Problem, "message">,
    read: () => Promise<Result>,
  ): Promise<Result | null> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#addError(at, error);
      return null;
    }
  }

  #addError(at: Omit<Problem, "message">, error: Error): void {
    const { message, cause } = error;
    const file = fileErrorOf(error);
    const offset = cause instanceof SnapshotFault ? cause.offset : at.offset;
    if (file !== null) {
      const { code, message } = file;
      if (code === "ENOENT") this.#add({ ...at, kind: "missing_file", message });
      else this.#add({ ...at, kind: "unreadable", code, message });
    } else if (error instanceof BadDataError) {
      const kind = error instanceof NewerFormatError ? "newer_format" : at.kind;
      this.#add({ ...at, offset, kind, message });
    } else throw error;
  }

  #add(problem: Problem): void {
    this.#problems.push(problem);
  }
}

/** The failed file call behind an error, or null. */
function fileErrorOf(error: Error): FileError | null {
  if (error instanceof FileError) return error;
  return error.cause instanceof FileError ? error.cause : null;
}
