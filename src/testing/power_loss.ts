/**
 * What a loss of power leaves of what was not synced: by chance, or as a test wants it.
 *
 * @module
 */
import type { Prng } from "./prng.ts";

/** What a disk writes at once, or not at all. */
export const SECTOR_BYTES = 512;

/** Decides for one loss of power. */
export interface PowerLoss {
  /**
   * Answers for each of `count` changes of names, oldest first, whether it is kept. One that builds
   * upon a lost one is lost in any case.
   */
  names(count: number): () => boolean;
  /** Decides for the next file that is still there. */
  file(): FileLoss;
}

/** Decides for one file. */
export interface FileLoss {
  /**
   * Whether a sector is kept as it was changed. Asked for each sector of each page that has a
   * change, oldest change first; `isChanged` says whether there is something to keep.
   */
  keepsSector(isChanged: boolean): boolean;
  /** The size; `sizes` are the durable one and those that it was given since. */
  size(sizes: readonly number[]): number;
}

/** Leaves it to chance. */
export class RandomPowerLoss implements PowerLoss {
  readonly #prng: Prng;

  /** Draws from `prng`. */
  constructor(prng: Prng) {
    this.#prng = prng;
  }

  /** The first few changes, as a journal does, or any of them. */
  names(count: number): () => boolean {
    const prng = this.#prng;
    const journal = prng.chance(0.5);
    let journalEnds = prng.range(0, count);
    return () => journal ? journalEnds-- > 0 : prng.chance(0.5);
  }

  /** Each file has its own luck. */
  file(): FileLoss {
    const prng = this.#prng;
    const keepChance = prng.pick([0, 0.125, 0.5, 0.875, 1]);
    return {
      keepsSector: () => prng.chance(keepChance),
      size: (sizes) => {
        if (keepChance === 1) return sizes[sizes.length - 1] as number;
        if (keepChance === 0) return sizes[0] as number;
        const one = prng.pick(sizes);
        const other = prng.pick(sizes);
        if (prng.chance(0.5)) return one;
        const sectors = Math.floor(Math.abs(one - other) / SECTOR_BYTES);
        return Math.min(one, other) + prng.range(0, sectors) * SECTOR_BYTES;
      },
    };
  }
}
