/**
 * Elections without end, among voters that come and go: messages take about as long as an election
 * timeout, so that several nodes stand at the same time, whoever wins is cut off, and voters start
 * anew between two requests for their vote.
 *
 * @module
 */
import type { Role } from "../../consensus/effects.ts";
import { calmNetwork } from "../network_faults.ts";
import type { SimulatedNode } from "../simulated_cluster.ts";
import { crashFor, drawMomentMs, type FaultScene, isolate } from "./fault_scene.ts";
import { armHardStateCrash } from "./storage_crashes.ts";

/** Starts with the fall of the leader, and goes on for as long as the fault lasts. */
export function electionStorm(scene: FaultScene): void {
  const { cluster, prng, world } = scene;
  if (cluster.nodes.length < 2) return;
  const typicalMs = prng.pick([0.5, 5, 20, 60]);
  world.network.faults.latency = { minMs: 0.25, typicalMs, tailChance: 0.2, tailMs: 5 * typicalMs };
  scene.note(`election storm, messages take about ${typicalMs} ms`);
  const tap = {
    roleChanged: (node: SimulatedNode, { role }: { readonly role: Role }): void => {
      if (role === "candidate") {
        scene.after(drawMomentMs(prng) + typicalMs, () => shake(scene, node));
      }
      if (role === "leader" && prng.chance(0.7)) {
        scene.after(drawMomentMs(prng), () => isolateForAWhile(scene, node));
      }
    },
  };
  cluster.taps.add(tap);
  scene.mend(() => {
    cluster.taps.delete(tap);
    world.network.faults.latency = calmNetwork().latency;
  });
  const { leader } = cluster;
  if (leader !== null) isolateForAWhile(scene, leader);
}

/** Somebody who may just have voted forgets what is not on its disk. */
function shake(scene: FaultScene, candidate: SimulatedNode): void {
  const { cluster, prng } = scene;
  const voter = prng.pick(cluster.nodes.filter((node) => node !== candidate));
  if (prng.chance(0.4)) armHardStateCrash(scene, voter, prng.range(1, 20));
  else crashFor(scene, voter, { kind: "power_loss", downMs: prng.range(0, 10) });
}

function isolateForAWhile(scene: FaultScene, node: SimulatedNode): void {
  const mends: (() => void)[] = [];
  isolate({ ...scene, mend: (action) => mends.push(action) }, node);
  const mendAll = (): void => mends.forEach((action) => action());
  scene.after(scene.prng.range(100, 2_000), mendAll);
  scene.mend(mendAll);
}
