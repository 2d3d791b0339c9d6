import type { LoadReport } from "./load_generator.ts";

/** What was measured under which load. */
export interface MeasuredLoad {
  readonly operation: string;
  readonly clients: number;
  readonly inFlight: number;
  readonly valueBytes: number;
  readonly keys: number;
  /** Operations a second of an open loop. */
  readonly rate?: number | undefined;
}

/** The document of a benchmark: the load, and what came of it. */
export interface LoadDocument extends MeasuredLoad {
  readonly seconds: number;
  readonly operations: number;
  readonly errors: number;
  /** Operations that an open loop did not start in time; only there if it did not start some. */
  readonly unstarted?: number;
  readonly opsPerSecond: number;
  readonly p50Micros: number;
  readonly p95Micros: number;
  readonly p99Micros: number;
  readonly p999Micros: number;
  readonly maxMicros: number;
  readonly firstError?: string;
}

/** Puts a report and the load that it is of into one document. */
export function loadDocument(load: MeasuredLoad, report: LoadReport): LoadDocument {
  const { operation, clients, inFlight, valueBytes, keys, rate } = load;
  const { seconds, operations, errors, unstarted, histogram, firstError } = report;
  return {
    operation,
    clients,
    inFlight,
    valueBytes,
    keys,
    ...(rate === undefined ? {} : { rate }),
    seconds: Math.round(seconds * 1000) / 1000,
    operations,
    errors,
    ...(unstarted === 0 ? {} : { unstarted }),
    opsPerSecond: seconds > 0 ? Math.round(operations / seconds) : 0,
    p50Micros: histogram.percentile(50),
    p95Micros: histogram.percentile(95),
    p99Micros: histogram.percentile(99),
    p999Micros: histogram.percentile(99.9),
    maxMicros: histogram.maxMicros,
    ...(firstError === null ? {} : { firstError: firstError.message }),
  };
}
