/**
 * Measures the segmented log on this machine's disk: durable appends a second with group commit,
 * and the time that opening takes.
 *
 * Usage: measure_log.ts [DIRECTORY]   (the default is the system's directory for temporary files)
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { SegmentedLog } from "../src/log/segmented_log.ts";
import { detectRuntime } from "../src/runtime/detect.ts";
import { createBatch } from "../src/testing/log_batches.ts";

const PAYLOAD_BYTES = 128;
const MEASURED_MS = 2_000;

const runtime = await detectRuntime();
const { clock } = runtime;

/** Opens a log of its own. */
function openLog(path: string): Promise<SegmentedLog> {
  return SegmentedLog.open(runtime, { path, create: true });
}

/** Keeps `inFlight` entries in the log that are not durable, and tells what that gives. */
async function measureAppends(directory: string, inFlight: number): Promise<void> {
  const log = await openLog(join(directory, `in_flight_${inFlight}`));
  const latenciesMs: number[] = [];
  const start = clock.nowMs();
  let durable = 0;
  await new Promise<void>((resolve, reject) => {
    let waiting = 0;
    let isScheduled = false;
    const fill = (): void => {
      isScheduled = false;
      const now = clock.nowMs();
      if (now - start > MEASURED_MS) {
        if (waiting === 0) resolve();
        return;
      }
      const count = inFlight - waiting;
      if (count === 0) return;
      waiting += count;
      const firstIndex = log.lastIndex + 1;
      log.append(createBatch({ firstIndex, count, term: 1, payloadBytes: PAYLOAD_BYTES }));
      log.sync((error) => {
        if (error !== null) return reject(error);
        waiting -= count;
        durable += count;
        latenciesMs.push(clock.nowMs() - now);
        if (!isScheduled) clock.defer(fill);
        isScheduled = true;
      });
    };
    fill();
  });
  const seconds = (clock.nowMs() - start) / 1000;
  await log.close();
  latenciesMs.sort((one, other) => one - other);
  const percentile = (share: number): string =>
    latenciesMs[Math.floor(latenciesMs.length * share)]!.toFixed(2);
  console.log(
    `${inFlight} in flight: ${Math.round(durable / seconds)} entries/s, sync p50 ` +
      `${percentile(0.5)} p99 ${percentile(0.99)} p99.9 ${percentile(0.999)} ms`,
  );
}

/** Writes entries in units of `batch`, and opens the log again. */
async function measureRecovery(
  directory: string,
  { entries, batch }: { readonly entries: number; readonly batch: number },
): Promise<void> {
  const path = join(directory, `recovery_${batch}`);
  const written = await openLog(path);
  const writeStart = clock.nowMs();
  while (written.lastIndex < entries) {
    const firstIndex = written.lastIndex + 1;
    const count = Math.min(batch, entries - written.lastIndex);
    written.append(createBatch({ firstIndex, count, term: 1, payloadBytes: PAYLOAD_BYTES }));
    await new Promise<void>((resolve, reject) => {
      written.sync((error) => error === null ? resolve() : reject(error));
    });
  }
  const writeMs = clock.nowMs() - writeStart;
  await written.close();
  for (let round = 0; round < 3; round += 1) {
    const start = clock.nowMs();
    const log = await openLog(path);
    const openMs = clock.nowMs() - start;
    const readStart = clock.nowMs();
    let bytes = 0;
    for (let firstIndex = 1; firstIndex <= log.lastIndex;) {
      const range = { firstIndex, lastIndex: log.lastIndex, bytesMax: 1024 * 1024 };
      const read = await log.read(range);
      bytes += read.bytes.length;
      firstIndex = read.lastIndex + 1;
    }
    const readMs = clock.nowMs() - readStart;
    console.log(
      `${log.lastIndex} entries in units of ${batch}: opened in ${openMs.toFixed(0)} ms, ` +
        `${(bytes / 1e6).toFixed(0)} MB read in ${readMs.toFixed(0)} ms, ` +
        `written in ${writeMs.toFixed(0)} ms, ` +
        `${(process.memoryUsage().rss / 1e6).toFixed(0)} MB resident`,
    );
    await log.close();
  }
}

const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), "raft-measure-"));
try {
  console.log(`${runtime.name} ${runtime.version}`);
  for (const inFlight of [1, 64, 256, 1000]) await measureAppends(directory, inFlight);
  await measureRecovery(directory, { entries: 1_000_000, batch: 500 });
  await measureRecovery(directory, { entries: 20_000, batch: 1 });
} finally {
  rmSync(directory, { recursive: true, force: true });
}
