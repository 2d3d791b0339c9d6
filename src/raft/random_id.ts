/**
 * Random ids: of clusters and snapshots.
 *
 * @module
 */
import type { Random } from "../runtime/runtime.ts";

/** 16 random bytes as 32 hexadecimal digits. */
export function randomHexId(random: Random): string {
  const bytes = random.fill(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
