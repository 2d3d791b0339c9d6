/** Logs of many shapes, each as files, for tests of damage. */
import { recoverLog } from "../../src/log/log_recovery.ts";
import { sealRecord } from "../../src/log/record.ts";
import { SegmentedLog } from "../../src/log/segmented_log.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { syncLog } from "../../src/testing/log_contract.ts";
import { MemoryFiles } from "./memory_files.ts";

/** The size of their segments. */
export const SHAPE_SEGMENT_BYTES = 64 * 1024;

/** A log that was synced, but for what `tear` leaves behind its end. */
interface Shape {
  readonly name: string;
  readonly build: (log: SegmentedLog) => Promise<void>;
  /** Damages the last segment, whose good units end at `end`, as a crash may. */
  readonly tear?: (segment: Uint8Array, end: number) => void;
}

/** A shape as it lies on the disk. */
export interface BuiltShape {
  readonly name: string;
  readonly files: MemoryFiles;
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** The paths of the segments that count, ascending, and where the good units of each end. */
  readonly segments: readonly { readonly path: string; readonly end: number }[];
  /** Where the last unit starts, or would, and the index before it. */
  readonly lastUnit: { readonly start: number; readonly lastIndexBefore: number };
}

/** Appends entries and makes them durable: one unit. */
async function write(log: SegmentedLog, count: number, payloadBytes = 100): Promise<void> {
  log.append(createBatch({ firstIndex: log.lastIndex + 1, count, term: 1, payloadBytes }));
  await syncLog(log);
}

/** Appends one entry whose payload is zero, but for one byte in some of its sectors. */
async function writeZeros(log: SegmentedLog, payloadBytes: number): Promise<void> {
  const index = log.lastIndex + 1;
  const batch = createBatch({ firstIndex: index, count: 1, term: 1, payloadBytes });
  batch.bytes.fill(0, 40, 40 + payloadBytes);
  for (let at = 900; at < payloadBytes; at += 1024) batch.bytes[at] = 7;
  sealRecord(batch.bytes, 0, { index, term: 1, timestampMs: index * 10, kind: 2, payloadBytes });
  log.append(batch);
  await syncLog(log);
}

const shapes: readonly Shape[] = [
  { name: "an empty log", build: async () => {} },
  { name: "one tiny unit", build: (log) => write(log, 1, 0) },
  {
    name: "units of different sizes",
    build: async (log) => {
      for (const count of [1, 2, 3]) await write(log, count);
    },
  },
  {
    name: "an entry of zeros",
    build: async (log) => {
      await write(log, 1);
      await writeZeros(log, 3_000);
    },
  },
  {
    name: "a unit over several sectors",
    build: async (log) => {
      await write(log, 1);
      await write(log, 12);
    },
  },
  {
    name: "a segment that is full to the last byte but the seal's",
    build: async (log) => {
      await write(log, 1, 1_000);
      // Header 512, unit 1,152; then what leaves room for a seal and nothing else.
      await write(log, 1, SHAPE_SEGMENT_BYTES - 512 - 1_152 - 128 - 64 - 40 - 256);
    },
  },
  {
    name: "several segments",
    build: async (log) => {
      for (let round = 0; round < 5; round += 1) await write(log, 1, 30_000);
      await write(log, 2);
    },
  },
  {
    name: "after a suffix was cut",
    build: async (log) => {
      for (let round = 0; round < 4; round += 1) await write(log, 2, 300);
      await log.truncateSuffix(5);
      await write(log, 1);
    },
  },
  {
    name: "after a prefix was cut",
    build: async (log) => {
      for (let round = 0; round < 5; round += 1) await write(log, 1, 30_000);
      await log.truncatePrefix(5);
      await write(log, 1);
    },
  },
  {
    name: "a log that starts elsewhere",
    build: async (log) => {
      await write(log, 2);
      await log.truncatePrefix(100);
      await write(log, 2);
    },
  },
  {
    name: "with a torn tail",
    build: (log) => write(log, 2),
    tear: (segment, end) => segment.fill(9, 1024, 1024 + Math.max(100, end - 1024)),
  },
];

/** Makes every shape. */
export async function buildShapes(): Promise<readonly BuiltShape[]> {
  const built: BuiltShape[] = [];
  for (const shape of shapes) built.push(await buildShape(shape));
  return built;
}

async function buildShape({ name, build, tear }: Shape): Promise<BuiltShape> {
  const files = new MemoryFiles();
  const options = { path: "/data", segmentBytes: SHAPE_SEGMENT_BYTES, create: true };
  const log = await SegmentedLog.open(files.runtime, options);
  await build(log);
  await log.close();
  const found = await recoverLog(files.runtime, { directory: "/data/log", mode: "read" });
  const last = found!.segments.at(-1)!;
  const segments = found!.segments.map((segment) => ({
    path: `/data/log/${segment.name}`,
    end: segment.end,
  }));
  const bytes = files.contents.get(segments.at(-1)!.path)!;
  const lastUnit = findLastUnit(bytes, last);
  tear?.(bytes, last.end);
  const { firstIndex } = found!.segments[0]!;
  return { name, files, firstIndex, lastIndex: last.lastIndex, segments, lastUnit };
}

/** Follows the sizes in the headers of the units, which are good. */
function findLastUnit(
  segment: Uint8Array,
  { end, firstIndex }: { readonly end: number; readonly firstIndex: number },
): BuiltShape["lastUnit"] {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.length);
  let start = 512;
  let lastIndexBefore = firstIndex - 1;
  for (let at = 512; at < end;) {
    start = at;
    lastIndexBefore = Number(view.getBigUint64(at + 24, true)) - 1;
    const map = Math.ceil(view.getUint32(at + 48, true) / 8) * 8;
    at += Math.ceil((64 + view.getUint32(at + 32, true) + map + 8) / 64) * 64;
  }
  return { start, lastIndexBefore };
}
