/**
 * A leader that does not hear that it leads no longer, while an application in its process reads:
 * whatever it serves must be as fresh as what the next leader has committed.
 *
 * @module
 */
import type { Role } from "../../consensus/effects.ts";
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
  // Without clients nothing is written that would make the deaf node's log too old to win.
  const nodes = new Set(cluster.nodes.map(({ id }) => machineName(id)));
  const clients = world.machines.map(({ name }) => name).filter((name) => !nodes.has(name));
  const to = [machineName(deaf!.id), ...(prng.chance(0.7) ? clients : [])];
  const selection = { from: [machineName(leader.id)], to, bothWays: prng.chance(0.5) };
  scene.note(`leader ${leader.id} does not reach node ${deaf!.id}, and the others start anew`);
  world.network.cut(selection);
  scene.mend(() => world.network.mend(selection));
  // It stands again after about as long as it took it to stand: the others are back by then.
  const sinceMs = world.scheduler.nowMs;
  const tap = {
    roleChanged: (node: SimulatedNode, { role }: { readonly role: Role }): void => {
      if (node !== deaf || role !== "preCandidate") return;
      cluster.taps.delete(tap);
      const patienceMs = world.scheduler.nowMs - sinceMs;
      scene.after(patienceMs * prng.fraction(), () => {
        // Else they hear it again at once, and refuse others for that.
        if (prng.chance(0.8)) isolate(scene, leader);
        for (const node of voters) {
          const kind = prng.pick(["kill", "power_loss"] as const);
          crashFor(scene, node, { kind, downMs: prng.range(0, 10) });
        }
      });
    },
  };
  cluster.taps.add(tap);
  scene.mend(() => cluster.taps.delete(tap));
}
