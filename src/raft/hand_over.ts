/**
 * How a node leaves office in good order, and what it owes to leaders that it has promised to.
 *
 * @module
 */
import type { Consensus } from "../consensus/consensus.ts";
import { PROMISE_MS_MAX, STOP_PATIENCE_MS } from "../limits.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { NodeId } from "../types.ts";
import type { DriverLoop } from "./driver_loop.ts";
import type { LogContents } from "./log_contents.ts";
import type { RaftTiming } from "./raft_options.ts";

/**
 * Has another node lead where this one does, and waits until everything that it took is answered;
 * gives up both after STOP_PATIENCE_MS, and where the node stops by itself.
 */
export async function handOver(
  clock: Clock,
  parts: { readonly consensus: Consensus; readonly driver: DriverLoop },
  stopped: Promise<unknown>,
): Promise<void> {
  const { consensus, driver } = parts;
  let expire: () => void = () => {};
  const patience = new Promise<void>((resolve) => expire = resolve);
  const timer = clock.setTimer(expire, STOP_PATIENCE_MS);
  // A node without others to lead, or whose others do not answer, stops all the same.
  const transferred = consensus.isLeader
    ? driver.transferLeadership(null).then(() => {}, () => {})
    : Promise.resolve();
  const finished = transferred.then(() => driver.drain());
  await Promise.race([finished, patience, stopped]);
  clock.clearTimer(timer);
}

/** What a node with lease reads promises: it grants nothing for an election timeout. Else 0. */
export function promiseMsOf({ leaseReads, electionTimeoutMs }: RaftTiming): number {
  return !leaseReads ? 0 : Math.min(PROMISE_MS_MAX, Math.floor(electionTimeoutMs));
}

/**
 * Whether a node is, and always was, the only voter. No other node has ever led its cluster with a
 * committed entry, so it has promised nothing that matters, and need not wait before it leads.
 */
export function isAloneFromBirth(nodeId: NodeId, contents: LogContents): boolean {
  const latest = contents.configurations[contents.configurations.length - 1];
  if (latest === undefined || latest.index > 1) return false;
  const { voters, votersOld } = latest.configuration;
  return voters.length === 1 && voters[0]!.id === nodeId && votersOld.length === 0;
}
