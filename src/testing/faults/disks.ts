/**
 * Faults of disks that do not end the machine by themselves.
 *
 * @module
 */
import { calmDisk } from "../disk_faults.ts";
import { drawNode, type FaultScene } from "./fault_scene.ts";

/** Syncs take long. */
export function slowDisk(scene: FaultScene): void {
  const node = drawNode(scene);
  const { faults } = node.machine.disk;
  const typicalMs = scene.prng.pick([5, 30, 150]);
  scene.note(`slow disk of node ${node.id}, ${typicalMs} ms a sync`);
  faults.syncLatency = { minMs: typicalMs / 4, typicalMs, tailChance: 0.1, tailMs: 10 * typicalMs };
  scene.mend(() => {
    faults.syncLatency = calmDisk().syncLatency;
  });
}

/** No sync and no read is answered for a while. */
export function diskStall(scene: FaultScene): void {
  const node = drawNode(scene);
  scene.note(`disk of node ${node.id} stalls for ${scene.lastsMs} ms`);
  node.machine.disk.stall(scene.lastsMs);
}

/** The next sync fails: what it was to make durable may be lost. */
export function syncError(scene: FaultScene): void {
  const node = drawNode(scene);
  scene.note(`the next sync of node ${node.id} fails`);
  node.machine.disk.failNextSync();
}

/** Some writes fail with part of their bytes written, some reads fail. */
export function diskErrors(scene: FaultScene): void {
  const node = drawNode(scene);
  const { faults } = node.machine.disk;
  const kind = scene.prng.pick(["writeErrorChance", "readErrorChance"] as const);
  scene.note(`${kind === "writeErrorChance" ? "writes" : "reads"} of node ${node.id} fail`);
  faults[kind] = scene.prng.pick([0.01, 0.1]);
  scene.mend(() => {
    faults[kind] = 0;
  });
}

/**
 * Disks are full for a while, perhaps a long one: one node's, some nodes', or all. Whoever filled
 * them may have more than what is free: then what a node removes gives it no room.
 */
export function diskFull(scene: FaultScene): void {
  const { prng, cluster } = scene;
  const count = prng.pick([1, 1, 2, cluster.nodes.length]);
  const nodes = count === 1 ? [drawNode(scene)] : prng.shuffle([...cluster.nodes]).slice(0, count);
  const leftBytes = prng.pick([-200_000, -200_000, 0, 4_096, 65_536, 200_000]);
  const lastsMs = prng.pick([scene.lastsMs, 5_000, 20_000]);
  const ids = nodes.map(({ id }) => id).join(", ");
  scene.note(`disks of nodes ${ids} are full for ${lastsMs} ms, ${leftBytes} bytes left`);
  for (const { machine: { disk } } of nodes) {
    disk.faults.capacityBytes = disk.usedBytes + leftBytes;
    scene.after(lastsMs, () => disk.faults.capacityBytes = Infinity);
  }
}

/** The kernel writes back early and in any order: the next loss of power tears what is written. */
export function earlyWriteBack(scene: FaultScene): void {
  scene.note("kernels write back early");
  for (const { machine } of scene.cluster.nodes) machine.disk.faults.writeBackChance = 0.9;
  scene.mend(() => {
    for (const { machine } of scene.cluster.nodes) {
      machine.disk.faults.writeBackChance = calmDisk().writeBackChance;
    }
  });
}
