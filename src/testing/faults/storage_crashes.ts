/**
 * Losses of power at the moments that storage cares about.
 *
 * @module
 */
import type { DiskCall, DiskVerdict } from "../disk_faults.ts";
import { DATA_PATH, type SimulatedNode } from "../simulated_cluster.ts";
import { drawDownMs, drawNode, type FaultAction, type FaultScene } from "./fault_scene.ts";

/** A moment in the calls to a disk. */
interface CrashPoint {
  readonly name: string;
  /** Whether this call is the one. */
  readonly matches: (call: DiskCall) => boolean;
  readonly verdict: "crash-before" | "crash-after";
  readonly downMs: number;
}

const HARD_STATE_PATH = `${DATA_PATH}/hard_state`;
const LOG_PATH = `${DATA_PATH}/log/`;

/** Power fails when entries were written and their sync is not done. */
export const crashBeforeSync: FaultAction = (scene) => {
  const verdict = scene.prng.pick(["crash-after", "crash-before"] as const);
  const kind = verdict === "crash-after" ? "write" : "sync";
  armRandom(scene, {
    name: "before a sync of the log",
    matches: (call) => call.kind === kind && call.path.startsWith(LOG_PATH),
    verdict,
  });
};

/** Power fails when entries were synced and nobody was told. */
export const crashAfterSync: FaultAction = (scene) => {
  armRandom(scene, {
    name: "after a sync of the log",
    matches: (call) => call.kind === "sync" && call.path.startsWith(LOG_PATH),
    verdict: "crash-after",
  });
};

/** Power fails while term and vote are written. */
export const crashInHardState: FaultAction = (scene) => {
  armHardStateCrash(scene, drawNode(scene), drawDownMs(scene));
};

/** Power fails while files are made, renamed or removed. */
export const crashInDirectory: FaultAction = (scene) => {
  const kinds = new Set(["open", "rename", "remove", "syncDirectory", "truncate"]);
  armRandom(scene, {
    name: "in a change of files",
    matches: (call) => kinds.has(call.kind),
    verdict: scene.prng.pick(["crash-before", "crash-after"] as const),
  });
};

/** Ends a node in one of the next writes and syncs of its hard state. */
export function armHardStateCrash(scene: FaultScene, node: SimulatedNode, downMs: number): void {
  const skipped = scene.prng.range(0, 3);
  let seen = 0;
  arm(scene, node, {
    name: "in a write of the hard state",
    matches: ({ kind, path }) =>
      (kind === "write" || kind === "sync") && path.startsWith(HARD_STATE_PATH) &&
      seen++ === skipped,
    verdict: scene.prng.pick(["crash-before", "crash-after"] as const),
    downMs,
  });
}

function armRandom(scene: FaultScene, point: Omit<CrashPoint, "downMs">): void {
  const skipped = scene.prng.range(0, 5);
  let seen = 0;
  arm(scene, drawNode(scene), {
    ...point,
    matches: (call) => point.matches(call) && seen++ === skipped,
    downMs: drawDownMs(scene),
  });
}

/** Ends the machine at the first call that matches, and starts it again later. */
function arm(scene: FaultScene, node: SimulatedNode, point: CrashPoint): void {
  const { faults } = node.machine.disk;
  const watch = (call: DiskCall): DiskVerdict => {
    if (!point.matches(call)) return "ok";
    disarm();
    scene.note(`power loss of node ${node.id} ${point.name}`);
    // A crash after a call comes when the call is done: the time down counts from there.
    const tap = {
      crashed: (crashed: SimulatedNode): void => {
        if (crashed !== node) return;
        scene.cluster.taps.delete(tap);
        scene.cluster.startAfter(node, point.downMs);
      },
    };
    scene.cluster.taps.add(tap);
    return point.verdict;
  };
  const disarm = (): void => {
    if (faults.onCall === watch) faults.onCall = null;
  };
  faults.onCall = watch;
  scene.mend(disarm);
}
