/**
 * What one fault has to work with.
 *
 * @module
 */
import type { FrameFaults } from "../frame_faults.ts";
import type { Prng } from "../prng.ts";
import { machineName, type SimulatedCluster, type SimulatedNode } from "../simulated_cluster.ts";
import type { SimulatedWorld } from "../simulated_runtime.ts";

/** One fault in one run. */
export interface FaultScene {
  readonly world: SimulatedWorld;
  readonly cluster: SimulatedCluster;
  /** What happens to whole messages. */
  readonly frames: FrameFaults;
  /** This fault's own: what it draws shifts nobody else's draws. */
  readonly prng: Prng;
  /** How long the fault lasts, in milliseconds. */
  readonly lastsMs: number;
  /** Writes a line of the timeline, with the number of the fault. */
  note(text: string): void;
  /** Does something later, unless the time of faults is over by then. */
  after(delayMs: number, action: () => void): void;
  /** Undoes something when the fault has lasted, or with the end of all faults. */
  mend(action: () => void): void;
}

/** Does one fault: at once, or when the moment comes that it waits for. */
export type FaultAction = (scene: FaultScene) => void;

/** A fraction of a millisecond as often as a few, so that it falls between what follows at once. */
export function drawMomentMs(prng: Prng): number {
  const longestMs = prng.pick([0, 0.25, 1, 4, 16]);
  return longestMs * prng.fraction();
}

/** One of the nodes: often the leader, on whom most depends. */
export function drawNode({ cluster, prng }: FaultScene): SimulatedNode {
  const leader = prng.chance(0.4) ? cluster.leader : null;
  const other = prng.pick(cluster.nodes);
  return leader ?? other;
}

/** How long a node that a fault has ended stays down: often only for a moment. */
export function drawDownMs({ prng, lastsMs }: FaultScene): number {
  return prng.chance(0.5) ? prng.range(0, 40) : lastsMs;
}

/** Ends a node and starts it again, unless it is down already. */
export function crashFor(
  scene: FaultScene,
  node: SimulatedNode,
  crash: { readonly kind: "kill" | "power_loss"; readonly downMs: number },
): void {
  if (!node.up) return;
  scene.note(`${crash.kind} of node ${node.id} for ${Math.round(crash.downMs)} ms`);
  scene.cluster.crash(node, crash.kind);
  scene.cluster.startAfter(node, crash.downMs);
}

/** The names of all machines but one node's, clients with them where `withClients`. */
export function othersThan(
  { world, cluster }: FaultScene,
  node: SimulatedNode,
  withClients = false,
): string[] {
  const names = withClients
    ? world.machines.map((machine) => machine.name)
    : cluster.nodes.map(({ id }) => machineName(id));
  return names.filter((name) => name !== machineName(node.id));
}

/** Cuts a node off from the others, both ways or one way, until the fault is mended. */
export function isolate(scene: FaultScene, node: SimulatedNode): void {
  const { prng, world } = scene;
  const others = othersThan(scene, node, prng.chance(0.25));
  if (others.length === 0) return;
  const alone = [machineName(node.id)];
  const way = prng.pick(["both", "both", "out", "in"]);
  const selection = way === "in"
    ? { from: others, to: alone, bothWays: false }
    : { from: alone, to: others, bothWays: way === "both" };
  scene.note(`node ${node.id} is cut off (${way === "both" ? "both ways" : `${way}going`})`);
  world.network.cut(selection);
  scene.mend(() => world.network.mend(selection));
}
