/**
 * Faults of the wires between machines.
 *
 * @module
 */
import { machineName } from "../simulated_cluster.ts";
import type { LinkSelection } from "../simulated_network.ts";
import { drawNode, type FaultScene, othersThan } from "./fault_scene.ts";

/** The nodes fall into two parts, clients on either side. */
export function partition(scene: FaultScene): void {
  cut(scene, divide(scene, true), "partition");
}

/** One part hears the other and is not heard. */
export function oneWayPartition(scene: FaultScene): void {
  cut(scene, divide(scene, false), "one-way partition");
}

/** A wire that is cut and mended again and again. */
export function flappingPartition(scene: FaultScene): void {
  const { prng, world } = scene;
  const selection = divide(scene, prng.chance(0.7));
  const pauseMs = prng.pick([10, 50, 300]);
  scene.note(`flapping partition of ${describe(selection)}`);
  let isOver = false;
  const flap = (): void => {
    if (isOver) return;
    world.network.cut(selection);
    scene.after(prng.range(1, 4 * pauseMs), () => {
      world.network.mend(selection);
      scene.after(prng.range(1, pauseMs), flap);
    });
  };
  flap();
  scene.mend(() => {
    isOver = true;
    world.network.mend(selection);
  });
}

/** Some pairs of nodes do not reach each other, others do: no two nodes see the same cluster. */
export function raggedPartition(scene: FaultScene): void {
  const { cluster, prng, world } = scene;
  const names = cluster.nodes.map(({ id }) => machineName(id));
  const selections = names.flatMap((from) =>
    names.filter((to) => to !== from && prng.chance(0.3)).map((to) => ({
      from: [from],
      to: [to],
      bothWays: false,
    }))
  );
  scene.note(`ragged partition: ${selections.map(describe).join(", ") || "nothing cut"}`);
  for (const selection of selections) world.network.cut(selection);
  scene.mend(() => selections.forEach((selection) => world.network.mend(selection)));
}

/** Connections of one machine are reset. */
export function resets(scene: FaultScene): void {
  reset(scene, false);
}

/** Connections of one machine are reset, and one side does not learn of it. */
export function halfOpenResets(scene: FaultScene): void {
  reset(scene, true);
}

/** One machine is far away in one direction. */
export function slowLink(scene: FaultScene): void {
  const { prng, world } = scene;
  const node = drawNode(scene);
  const typicalMs = prng.range(5, 200);
  const latency = { minMs: typicalMs / 4, typicalMs, tailChance: 0.1, tailMs: 3 * typicalMs };
  const outgoing = prng.chance(0.5);
  const own = machineName(node.id);
  const links = othersThan(scene, node).map((other) =>
    outgoing ? world.network.link(own, other) : world.network.link(other, own)
  );
  scene.note(`slow ${outgoing ? "out" : "in"}going links of node ${node.id}, ${typicalMs} ms`);
  for (const link of links) link.latency = latency;
  scene.mend(() => {
    for (const link of links) link.latency = null;
  });
}

function divide({ cluster, prng, world }: FaultScene, bothWays: boolean): LinkSelection {
  const nodes = prng.shuffle(cluster.nodes.map(({ id }) => machineName(id)));
  const size = prng.range(Math.min(1, nodes.length - 1), Math.max(0, nodes.length - 1));
  const from = nodes.slice(0, size);
  const to = nodes.slice(size);
  // Clients that reach both sides see what a deposed leader says; others see one side alone.
  if (prng.chance(0.5)) {
    for (const { name } of world.machines) {
      if (!nodes.includes(name)) (prng.chance(0.5) ? from : to).push(name);
    }
  }
  return { from, to, bothWays };
}

function cut(scene: FaultScene, selection: LinkSelection, name: string): void {
  scene.note(`${name} of ${describe(selection)}`);
  scene.world.network.cut(selection);
  scene.mend(() => scene.world.network.mend(selection));
}

function describe({ from, to, bothWays }: LinkSelection): string {
  const arrow = bothWays === false ? "→" : "|";
  return `${from.join(" ")} ${arrow} ${to.join(" ")}`;
}

function reset(scene: FaultScene, halfOpen: boolean): void {
  const node = drawNode(scene);
  scene.note(`${halfOpen ? "half-open " : ""}resets of node ${node.id}`);
  scene.world.network.reset({ hosts: [machineName(node.id)], halfOpen });
}
