/**
 * Every kind of fault.
 *
 * To add one: write a {@linkcode FaultAction} in a file of this folder, alone or beside its kin,
 * and name it here. The action is called once for each fault of its kind, when its time comes. It
 *
 * - draws from `scene.prng` and from nothing else, so that leaving a fault out shifts no other;
 * - says what it does by `scene.note`, for the timeline;
 * - undoes what it did by `scene.mend`, which also runs when the time of faults ends: from then on
 *   the cluster must be able to serve;
 * - waits for its moment by `scene.after` or a tap of the cluster, and acts from an event of the
 *   world, never within the code of a node;
 * - does nothing where there is nothing to harm, and never harms more than the cluster promises to
 *   bear.
 *
 * What is done to a cluster on purpose, such as a change of its members, is an action as well: give
 * it a kind here, and a seed will mix it with everything else.
 *
 * @module
 */
import { bitRot } from "./bit_rot.ts";
import { clockDrift, clockStep, lateTimers, slightClockDrift } from "./clocks.ts";
import { crashLoop, kill, pause, powerLoss, powerLossOfAll } from "./crashes.ts";
import { damagedRejoin } from "./damaged_rejoin.ts";
import { deposedLeader } from "./deposed_leader.ts";
import { diskErrors, diskFull, diskStall, earlyWriteBack, slowDisk, syncError } from "./disks.ts";
import { electionCrash } from "./election_crash.ts";
import { electionStorm } from "./election_storm.ts";
import type { FaultAction } from "./fault_scene.ts";
import { gracefulStop, leadershipTransfer } from "./hand_overs.ts";
import { leaderCrashInBatch, leaderIsolation, leaderSwap } from "./leader_crashes.ts";
import { memberDemotion, memberRemoval } from "./members.ts";
import { frameDuplication, frameLoss, frameReorder, slowNetwork } from "./messages.ts";
import { lateEntries } from "./late_entries.ts";
import {
  flappingPartition,
  halfOpenResets,
  oneWayPartition,
  partition,
  raggedPartition,
  resets,
  slowLink,
} from "./partitions.ts";
import {
  crashAfterSync,
  crashBeforeSync,
  crashInDirectory,
  crashInHardState,
} from "./storage_crashes.ts";

/** The kinds of faults by name. The order counts: seeds draw from it. */
export const faultActions = {
  kill,
  "power_loss": powerLoss,
  "power_loss_of_all": powerLossOfAll,
  "crash_loop": crashLoop,
  "crash_before_sync": crashBeforeSync,
  "crash_after_sync": crashAfterSync,
  "crash_in_hard_state": crashInHardState,
  "crash_in_directory": crashInDirectory,
  "election_crash": electionCrash,
  "election_storm": electionStorm,
  "leader_crash_in_batch": leaderCrashInBatch,
  "leader_isolation": leaderIsolation,
  "leader_swap": leaderSwap,
  pause,
  partition,
  "one_way_partition": oneWayPartition,
  "ragged_partition": raggedPartition,
  "flapping_partition": flappingPartition,
  resets,
  "half_open_resets": halfOpenResets,
  "frame_loss": frameLoss,
  "frame_reorder": frameReorder,
  "frame_duplication": frameDuplication,
  "slow_network": slowNetwork,
  "slow_link": slowLink,
  "slow_disk": slowDisk,
  "disk_stall": diskStall,
  "sync_error": syncError,
  "disk_errors": diskErrors,
  "disk_full": diskFull,
  "early_write_back": earlyWriteBack,
  "bit_rot": bitRot,
  "clock_step": clockStep,
  "clock_drift": clockDrift,
  "late_timers": lateTimers,
  "member_removal": memberRemoval,
  "member_demotion": memberDemotion,
  "slight_clock_drift": slightClockDrift,
  "leadership_transfer": leadershipTransfer,
  "graceful_stop": gracefulStop,
  "deposed_leader": deposedLeader,
  "late_entries": lateEntries,
  "damaged_rejoin": damagedRejoin,
} satisfies Readonly<Record<string, FaultAction>>;

/** The name of a kind of fault. */
export type FaultKind = keyof typeof faultActions;

/** The names of all kinds. */
export const faultKinds = Object.keys(faultActions) as readonly FaultKind[];

/** The kinds that need every connection to be cut into frames. */
export const frameFaultKinds: readonly FaultKind[] = [
  "frame_loss",
  "frame_reorder",
  "frame_duplication",
];
