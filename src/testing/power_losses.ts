/**
 * Every loss of power that a test tries on one disk: which of the changes of names that are not
 * durable are kept, and which of the sectors.
 *
 * Of a few changes every set is tried. Of many, those that tell most: none, all, one alone, all but
 * one, the first of them, the last of them, every other one.
 *
 * @module
 */
import type { CrashDisk } from "./crash_disk.ts";
import type { FileLoss, PowerLoss } from "./power_loss.ts";

/** Of so many changes every set is tried. */
const ALL_SETS_MAX = 4;

/** Which of some changes are kept. */
interface Pattern {
  readonly name: string;
  readonly keeps: (at: number) => boolean;
}

/** How many sets of sectors are tried: the names are tried in all in either case. */
export type SectorSets = "many" | "few";

/** A disk after a loss of power. */
export interface PowerLossOutcome {
  /** What was kept, for messages. */
  readonly name: string;
  readonly disk: CrashDisk;
}

/** What the files of a disk have that is not durable. */
interface UnsyncedContent {
  sectors: number;
  /** Whether a file may have one size or another. */
  hasSizes: boolean;
}

/** Loses everything that is not durable. */
export const LOSE_ALL: PowerLoss = {
  names: () => () => false,
  file: () => ({ keepsSector: () => false, size: (sizes) => sizes[0]! }),
};

/** The disks that a loss of power may leave of `disk`, which stays as it is. */
export function* powerLosses(
  disk: CrashDisk,
  sectorSets: SectorSets,
): Generator<PowerLossOutcome, void> {
  for (const names of patterns(disk.unsyncedNames)) {
    const content = countContent(disk, names);
    const sizes = content.hasSizes ? ["old", "between", "new"] as const : ["new"] as const;
    const isEnd = names.name === "none" || names.name === "all";
    const sets = sectorSets === "many" && isEnd
      ? patterns(content.sectors)
      : fewPatterns(content.sectors);
    for (const sectors of sets) {
      for (const size of sizes) {
        const fork = disk.fork();
        fork.losePower(lossOf({ names, sectors, size }));
        const name = `names kept: ${names.name}, sectors: ${sectors.name}, ${size} size`;
        yield { name, disk: fork };
      }
    }
  }
}

/** What is there to be lost of the files that are left with these names. */
function countContent(disk: CrashDisk, names: Pattern): UnsyncedContent {
  const content: UnsyncedContent = { sectors: 0, hasSizes: false };
  const file: FileLoss = {
    keepsSector: (isChanged) => {
      if (isChanged) content.sectors += 1;
      return false;
    },
    size: (sizes) => {
      if (sizes.some((size) => size !== sizes[0])) content.hasSizes = true;
      return sizes[0]!;
    },
  };
  disk.fork().losePower({ names: () => counter(names), file: () => file });
  return content;
}

function lossOf({ names, sectors, size }: {
  readonly names: Pattern;
  readonly sectors: Pattern;
  readonly size: "old" | "between" | "new";
}): PowerLoss {
  const keepsNext = counter(sectors);
  const file: FileLoss = {
    keepsSector: (isChanged) => isChanged && keepsNext(),
    size: (sizes) => {
      const oldest = sizes[0]!;
      const newest = sizes.at(-1)!;
      if (size === "new" || oldest === newest) return newest;
      return size === "old" ? oldest : Math.floor((oldest + newest) / 2);
    },
  };
  return { names: () => counter(names), file: () => file };
}

/** Asks the pattern for one change after the other. */
function counter({ keeps }: Pattern): () => boolean {
  let at = 0;
  return () => keeps(at++);
}

/** The sets that are tried of `count` changes. */
function patterns(count: number): Pattern[] {
  if (count <= ALL_SETS_MAX) {
    return Array.from({ length: 2 ** count }, (_, set) => ({
      name: set === 2 ** count - 1 ? "all" : set === 0 ? "none" : `set ${set.toString(2)}`,
      keeps: (at) => (set & (1 << at)) !== 0,
    }));
  }
  const half = Math.floor(count / 2);
  const single = count <= 16
    ? Array.from({ length: count }, (_, one) => one)
    : [0, half, count - 1];
  return [
    { name: "none", keeps: () => false },
    { name: "all", keeps: () => true },
    { name: "the first half", keeps: (at) => at < half },
    { name: "the second half", keeps: (at) => at >= half },
    { name: "every other", keeps: (at) => at % 2 === 0 },
    ...single.map((one) => ({ name: `only ${one}`, keeps: (at: number) => at === one })),
    ...single.map((one) => ({ name: `all but ${one}`, keeps: (at: number) => at !== one })),
    ...single.map((one) => ({ name: `up to ${one}`, keeps: (at: number) => at <= one })),
  ];
}

/** The sets that are tried of `count` sectors after the first crash. */
function fewPatterns(count: number): Pattern[] {
  if (count <= 1) return patterns(count);
  const half = Math.ceil(count / 2);
  return [
    { name: "none", keeps: () => false },
    { name: "all", keeps: () => true },
    { name: "the first half", keeps: (at) => at < half },
  ];
}
