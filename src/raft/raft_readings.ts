/**
 * What is read off a node for its metrics.
 *
 * @module
 */
import type { Consensus } from "../consensus/consensus.ts";
import type { RaftReadings } from "../observability/node_readings.ts";
import type { CommandGate } from "../state_machine/command_gate.ts";
import type { DriverLoop } from "./driver_loop.ts";
import type { LeaderNews } from "./leader_news.ts";

/** Reads off a node that takes part in a cluster. */
export function readRaft(
  { consensus, driver, news, gate }: {
    readonly consensus: Consensus;
    readonly driver: DriverLoop;
    readonly news: LeaderNews;
    readonly gate: CommandGate;
  },
): RaftReadings {
  const { meters, taker, trouble, states, room, contact } = driver;
  const { stateAgeMs } = contact;
  return {
    durableIndex: consensus.status().durableIndex,
    leaderChanges: news.changesCount,
    stateAgeMs: Number.isFinite(stateAgeMs) ? stateAgeMs : null,
    syncs: meters.watchdog.durations.read(),
    proposals: meters.proposals.readings,
    snapshots: { ...taker.readings, ...trouble.readings },
    deviates: states.deviatesSince > 0,
    // Where room is lacking, a sync waits for it.
    isStalled: meters.watchdog.isStalled && !room.isFull,
    isFull: room.isFull,
    isRestoring: driver.isRestoring,
    sessions: gate.sessionCount,
    rememberedAnswers: gate.answerCount,
  };
}
