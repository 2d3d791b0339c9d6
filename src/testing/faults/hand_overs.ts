/**
 * What operators do to a leader on purpose.
 *
 * @module
 */
import { RaftError } from "../../errors.ts";
import { drawMomentMs, drawNode, type FaultScene, isolate } from "./fault_scene.ts";
import { readAt } from "./local_reader.ts";

/**
 * Leadership is to go to a node, to a voter or not, or to the one that is furthest. It is read at
 * the leader meanwhile, which may be cut off before it hears that another one leads.
 */
export function leadershipTransfer(scene: FaultScene): void {
  const { cluster, prng } = scene;
  const target = prng.pick([null, ...cluster.nodes.map(({ id }) => id)]);
  const { leader } = cluster;
  const running = leader?.running ?? null;
  if (leader === null || running === null) return;
  scene.note(`node ${running.nodeId} is to hand over to ${target ?? "whoever is furthest"}`);
  running.raft.transferLeadership(target).catch((error) => {
    if (!(error instanceof RaftError)) throw error;
  });
  readAt(scene, leader);
  if (prng.chance(0.5)) scene.after(drawMomentMs(prng), () => isolate(scene, leader));
}

/** A node is asked to stop: a leader hands over first. */
export function gracefulStop(scene: FaultScene): void {
  const node = drawNode(scene);
  const { running } = node;
  if (running === null || !node.up) return;
  scene.note(`node ${node.id} is asked to stop`);
  void running.stop({ handOver: true });
}
