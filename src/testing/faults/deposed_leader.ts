/**
 * A leader that does not hear that it leads no longer, while an application in its process reads:
 * whatever it serves must be as fresh as what the next leader has committed.
 *
 * @module
 */
import { machineName, type SimulatedNode } from "../simulated_cluster.ts";
import { crashFor, type FaultScene, isolate } from "./fault_scene.ts";
import { readAt } from "./local_reader.ts";

/** Deposes the leader in one of the ways in which it learns of it late. */
export function deposedLeader(scene: FaultScene): void {
  const { cluster, prng } = scene;
  const { leader } = cluster;
  if (leader === null || cluster.nodes.length < 2) return;
  readAt(scene, leader);
  const ways = [isolate, freeze, forgetfulVoters, forgetfulVoters];
  prng.pick(ways)(scene, leader);
}

/** It stands still, and its first act afterwards may be to answer a read. */
function freeze(scene: FaultScene, leader: SimulatedNode): void {
  scene.note(`leader ${leader.id} stands still for ${scene.lastsMs} ms`);
  const frozen = leader.machine.runtime?.process;
  frozen?.pause();
  scene.mend(() => frozen?.resume());
}

/** One node does not hear it, and those that do start anew: they must know what they promised. */
function forgetfulVoters(scene: FaultScene, leader: SimulatedNode): void {
  const { cluster, prng, world } = scene;
  const [deaf, ...voters] = prng.shuffle(cluster.nodes.filter((node) => node !== leader));
  const selection = {
    from: [machineName(leader.id)],
    to: [machineName(deaf!.id)],
    bothWays: prng.chance(0.5),
  };
  scene.note(`leader ${leader.id} does not reach node ${deaf!.id}, and the others start anew`);
  world.network.cut(selection);
  let isOver = false;
  scene.mend(() => {
    isOver = true;
    world.network.mend(selection);
  });
  const restart = (): void => {
    if (isOver) return;
    for (const node of voters) {
      const kind = prng.pick(["kill", "power_loss"] as const);
      if (prng.chance(0.7)) crashFor(scene, node, { kind, downMs: prng.range(0, 10) });
    }
    scene.after(prng.range(20, Math.max(20, scene.lastsMs)), restart);
  };
  scene.after(prng.range(0, scene.lastsMs), restart);
}
