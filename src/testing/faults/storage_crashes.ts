/**
 * Losses of power at the moments that storage cares about.
 *
 * @module
 */
import type { DiskCall, DiskVerdict } from "../disk_faults.ts";
import type { SimulatedNode } from "../simulated_cluster.ts";
import { crashFor, drawDownMs, drawNode, type FaultScene, isolate } from "./fault_scene.ts";

/** A moment in the calls to a disk. */
interface CrashPoint {
  readonly name: string;
  /** Whether this call is the one. */
  readonly matches: (call: DiskCall) => boolean;
  readonly verdict: "crash-before" | "crash-after";
  readonly downMs: number;
}

/** Parts of the paths in any data directory. */
const HARD_STATE_NAME = "/hard_state";
const LOG_NAME = "/log/";

/** Power fails when entries were written and their sync is not done. */
export function crashBeforeSync(scene: FaultScene): void {
  const verdict = scene.prng.pick(["crash-after", "crash-before"] as const);
  const kind = verdict === "crash-after" ? "write" : "sync";
  armRandom(scene, {
    name: "before a sync of the log",
    matches: (call) => call.kind === kind && call.path.includes(LOG_NAME),
    verdict,
  });
}

/** Power fails when entries were synced and nobody was told. */
export function crashAfterSync(scene: FaultScene): void {
  armRandom(scene, {
    name: "after a sync of the log",
    matches: (call) => call.kind === "sync" && call.path.includes(LOG_NAME),
    verdict: "crash-after",
  });
}

/** Power fails while term and vote are written, in the election that follows a leader's end. */
export function crashInHardState(scene: FaultScene): void {
  const { leader, nodes } = scene.cluster;
  armHardStateCrash(scene, scene.prng.pick(nodes), drawDownMs(scene));
  if (leader === null) return;
  if (scene.prng.chance(0.5)) isolate(scene, leader);
  else crashFor(scene, leader, { kind: "kill", downMs: drawDownMs(scene) });
}

/** Power fails while files are made, renamed or removed. */
export function crashInDirectory(scene: FaultScene): void {
  const kinds = new Set(["open", "rename", "remove", "syncDirectory", "truncate"]);
  armRandom(scene, {
    name: "in a change of files",
    matches: (call) => kinds.has(call.kind),
    verdict: scene.prng.pick(["crash-before", "crash-after"] as const),
  });
}

/** Ends a node in one of the next writes and syncs of its hard state. */
export function armHardStateCrash(scene: FaultScene, node: SimulatedNode, downMs: number): void {
  const skipped = scene.prng.range(0, 3);
  let seen = 0;
  arm(scene, node, {
    name: "in a write of the hard state",
    matches: ({ kind, path }) =>
      (kind === "write" || kind === "sync") && path.includes(HARD_STATE_NAME) &&
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
