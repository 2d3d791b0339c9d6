/** Figures of one measurement, by name. */
export type Figures = Readonly<Record<string, number>>;

/** What a figure is called in the table. */
export interface FigureMeaning {
  readonly title: string;
  /** Whether a larger one is better; null where it is neither. */
  readonly isMoreBetter: boolean | null;
}

/** The figures of the table, in its order; the document has more. */
export const figureMeanings: Readonly<Record<string, FigureMeaning>> = {
  opsPerSecond: { title: "ops/s", isMoreBetter: true },
  mebibytesPerSecond: { title: "MiB/s", isMoreBetter: true },
  entriesPerSecond: { title: "entries/s", isMoreBetter: true },
  seconds: { title: "s", isMoreBetter: false },
  medianMs: { title: "median ms", isMoreBetter: false },
  mostMs: { title: "longest ms", isMoreBetter: false },
  p50Ms: { title: "p50 ms", isMoreBetter: false },
  p99Ms: { title: "p99 ms", isMoreBetter: false },
  p999Ms: { title: "p99.9 ms", isMoreBetter: false },
  longCount: { title: "above 50 ms", isMoreBetter: false },
  snapshots: { title: "snapshots", isMoreBetter: null },
  leaderShare: { title: "leader, of a core", isMoreBetter: false },
  followerShare: { title: "follower, of a core", isMoreBetter: null },
  leaderPercent: { title: "leader %", isMoreBetter: false },
  followerPercent: { title: "follower %", isMoreBetter: false },
  serverSecondsPer100k: { title: "server CPU s/100k", isMoreBetter: false },
  clientSecondsPer100k: { title: "client CPU s/100k", isMoreBetter: null },
  clientShare: { title: "client, of a core", isMoreBetter: null },
  othersShare: { title: "others, of a core", isMoreBetter: null },
  bytesPerKey: { title: "bytes a key", isMoreBetter: false },
  leaderMiBBefore: { title: "leader MiB before", isMoreBetter: null },
  leaderMiB: { title: "leader MiB", isMoreBetter: false },
  clientBytesPerPut: { title: "client bytes a put", isMoreBetter: false },
  peerBytesPerPut: { title: "peer bytes a put", isMoreBetter: false },
  bytesPerPut: { title: "bytes a put", isMoreBetter: false },
  mostMiB: { title: "MiB", isMoreBetter: false },
};

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The median of each figure. */
export function mediansOf(rounds: readonly Figures[]): Figures {
  const names = Object.keys(rounds[0]!);
  return Object.fromEntries(
    names.map((name) => [name, median(rounds.map((figures) => figures[name]!))]),
  );
}
