/**
 * Faults that end or freeze processes at any moment.
 *
 * @module
 */
import { crashFor, drawDownMs, drawNode, type FaultScene } from "./fault_scene.ts";
import { readAt, readStaleAfterPause } from "./local_reader.ts";

/** One process ends; its machine keeps what was written. */
export function kill(scene: FaultScene): void {
  crashFor(scene, drawNode(scene), { kind: "kill", downMs: drawDownMs(scene) });
}

/** One machine loses power, and with it what was not synced. */
export function powerLoss(scene: FaultScene): void {
  crashFor(scene, drawNode(scene), { kind: "power_loss", downMs: drawDownMs(scene) });
}

/** All machines lose power at once. */
export function powerLossOfAll(scene: FaultScene): void {
  const downMs = drawDownMs(scene);
  for (const node of scene.cluster.nodes) crashFor(scene, node, { kind: "power_loss", downMs });
}

/** One node, or each, crashes again and again with moments between. */
export function crashLoop(scene: FaultScene): void {
  const { cluster, prng } = scene;
  const victims = prng.chance(0.5) ? cluster.nodes : [drawNode(scene)];
  const rounds = prng.range(2, 6);
  const pauseMs = Math.max(20, Math.round(scene.lastsMs / rounds));
  const round = (left: number): void => {
    if (left === 0) return;
    const kind = prng.pick(["kill", "power_loss"] as const);
    for (const node of victims) crashFor(scene, node, { kind, downMs: prng.range(0, 40) });
    scene.after(prng.range(1, pauseMs), () => round(left - 1));
  };
  round(rounds);
}

/** One process stands still, and goes on as if nothing had been. */
export function pause(scene: FaultScene): void {
  const node = drawNode(scene);
  const paused = node.machine.runtime?.process;
  if (paused === undefined) return;
  scene.note(`pause of node ${node.id} for ${scene.lastsMs} ms`);
  if (node === scene.cluster.leader) readAt(scene, node);
  paused.pause();
  scene.mend(() => {
    paused.resume();
    readStaleAfterPause(scene, node);
  });
}
