/**
 * What operators do to a leader on purpose.
 *
 * @module
 */
import { RaftError } from "../../errors.ts";
import { drawNode, type FaultScene } from "./fault_scene.ts";

/** Leadership is to go to a node, to a voter or not, or to the one that is furthest. */
export function leadershipTransfer(scene: FaultScene): void {
  const { cluster, prng } = scene;
  const target = prng.pick([null, ...cluster.nodes.map(({ id }) => id)]);
  const running = cluster.leader?.running ?? null;
  if (running === null) return;
  scene.note(`node ${running.nodeId} is to hand over to ${target ?? "whoever is furthest"}`);
  running.raft.transferLeadership(target).catch((error) => {
    if (!(error instanceof RaftError)) throw error;
  });
}

/** A node is asked to stop: a leader hands over first. */
export function gracefulStop(scene: FaultScene): void {
  const node = drawNode(scene);
  const { running } = node;
  if (running === null || !node.up) return;
  scene.note(`node ${node.id} is asked to stop`);
  void running.stop({ handOver: true });
}
