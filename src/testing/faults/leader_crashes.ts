/**
 * Faults that aim at the leader at work.
 *
 * @module
 */
import type { SimulatedNode } from "../simulated_cluster.ts";
import { crashFor, drawDownMs, drawMomentMs, type FaultScene, isolate } from "./fault_scene.ts";
import { readAt } from "./local_reader.ts";

/** The leader ends in the middle of a batch: some followers have it, some have not. */
export function leaderCrashInBatch(scene: FaultScene): void {
  const { cluster, prng } = scene;
  const skipped = prng.range(0, 8);
  let seen = 0;
  const tap = {
    appended: (node: SimulatedNode): void => {
      if (node !== cluster.leader || seen++ !== skipped) return;
      cluster.taps.delete(tap);
      scene.after(drawMomentMs(prng), () => {
        if (prng.chance(0.3)) isolate(scene, node);
        else {
          const kind = prng.pick(["kill", "power_loss"] as const);
          crashFor(scene, node, { kind, downMs: drawDownMs(scene) });
        }
      });
    },
  };
  cluster.taps.add(tap);
  scene.mend(() => cluster.taps.delete(tap));
}

/** The leader alone is cut off: it goes on for a while, and another one is elected. */
export function leaderIsolation(scene: FaultScene): void {
  const { leader } = scene.cluster;
  if (leader === null) return;
  isolate(scene, leader);
  readAt(scene, leader);
}

/**
 * The leader is cut off, and as soon as another one has led for a while, that one is ended or cut
 * off as well and the first comes back: whose log wins now?
 */
export function leaderSwap(scene: FaultScene): void {
  const { cluster, prng } = scene;
  const first = cluster.leader;
  if (first === null) return;
  const mends: (() => void)[] = [];
  isolate({ ...scene, mend: (action) => mends.push(action) }, first);
  readAt(scene, first);
  const bringBack = (): void => mends.splice(0).forEach((action) => action());
  scene.mend(bringBack);
  const reignMs = prng.pick([0, 1, 5, 50, 300]) * prng.fraction();
  const tap = {
    roleChanged: (node: SimulatedNode, { role }: { readonly role: string }): void => {
      if (role !== "leader" || node === first) return;
      cluster.taps.delete(tap);
      scene.after(reignMs, () => {
        if (prng.chance(0.5)) isolate(scene, node);
        else crashFor(scene, node, { kind: "power_loss", downMs: scene.lastsMs });
        scene.note(`node ${first.id} is back`);
        bringBack();
      });
    },
  };
  cluster.taps.add(tap);
  scene.mend(() => cluster.taps.delete(tap));
}
