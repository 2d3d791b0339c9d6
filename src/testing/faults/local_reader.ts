/**
 * An application in the process of a node that reads there again and again: it sees what a node
 * serves that leads no longer and does not know it. A client from outside rarely asks one in time.
 *
 * @module
 */
import { RaftError } from "../../errors.ts";
import { encodeKvQuery } from "../../wire/kv_codec.ts";
import type { SimulatedNode } from "../simulated_cluster.ts";
import type { FaultScene } from "./fault_scene.ts";

const READS_MAX = 150;
const STALE_READS = 25;
const STALE_READS_EVERY_MS = 1;
const QUERY = encodeKvQuery({ type: "get", key: new TextEncoder().encode("local") });

/** Reads at a node until the fault is mended, as far as its process lives and runs. */
export function readAt(scene: FaultScene, node: SimulatedNode): void {
  const own = node.machine.runtime?.process;
  const { running } = node;
  if (own === undefined || running === null) return;
  const pauseMs = scene.prng.pick([5, 20, 60]);
  const consistency = scene.cluster.leaseReads && scene.prng.chance(0.7) ? "lease" : "linearizable";
  const { checkers, defects } = scene.cluster;
  let left = READS_MAX;
  const read = (): void => {
    if (left === 0) return;
    left -= 1;
    const { committedIndex } = checkers.quorumRule;
    const label = `${consistency} read in the process of node ${node.id}`;
    running.raft.query(QUERY, { consistency, maxAgeMs: 0 }).then(({ index }) => {
      checkers.onRead({ committedIndex, index, servedBy: node.id, label });
    }).catch((error) => {
      if (!(error instanceof RaftError)) defects.push(error);
    });
    readStale(scene, node, running);
    if (own.alive) own.schedule(read, 2 * pauseMs * scene.prng.fraction());
  };
  own.schedule(read, 0);
  scene.mend(() => {
    left = 0;
  });
}

/** Reads at a node that goes on after a pause, while it works off what has waited for it. */
export function readStaleAfterPause(scene: FaultScene, node: SimulatedNode): void {
  const own = node.machine.runtime?.process;
  const { running } = node;
  if (own === undefined || running === null || !own.alive) return;
  for (let count = 0; count < STALE_READS; count += 1) {
    own.schedule(() => readStale(scene, node, running), count * STALE_READS_EVERY_MS);
  }
}

/** One read of the state as it is: it is no older than is said. */
function readStale(
  scene: FaultScene,
  node: SimulatedNode,
  running: NonNullable<SimulatedNode["running"]>,
): void {
  const { checkers, defects } = scene.cluster;
  const askedAtMs = scene.world.scheduler.nowMs;
  const { slowestRate: rate } = node.machine.clock;
  running.raft.query(QUERY, { consistency: "stale", maxAgeMs: 0 }).then(({ index, ageMs }) => {
    checkers.staleAge.onStaleRead({ askedAtMs, ageMs, rate, index, servedBy: node.id });
  }).catch((error) => {
    if (!(error instanceof RaftError)) defects.push(error);
  });
}
