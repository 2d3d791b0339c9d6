/**
 * Changes of the members while everything else goes on.
 *
 * @module
 */
import type { FaultScene } from "./fault_scene.ts";

/** Voters are removed; they come back with empty directories. */
export function memberRemoval(scene: FaultScene): void {
  takeOut(scene, "remove");
}

/** Voters become learners for a while. */
export function memberDemotion(scene: FaultScene): void {
  takeOut(scene, "demote");
}

function takeOut(scene: FaultScene, action: "remove" | "demote"): void {
  const { cluster, prng } = scene;
  const ids = prng.shuffle(cluster.nodes.map(({ id }) => id)).slice(0, prng.pick([1, 1, 2]));
  if (!cluster.hasFormed || ids.length > cluster.spareCount || cluster.leader === null) return;
  scene.note(`${action} node ${ids.join(" and ")}`);
  cluster.members.takeOut(ids, action);
  scene.mend(() => cluster.members.takeBack(ids));
}
