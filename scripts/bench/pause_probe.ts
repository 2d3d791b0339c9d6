/**
 * Asks nodes again and again, in short intervals, for something that needs no disk and no other
 * node: how long an answer takes is how long the node did nothing else but something else.
 *
 * @module
 */
import { Histogram } from "../../src/cli/bench/histogram.ts";
import type { Clock } from "../../src/runtime/runtime.ts";

/** What to ask, and for how long. */
export interface PauseProbeOptions {
  readonly clock: Clock;
  /** For each node, what asks it once; resolves with the answer. */
  readonly nodes: readonly (() => Promise<void>)[];
  readonly intervalMs: number;
  /** How long answers do not count: programs are compiled by their use. */
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Answers that take longer than that are counted. */
  readonly longMs: number;
}

/** Latencies. */
export interface PauseFigures {
  readonly answers: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly mostMs: number;
  readonly longCount: number;
}

/** What came of it. */
export interface PauseReport {
  readonly nodes: readonly PauseFigures[];
  /** How late the probe itself was to ask, for it had no processor: answers waited as long. */
  readonly probe: PauseFigures;
}

/** Latencies of one node. */
class Latencies {
  readonly #histogram = new Histogram();
  readonly #longMs: number;
  #longCount = 0;

  constructor(longMs: number) {
    this.#longMs = longMs;
  }

  record(latencyMs: number): void {
    this.#histogram.record(latencyMs * 1000);
    if (latencyMs > this.#longMs) this.#longCount += 1;
  }

  figures(): PauseFigures {
    const percentileMs = (percent: number): number => this.#histogram.percentile(percent) / 1000;
    return {
      answers: this.#histogram.count,
      p50Ms: percentileMs(50),
      p99Ms: percentileMs(99),
      p999Ms: percentileMs(99.9),
      mostMs: this.#histogram.maxMicros / 1000,
      longCount: this.#longCount,
    };
  }
}

/**
 * Probes until the time is over and every answer is there; a question without an answer rejects.
 *
 * A node is asked in every interval, whether it has answered the last time or not, so that a pause
 * counts for every interval that it lasts.
 */
export async function probePauses(options: PauseProbeOptions): Promise<PauseReport> {
  const { clock, nodes, intervalMs, warmUpMs, durationMs, longMs } = options;
  const latencies = nodes.map(() => new Latencies(longMs));
  const lateness = new Latencies(longMs);
  const underWay = new Set<Promise<void>>();
  const measureMs = clock.nowMs() + warmUpMs;
  const endMs = measureMs + durationMs;
  let dueMs = clock.nowMs();
  let failure: Error | null = null;
  for (;;) {
    const askedMs = clock.nowMs();
    if (askedMs >= endMs || failure !== null) break;
    const isMeasured = askedMs >= measureMs;
    if (isMeasured) lateness.record(Math.max(0, askedMs - dueMs));
    nodes.forEach((ask, position) => {
      const question: Promise<void> = ask().then(() => {
        if (isMeasured) latencies[position]!.record(clock.nowMs() - askedMs);
      }, (error: Error) => {
        failure ??= error;
      }).finally(() => underWay.delete(question));
      underWay.add(question);
    });
    dueMs = askedMs + intervalMs;
    await new Promise<void>((resolve) => clock.setTimer(resolve, intervalMs));
  }
  await Promise.all(underWay);
  if (failure !== null) throw failure;
  return { nodes: latencies.map((one) => one.figures()), probe: lateness.figures() };
}
