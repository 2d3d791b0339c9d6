/**
 * Faults of clocks.
 *
 * @module
 */
import { drawNode, type FaultScene } from "./fault_scene.ts";

const DAY_MS = 86_400_000;

/** Somebody sets the clock of the day, which nothing may depend on. */
export function clockStep(scene: FaultScene): void {
  const node = drawNode(scene);
  const byMs = scene.prng.pick([-1, 1]) * scene.prng.range(1, DAY_MS);
  scene.note(`clock of node ${node.id} is set by ${Math.round(byMs / 1000)} s`);
  node.machine.clock.stepWall(byMs);
}

/** What lease reads bear: together less than the tenth that a leader takes off. */
const SLIGHT_RATES = [0.96, 1.04];

/** The monotonic clock runs too fast or too slow: far too much, where no lease rests on it. */
export function clockDrift(scene: FaultScene): void {
  const node = drawNode(scene);
  const rate = scene.prng.pick(scene.cluster.leaseReads ? SLIGHT_RATES : [0.5, 0.875, 1.125, 2]);
  scene.note(`clock of node ${node.id} runs at ${rate}`);
  node.machine.clock.setRate(rate);
  scene.mend(() => node.machine.clock.setRate(1));
}

/** All monotonic clocks run a little too fast or too slow, as far as lease reads bear it. */
export function slightClockDrift(scene: FaultScene): void {
  for (const { machine } of scene.cluster.nodes) {
    machine.clock.setRate(scene.prng.pick([1, ...SLIGHT_RATES]));
    scene.mend(() => machine.clock.setRate(1));
  }
  scene.note("clocks run up to 4 % too fast or too slow");
}

/** Timers fire late, as on a busy machine. */
export function lateTimers(scene: FaultScene): void {
  const node = drawNode(scene);
  const latenessMs = scene.prng.pick([5, 50, 400]);
  scene.note(`timers of node ${node.id} fire up to ${latenessMs} ms late`);
  node.machine.clock.latenessMs = latenessMs;
  scene.mend(() => {
    node.machine.clock.latenessMs = 0;
  });
}
