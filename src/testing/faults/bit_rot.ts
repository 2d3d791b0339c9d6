/**
 * A bit of a file flips at rest. The node has a second copy of the byte, mends it and says so, or
 * refuses to start: it never serves what it cannot trust. There are never more such nodes than a
 * quorum can spare, so the others go on.
 *
 * @module
 */
import { isRefusing, type Rot, type SimulatedNode } from "../simulated_cluster.ts";
import { crashFor, type FaultScene } from "./fault_scene.ts";

/** Flips a bit of the log, or of the hard state, mostly with a restart that will find it. */
export function bitRot(scene: FaultScene): void {
  const { cluster, prng } = scene;
  const node = prng.pick(cluster.nodes);
  const rot = drawRot(scene, node);
  if (rot === null || !canSpare(scene) || node.rot !== null) return;
  if (prng.chance(0.8)) crashFor(scene, node, { kind: "kill", downMs: prng.range(10, 100) });
  scene.note(`a bit of node ${node.id} rots: ${rot.path} at ${rot.offset}`);
  node.machine.disk.corrupt(rot);
  node.rot = rot;
  const getsBack = prng.chance(0.5);
  scene.mend(() => {
    // Only where the node has written nothing since: else the byte may be another one by now.
    if (!getsBack || !isRefusing(node) || node.rot !== rot) return;
    scene.note(`node ${node.id} gets its bit back`);
    node.machine.disk.corrupt(rot);
    node.rot = null;
    cluster.start(node);
  });
}

/** Whether a quorum is left with one node fewer. */
function canSpare({ cluster }: FaultScene): boolean {
  return cluster.hasFormed && cluster.spareCount > 0;
}

function drawRot({ prng }: FaultScene, node: SimulatedNode): Rot | null {
  const { disk } = node.machine;
  const mask = 1 << prng.range(0, 7);
  const isLog = prng.chance(0.85);
  const names = isLog ? disk.list(`${node.dataPath}/log`) : ["../hard_state"];
  const name = names.length === 0 ? "" : prng.pick(names);
  const path = isLog ? `${node.dataPath}/log/${name}` : `${node.dataPath}/hard_state`;
  const content = name === "" ? null : disk.content(path);
  if (content === null) return null;
  let used = content.length;
  while (used > 0 && content[used - 1] === 0) used -= 1;
  if (used === 0) return null;
  const offset = prng.range(0, used - 1);
  return { path, offset, mask, mayHide: content[offset] === mask };
}
