/**
 * The first election of a node's life, where waiting for it would serve nobody.
 *
 * @module
 */
import type { Consensus } from "../consensus/consensus.ts";
import type { DataDirectory } from "../log/data_directory.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { DriverLoop } from "./driver_loop.ts";
import type { Members } from "./members.ts";
import { notePromises } from "./promises.ts";
import type { RaftTiming } from "./raft_options.ts";

/** Who stands, and when. */
export interface FirstElectionOptions extends RaftTiming {
  readonly consensus: Consensus;
  readonly driver: DriverLoop;
  readonly clock: Clock;
  /** The cluster was born just now: nobody can lead yet. */
  readonly isNewborn: boolean;
  /** The others are born within a few messages of this node. */
  readonly delayMs: number;
  readonly stopped: Promise<unknown>;
  readonly members: Pick<Members, "promisesAtMost">;
  readonly identity: Pick<DataDirectory["identity"], "promiseMs">;
}

/**
 * Elections need no patience where nobody else can lead yet: in a cluster of one, and in a cluster
 * that was just born, where one node goes first so that votes are not split. A timer may expire at
 * any moment, so this is as safe as waiting.
 */
export function hurryFirstElection(options: FirstElectionOptions): void {
  const { consensus, driver, clock, isNewborn, delayMs, stopped } = options;
  notePromises(options);
  const [first, ...others] = consensus.configuration.voters;
  if (first?.id !== consensus.nodeId) return;
  const expire = () => driver.input({ type: "timer", timer: "election" });
  // Not before the driver's first turn, which arms the timer and so makes an expiry void.
  if (others.length === 0) clock.defer(expire);
  else if (isNewborn) {
    const timer = clock.setTimer(expire, delayMs);
    void stopped.then(() => clock.clearTimer(timer));
  }
}
