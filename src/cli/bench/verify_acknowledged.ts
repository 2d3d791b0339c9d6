import type { KeyValueAccess } from "../cluster.ts";

/** A key that does not hold what was acknowledged. */
export interface LostWrite {
  readonly key: string;
  readonly acknowledgedIndex: number;
  /** What it has now; 0 where it does not exist. */
  readonly revision: number;
}

/** How to read. */
export interface VerifyOptions {
  /** Reads under way at the same time. */
  readonly inFlight: number;
  readonly timeoutMs: number;
}

/**
 * Reads every acknowledged key, linearizably, and finds those that are missing or older than what
 * was acknowledged.
 *
 * @param keyValue The cluster.
 * @param acknowledged The highest acknowledged index of each key.
 */
export async function findLostWrites(
  { keyValue, acknowledged }: {
    readonly keyValue: KeyValueAccess;
    readonly acknowledged: ReadonlyMap<string, number>;
  },
  { inFlight, timeoutMs }: VerifyOptions,
): Promise<LostWrite[]> {
  const lost: LostWrite[] = [];
  const entries = acknowledged.entries();
  const worker = async (): Promise<void> => {
    for (const [key, acknowledgedIndex] of entries) {
      const { revision } = await keyValue.get(key, { timeoutMs });
      if (revision < acknowledgedIndex) lost.push({ key, acknowledgedIndex, revision });
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, acknowledged.size) }, worker));
  return lost.sort((a, b) => a.acknowledgedIndex - b.acknowledgedIndex);
}
