/**
 * Who succeeds a leader whose process is gone. The voters notice that at about the same time: each
 * connection with it ends, and its address refuses a new one. If all of them stood at once, votes
 * would be split; so each gives those before it, by id, the time to be elected.
 *
 * A turn is a guess of how long an election takes. If it is wrong, a candidate more stands, which
 * is as safe as any election, and at worst the election timeout decides as it does without this.
 *
 * @module
 */
import type { Consensus } from "../consensus/consensus.ts";
import type { Random } from "../runtime/runtime.ts";

/** The least and the most that each voter gives the one before it, in milliseconds. */
const TURN_MS_MIN = 10;
const TURN_MS_MAX = 50;

const TWO_POW_32 = 4294967296;

/** How long this node leaves succession to those before it, in milliseconds. */
export function successionDelayMs(
  { consensus, random, heartbeatMs }: {
    readonly consensus: Pick<Consensus, "nodeId" | "leaderId" | "configuration">;
    readonly random: Random;
    readonly heartbeatMs: number;
  },
): number {
  const { nodeId, leaderId, configuration: { voters } } = consensus;
  const rank = voters.filter(({ id }) => id < nodeId && id !== leaderId).length;
  const turnMs = Math.min(TURN_MS_MAX, Math.max(TURN_MS_MIN, heartbeatMs / 2));
  // A little by chance, for nodes that do not agree on who is before them.
  return turnMs * (rank + random.uint32() / TWO_POW_32 / 4);
}
