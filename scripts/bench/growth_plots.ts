/**
 * Which plots are drawn of what was measured.
 *
 * @module
 */
import type { Point } from "./growths.ts";
import { type Axis, drawPlot, type Scale } from "./plot.ts";

/** A plot of one growth. */
interface GrowthPlot {
  readonly file: string;
  readonly growth: string;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  /** The figures to draw, and what their lines are called. */
  readonly lines: Readonly<Record<string, string>>;
}

function axis(title: string, scale: Scale): Axis {
  return { title, scale };
}

const rate = axis("operations a second", "log");
const milliseconds = axis("milliseconds", "log");

const growthPlots: readonly GrowthPlot[] = [
  {
    file: "in_flight_throughput",
    growth: "in_flight",
    title: "Throughput by requests in flight (3 nodes, 128-byte values)",
    x: axis("in flight", "log"),
    y: rate,
    lines: { putsPerSecond: "puts", getsPerSecond: "linearizable gets" },
  },
  {
    file: "in_flight_latency",
    growth: "in_flight",
    title: "Latency by requests in flight",
    x: axis("in flight", "log"),
    y: milliseconds,
    lines: { putP50Ms: "put p50", putP99Ms: "put p99", getP50Ms: "get p50" },
  },
  {
    file: "value_size_throughput",
    growth: "value_size",
    title: "Bytes written by size of value (at most 256 in flight, 8 MiB under way)",
    x: axis("bytes of a value", "log"),
    y: axis("MiB a second", "log"),
    lines: { mebibytesPerSecond: "puts" },
  },
  {
    file: "value_size_latency",
    growth: "value_size",
    title: "Latency by size of value",
    x: axis("bytes of a value", "log"),
    y: milliseconds,
    lines: { p50Ms: "put p50", p99Ms: "put p99" },
  },
  {
    file: "cluster_size",
    growth: "cluster_size",
    title: "Throughput by nodes on one machine (1,000 in flight)",
    x: axis("nodes", "linear"),
    y: axis("operations a second", "linear"),
    lines: { putsPerSecond: "puts", getsPerSecond: "linearizable gets" },
  },
  {
    file: "cluster_size_latency",
    growth: "cluster_size",
    title: "Latency of a put by nodes on one machine (1 in flight)",
    x: axis("nodes", "linear"),
    y: axis("milliseconds", "linear"),
    lines: { putP50Ms: "put p50" },
  },
  {
    file: "keys_throughput",
    growth: "keys",
    title: "Throughput by number of keys (256 in flight)",
    x: axis("keys", "log"),
    y: axis("operations a second", "linear"),
    lines: { putsPerSecond: "puts", getsPerSecond: "linearizable gets" },
  },
  {
    file: "keys_memory",
    growth: "keys",
    title: "Memory of a node by number of keys (16 + 128 bytes each)",
    x: axis("keys", "log"),
    y: axis("MiB", "linear"),
    lines: { mebibytes: "resident" },
  },
  {
    file: "log_length_throughput",
    growth: "log_length",
    title: "Throughput by length of the log (never compacted, 256 in flight)",
    x: axis("entries", "linear"),
    y: axis("operations a second", "linear"),
    lines: { putsPerSecond: "puts" },
  },
  {
    file: "log_length_restart",
    growth: "log_length",
    title: "Restart of a node by length of the log (never compacted)",
    x: axis("entries", "linear"),
    y: axis("seconds", "linear"),
    lines: { restartSeconds: "start to everything applied" },
  },
  {
    file: "distance_latency",
    growth: "distance",
    title: "Latency by distance between nodes (1 in flight, client at the leader)",
    x: axis("milliseconds from node to node", "linear"),
    y: axis("milliseconds", "linear"),
    lines: { putP50Ms: "put p50", getP50Ms: "linearizable get p50" },
  },
  {
    file: "distance_throughput",
    growth: "distance",
    title: "Throughput by distance between nodes (1,000 in flight)",
    x: axis("milliseconds from node to node", "linear"),
    y: axis("operations a second", "linear"),
    lines: { putsPerSecond: "puts" },
  },
];

/** The plots of everything that was measured: the name of each file, and what is in it. */
export function plotsOf(points: Readonly<Record<string, readonly Point[]>>): [string, string][] {
  return growthPlots.filter(({ growth }) => points[growth] !== undefined).map((plot) => {
    const measured = points[plot.growth]!;
    const series = Object.entries(plot.lines).map(([figure, name]) => ({
      name,
      // Only a line on paper: log_length has its entries counted, where others have x itself.
      points: measured.map((point) => ({ x: point["entries"] ?? point["x"]!, y: point[figure]! })),
    }));
    return [plot.file, drawPlot({ ...plot, series })];
  });
}
