/**
 * What a driver loop is made of.
 *
 * @module
 */
import type { Consensus } from "../consensus/consensus.ts";
import type { SoftState } from "../consensus/effects.ts";
import type { NotLeaderError } from "../errors.ts";
import type { HardStateStore, Log } from "../log/log.ts";
import type { Clock, Random } from "../runtime/runtime.ts";
import type { CommandGate } from "../state_machine/command_gate.ts";
import type { Transport } from "../transport/transport.ts";
import type { LogTimeMs } from "../types.ts";
import type { AppliedPosition } from "./apply_loop.ts";
import type { RaftObserver } from "./observer.ts";
import type { Query } from "./reads.ts";
import type { SnapshotSettings } from "./snapshot_taker.ts";
import type { StateComparisonSettings } from "./state_comparison.ts";
import type { TimerOptions } from "./timers.ts";

/** What a loop drives. */
export interface DriverLoopOptions extends TimerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly consensus: Consensus;
  readonly log: Log;
  readonly hardState: HardStateStore;
  readonly gate: CommandGate;
  readonly transport: Transport;
  readonly observer: RaftObserver | undefined;
  /** The most bytes of entries in one message, or one entry that is larger. */
  readonly appendBytesMax?: number | undefined;
  /** How many bytes of recent entries stay in memory. */
  readonly tailCacheBytesMax?: number | undefined;
  /** The log time of the last entry. */
  readonly lastTimestampMs: LogTimeMs;
  /** What is in the state machine already. */
  readonly appliedPosition: AppliedPosition;
  /** What finds out whether the state is that of the others. */
  readonly states: StateComparisonSettings;
  /** Where snapshots go, and when they are taken. */
  readonly snapshots: SnapshotSettings;
  /** Answers a query from the state as it is. */
  readonly serveQuery: (query: Query) => void;
  readonly notLeader: () => NotLeaderError;
  readonly softState: (state: SoftState) => void;
  /** What the core knows of the members has changed; called at the end of a turn. */
  readonly membershipChanged: () => void;
  /** The node cannot go on; called once. */
  readonly failed: (error: Error) => void;
}
