/**
 * What this machine gives to a node: room, open files, a disk that syncs, a clock that runs evenly.
 *
 * @module
 */
import { formatDuration, formatSize } from "../../config/units.ts";
import { syncFile } from "../../log/sync_file.ts";
import type { HostProcess } from "../../runtime/process.ts";
import { FileError, type Runtime } from "../../runtime/runtime.ts";
import { type Check, fine, problem, warning } from "./check.ts";

const FREE_BYTES_LOW = 1024 ** 3;
const FREE_SHARE_LOW = 0.05;
/** A node keeps the next segment ready beside the open one, and needs room for a snapshot. */
const FREE_BYTES_LEAST = 64 * 1024 ** 2;

const OPEN_FILES_LOW = 4096;
const OPEN_FILES_LEAST = 256;

const SYNCS = 9;
const SYNC_BYTES = 4096;
/** A group commit takes about one sync; a leader abdicates after two election timeouts. */
const SYNC_MS_HIGH = 25;
const SYNC_MS_MOST = 500;

/** How far the clock of the day may move away from the monotonic one while this runs. */
const CLOCK_DRIFT_MS = 100;

/** Room in the file system of the data directory. */
export async function checkSpace(host: HostProcess, path: string): Promise<Check> {
  const space = await host.machine.diskSpace(path);
  if (space === null) return fine("disk space", "not known on this system");
  const { freeBytes, totalBytes } = space;
  const text = `${formatSize(freeBytes)} of ${formatSize(totalBytes)} are free`;
  const fix = ["make room: a node whose disk is full takes no writes until there is some"];
  if (freeBytes < FREE_BYTES_LEAST) return problem("disk space", { message: text, fix });
  const isLow = freeBytes < FREE_BYTES_LOW || freeBytes < totalBytes * FREE_SHARE_LOW;
  return isLow ? warning("disk space", text, fix) : fine("disk space", text);
}

/** How many files a node may hold open: its segments, and a connection for each client. */
export async function checkOpenFiles(host: HostProcess): Promise<Check> {
  const count = await host.machine.openFilesMax();
  if (count === null) return fine("open files", "limit not known on this system");
  const text = `at most ${count} for one process`;
  const fix = [`raise the limit of the service (LimitNOFILE, ulimit -n) to ${OPEN_FILES_LOW}`];
  if (count < OPEN_FILES_LEAST) return problem("open files", { message: text, fix });
  return count < OPEN_FILES_LOW ? warning("open files", text, fix) : fine("open files", text);
}

/** How long the disk of the data directory takes for a sync: by a small file, removed again. */
export async function checkSync(runtime: Runtime, directory: string): Promise<Check> {
  const { files, clock } = runtime;
  const path = `${directory}/doctor-${runtime.random.uint32()}.tmp`;
  const times: number[] = [];
  try {
    const file = await files.open(path, "create");
    try {
      for (let count = 0; count < SYNCS; count += 1) {
        const startMs = clock.nowMs();
        file.write([new Uint8Array(SYNC_BYTES).fill(1 + count)], count * SYNC_BYTES);
        await syncFile(file);
        times.push(clock.nowMs() - startMs);
      }
    } finally {
      await file.close();
      await files.remove(path);
    }
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return problem("disk sync", {
      message: `a file cannot be written and synced: ${error.message}`,
      fix: ["let the user of the node own the directory, and look after the disk"],
    });
  }
  return judgeSync(times.sort((one, other) => one - other));
}

function judgeSync(times: readonly number[]): Check {
  const medianMs = times[Math.floor(times.length / 2)]!;
  const maxMs = times.at(-1)!;
  const text = `${medianMs.toFixed(1)}ms in the median of ${times.length}, ` +
    `${maxMs.toFixed(1)}ms at most`;
  const fix = ["each write waits for one sync of a majority: use a faster or a less busy disk"];
  if (medianMs > SYNC_MS_MOST) return problem("disk sync", { message: text, fix });
  return medianMs > SYNC_MS_HIGH ? warning("disk sync", text, fix) : fine("disk sync", text);
}

/** A clock of the day that is being set moves against the monotonic one. */
export class ClockCheck {
  readonly #runtime: Runtime;
  readonly #startMs: number;
  readonly #startOffsetMs: number;

  /** Starts to watch. */
  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#startMs = runtime.clock.nowMs();
    this.#startOffsetMs = this.#offsetMs();
  }

  /** What was seen since. */
  end(): Check {
    const driftMs = Math.abs(this.#offsetMs() - this.#startOffsetMs);
    const watched = formatDuration(this.#runtime.clock.nowMs() - this.#startMs);
    if (driftMs <= CLOCK_DRIFT_MS) return fine("clock", `no jump within ${watched}`);
    return warning("clock", `it jumped by ${formatDuration(driftMs)} within ${watched}`, [
      "nothing in a node depends on the time of the day, but its log lines do: see to ntp",
    ]);
  }

  #offsetMs(): number {
    const { clock } = this.#runtime;
    return clock.wallMs() - clock.nowMs();
  }
}
