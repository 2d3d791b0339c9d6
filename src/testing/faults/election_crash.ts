/**
 * Waits for an election and strikes within milliseconds, while votes are on their way.
 *
 * @module
 */
import type { Role } from "../../consensus/effects.ts";
import type { SimulatedNode } from "../simulated_cluster.ts";
import { crashFor, drawDownMs, drawMomentMs, type FaultScene, isolate } from "./fault_scene.ts";

/** Crashes, freezes or cuts off whoever changes its role, or somebody who may have voted. */
export function electionCrash(scene: FaultScene): void {
  const { cluster, prng } = scene;
  const awaited = prng.pick<Role>(["preCandidate", "candidate", "candidate", "leader", "leader"]);
  let left = prng.range(1, 3);
  scene.note(`waits for a ${awaited}`);
  const tap = {
    roleChanged: (node: SimulatedNode, { role }: { readonly role: Role }): void => {
      if (role !== awaited || left === 0) return;
      left -= 1;
      scene.after(drawMomentMs(prng), () => strike(scene, node));
    },
  };
  cluster.taps.add(tap);
  scene.mend(() => cluster.taps.delete(tap));
}

function strike(scene: FaultScene, subject: SimulatedNode): void {
  const { cluster, prng } = scene;
  const others = cluster.nodes.filter((node) => node !== subject);
  const victim = others.length > 0 && prng.chance(0.4) ? prng.pick(others) : subject;
  switch (prng.range(1, 5)) {
    case 1:
      crashFor(scene, victim, { kind: "kill", downMs: drawDownMs(scene) });
      break;
    case 2:
    case 3:
      crashFor(scene, victim, { kind: "power_loss", downMs: drawDownMs(scene) });
      break;
    default:
      isolate(scene, victim);
  }
}
