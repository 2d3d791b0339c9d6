/**
 * Scripts of log operations for crash tests, and what may be found after a crash in one of them.
 *
 * While a script runs it keeps a list of *timelines*: entries that recovery may find, and which
 * part of them it must find. An operation under way adds the timeline that it leads to; when it is
 * complete the others are dropped.
 */
import assert from "node:assert/strict";
import type { Log } from "../../src/log/log.ts";
import { SegmentedLog } from "../../src/log/segmented_log.ts";
import { type BatchEntry, createBatch, readBatch } from "../../src/testing/log_batches.ts";
import { readRange, syncLog } from "../../src/testing/log_contract.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { DATA_PATH } from "./simulated_log_machine.ts";

/** What recovery may find. */
export interface Timeline {
  /** All entries; recovery finds a prefix. */
  entries: readonly BatchEntry[];
  /** The last index that must be there. */
  lastIndexMin: number;
  /** The first index is one of these or between them. */
  firstIndexMin: number;
  firstIndexMax: number;
}

/** A log, and what may be found of it after a crash at this moment. */
export class ScriptedLog {
  readonly #log: Log;
  #timelines: Timeline[];

  /** Starts with an empty log. */
  constructor(log: Log, timelines: Timeline[]) {
    this.#log = log;
    this.#timelines = timelines;
  }

  /** Appends entries of about 20 KB, of which three fit into a segment. */
  append(count: number, term: number, payloadBytes = 20_000): void {
    const batch = createBatch({ firstIndex: this.#log.lastIndex + 1, count, term, payloadBytes });
    this.#log.append(batch);
    const current = this.#timelines.at(-1)!;
    current.entries = [...current.entries, ...readBatch(batch)];
  }

  /** Makes everything durable that was appended. */
  async sync(): Promise<void> {
    const { lastIndex } = this.#log;
    await syncLog(this.#log);
    this.#timelines.splice(0, this.#timelines.length - 1);
    this.#timelines[0]!.lastIndexMin = Math.max(this.#timelines[0]!.lastIndexMin, lastIndex);
  }

  /** Cuts; does not wait. */
  startTruncateSuffix(lastIndexKept: number): Promise<void> {
    const current = this.#timelines.at(-1)!;
    const entries = current.entries.filter(({ index }) => index <= lastIndexKept);
    const lastIndexMin = Math.min(current.lastIndexMin, lastIndexKept);
    current.lastIndexMin = lastIndexMin;
    const cut = this.#log.truncateSuffix(lastIndexKept);
    this.#timelines.push({ ...current, entries, lastIndexMin });
    return cut;
  }

  /** Cuts, durably. */
  async truncateSuffix(lastIndexKept: number): Promise<void> {
    await this.startTruncateSuffix(lastIndexKept);
    this.#timelines.splice(0, this.#timelines.length - 1);
  }

  /** Removes a prefix. */
  async truncatePrefix(firstIndexKept: number): Promise<void> {
    const current = this.#timelines.at(-1)!;
    if (firstIndexKept > this.#log.lastIndex + 1) {
      this.#timelines.push({
        entries: [],
        lastIndexMin: firstIndexKept - 1,
        firstIndexMin: firstIndexKept,
        firstIndexMax: firstIndexKept,
      });
    } else {
      current.firstIndexMax = Math.max(current.firstIndexMax, firstIndexKept);
    }
    await this.#log.truncatePrefix(firstIndexKept);
    this.#timelines.splice(0, this.#timelines.length - 1);
    this.#timelines[0]!.firstIndexMin = this.#log.firstIndex;
    this.#timelines[0]!.firstIndexMax = this.#log.firstIndex;
  }
}

/** A sequence of operations. */
export type Script = (log: ScriptedLog) => Promise<void>;

/** The scripts. */
export const scripts = {
  "append and sync": async (log) => {
    for (let round = 0; round < 4; round += 1) {
      log.append(3, 1 + round, 300);
      await log.sync();
    }
  },
  "roll": async (log) => {
    for (let round = 0; round < 3; round += 1) {
      log.append(1 + round, 1, 20_000);
      log.append(1, 1, 100);
      await log.sync();
    }
    log.append(1, 2, 90_000);
    log.append(1, 2, 10);
    await log.sync();
  },
  "truncate the suffix within a segment": async (log) => {
    log.append(2, 1, 700);
    await log.sync();
    log.append(3, 1, 700);
    await log.sync();
    await log.truncateSuffix(3);
    log.append(2, 2, 900);
    await log.sync();
    await log.truncateSuffix(0);
    log.append(1, 3, 50);
    await log.sync();
  },
  "truncate the suffix across segments": async (log) => {
    for (let round = 0; round < 7; round += 1) {
      log.append(1, 1);
      await log.sync();
    }
    await log.truncateSuffix(2);
    log.append(3, 2);
    await log.sync();
  },
  "append while a suffix is cut": async (log) => {
    for (let round = 0; round < 5; round += 1) {
      log.append(1, 1);
      await log.sync();
    }
    const first = log.startTruncateSuffix(2);
    log.append(2, 2);
    const second = log.startTruncateSuffix(3);
    log.append(1, 3);
    const synced = log.sync();
    await Promise.all([first, second, synced]);
  },
  "truncate the prefix": async (log) => {
    for (let round = 0; round < 8; round += 1) {
      log.append(1, 1);
      if (round % 2 === 0) await log.sync();
    }
    await log.sync();
    await log.truncatePrefix(7);
    log.append(2, 2);
    await log.sync();
  },
  "restart behind the end": async (log) => {
    for (let round = 0; round < 5; round += 1) {
      log.append(1, 1);
      await log.sync();
    }
    await log.truncatePrefix(100);
    log.append(4, 2);
    await log.sync();
    await log.truncateSuffix(101);
    log.append(1, 3);
    await log.sync();
  },
} satisfies Record<string, Script>;

/** What may be found before a script has begun. */
export function emptyTimelines(): Timeline[] {
  return [{ entries: [], lastIndexMin: 0, firstIndexMin: 1, firstIndexMax: 1 }];
}

/** Opens the log of these tests. */
export function openLog(runtime: Runtime): Promise<SegmentedLog> {
  const options = { path: DATA_PATH, segmentBytes: 64 * 1024, create: true };
  return SegmentedLog.open(runtime, options);
}

/** Runs a script to its end, or to a crash; keeps in `timelines` what may be found. */
export async function runScript(
  runtime: Runtime,
  script: Script,
  timelines: Timeline[],
): Promise<void> {
  const log = await openLog(runtime);
  await script(new ScriptedLog(log, timelines));
  await log.close();
}

/** What a log holds. */
export interface FoundLog {
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly entries: readonly BatchEntry[];
}

/** Reads everything that a log holds, and verifies every record. */
export async function readLog(log: Log): Promise<FoundLog> {
  const { firstIndex, lastIndex } = log;
  const isEmpty = lastIndex < firstIndex;
  const entries = isEmpty ? [] : readBatch(await readRange(log, firstIndex, lastIndex));
  return { firstIndex, lastIndex, entries };
}

/** The entries of a log in short. */
export async function describeLog(log: Log): Promise<string> {
  const { firstIndex, entries } = await readLog(log);
  return entries.length === 0 ? `none from ${firstIndex} on` : short(entries);
}

/** Fails unless what was found is what one of the timelines allows. */
export function checkFound(found: FoundLog, timelines: readonly Timeline[]): void {
  const { firstIndex, lastIndex, entries } = found;
  const isAllowed = timelines.some((timeline) => {
    if (firstIndex < timeline.firstIndexMin || firstIndex > timeline.firstIndexMax) return false;
    if (lastIndex < timeline.lastIndexMin) return false;
    const start = timeline.entries.findIndex(({ index }) => index === firstIndex);
    const expected = start < 0 ? [] : timeline.entries.slice(start, start + entries.length);
    return JSON.stringify(expected) === JSON.stringify(entries);
  });
  assert.ok(
    isAllowed,
    `found ${firstIndex} to ${lastIndex}: ${short(entries)}; allowed ` +
      timelines.map(({ entries, ...limits }) => `${JSON.stringify(limits)} ${short(entries)}`)
        .join(" or "),
  );
}

function short(entries: readonly BatchEntry[]): string {
  return entries.map(({ index, term }) => `${index}:${term}`).join(" ");
}
