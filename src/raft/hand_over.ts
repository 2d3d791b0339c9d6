/**
 * How a node leaves office in good order.
 *
 * @module
 */
import type { Consensus } from "../consensus/consensus.ts";
import { STOP_PATIENCE_MS } from "../limits.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { DriverLoop } from "./driver_loop.ts";

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
