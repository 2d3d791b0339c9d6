/**
 * Faults of messages: lost, late, out of order, twice.
 *
 * @module
 */
import type { FrameVerdict, ObservedFrame } from "../network_faults.ts";
import { calmNetwork } from "../network_faults.ts";
import type { FaultScene } from "./fault_scene.ts";

/** Whole messages disappear from connections that stand. */
export function frameLoss(scene: FaultScene): void {
  disturb(scene, "frames are lost", () => ({ kind: "drop" }));
}

/** Whole messages are overtaken by later ones. */
export function frameReorder(scene: FaultScene): void {
  const { prng } = scene;
  const delayMsMax = prng.pick([2, 30, 300, 2_000]);
  disturb(scene, `frames are late by up to ${delayMsMax} ms`, () => ({
    kind: "delay",
    delayMs: prng.range(1, delayMsMax),
  }));
}

/**
 * Whole messages arrive twice. Not requests of clients: a stream brings each once, and "not
 * applied" is said of the one that it answers, so nobody could say it if another came later.
 */
export function frameDuplication(scene: FaultScene): void {
  disturb(
    scene,
    "frames arrive twice",
    ({ from }) => ({ kind: isNode(from) ? "duplicate" : "deliver" }),
  );
}

/** Everything takes long. */
export function slowNetwork(scene: FaultScene): void {
  const { faults } = scene.world.network;
  const typicalMs = scene.prng.range(5, 80);
  scene.note(`slow network, ${typicalMs} ms`);
  faults.latency = { minMs: typicalMs / 8, typicalMs, tailChance: 0.1, tailMs: 10 * typicalMs };
  scene.mend(() => {
    faults.latency = calmNetwork().latency;
  });
}

function isNode(host: string): boolean {
  return host.startsWith("node-");
}

function disturb(
  scene: FaultScene,
  what: string,
  verdict: (frame: ObservedFrame) => FrameVerdict,
): void {
  const { prng, frames } = scene;
  const chance = prng.pick([0.02, 0.1, 0.3]);
  const betweenNodes = prng.chance(0.7);
  scene.note(`${what} (${chance * 100} %${betweenNodes ? ", between nodes" : ""})`);
  scene.mend(frames.add((frame) => {
    const { from, to } = frame;
    if (betweenNodes && !(isNode(from) && isNode(to))) return { kind: "deliver" };
    return prng.chance(chance) ? verdict(frame) : { kind: "deliver" };
  }));
}
