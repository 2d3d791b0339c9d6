/**
 * What a node remembers of its promises to leaders, for its next start (see consensus/lease.ts). A
 * node that may have promised something elects nobody for an election timeout after its start; one
 * that runs without lease reads promises nothing, so it notes that it need not wait.
 *
 * @module
 */
import type { Clock } from "../runtime/runtime.ts";
import type { DataDirectory } from "../log/data_directory.ts";
import type { Members } from "./members.ts";

/** Before a node with lease reads takes part: it may promise something from now on. */
export async function allowPromises(
  directory: Pick<DataDirectory, "identity" | "saveIdentity">,
  leaseReads: boolean,
): Promise<void> {
  const { identity } = directory;
  if (!leaseReads || !identity.promisesNothing) return;
  await directory.saveIdentity({ ...identity, promisesNothing: false });
}

/** Without lease reads: notes that nothing is promised, once what an earlier life may have is. */
export function notePromises(
  { clock, leaseReads, electionTimeoutMs, members, stopped }: {
    readonly clock: Clock;
    readonly leaseReads: boolean;
    readonly electionTimeoutMs: number;
    readonly members: Pick<Members, "promisesNothing">;
    readonly stopped: Promise<unknown>;
  },
): void {
  if (leaseReads) return;
  const timer = clock.setTimer(() => members.promisesNothing(), electionTimeoutMs);
  void stopped.then(() => clock.clearTimer(timer));
}
