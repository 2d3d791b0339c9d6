/**
 * A leader that reads what it sends from a slow disk, and is deposed meanwhile: what it read may be
 * what a later leader wrote.
 *
 * @module
 */
import { calmDisk } from "../disk_faults.ts";
import type { SimulatedNode } from "../simulated_cluster.ts";
import { type FaultScene, isolate } from "./fault_scene.ts";

/** Slows the leader's reads, cuts it off a while later, and has it back once another one leads. */
export function lateEntries(scene: FaultScene): void {
  const { cluster, prng } = scene;
  const { leader } = cluster;
  if (leader === null || cluster.nodes.length < 2) return;
  const { faults } = leader.machine.disk;
  const typicalMs = prng.pick([200, 500, 1_000]);
  scene.note(`slow reads of leader ${leader.id}, ${typicalMs} ms each`);
  faults.readLatency = { minMs: typicalMs / 2, typicalMs, tailChance: 0.3, tailMs: 3 * typicalMs };
  const mends: (() => void)[] = [];
  const bringBack = (): void => mends.splice(0).forEach((action) => action());
  scene.mend(() => {
    faults.readLatency = calmDisk().readLatency;
    bringBack();
  });
  const tap = {
    roleChanged: (node: SimulatedNode, { role }: { readonly role: string }): void => {
      if (role !== "leader" || node === leader) return;
      cluster.taps.delete(tap);
      scene.after(typicalMs * prng.fraction() / 4, bringBack);
    },
  };
  scene.mend(() => cluster.taps.delete(tap));
  scene.after(2 * typicalMs * prng.fraction(), () => {
    if (cluster.leader !== leader) return;
    isolate({ ...scene, mend: (action) => mends.push(action) }, leader);
    cluster.taps.add(tap);
  });
}
