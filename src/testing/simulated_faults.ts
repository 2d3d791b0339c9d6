/**
 * What goes wrong in a simulated cluster, and when: one fault at a time on average, each mended
 * after a while, all drawn from the seed.
 *
 * @module
 */
import type { Prng } from "./prng.ts";
import { calmDisk } from "./disk_faults.ts";
import { calmNetwork, type FrameVerdict } from "./network_faults.ts";
import { machineName, type SimulatedCluster, type SimulatedNode } from "./simulated_cluster.ts";
import type { SimulatedWorld } from "./simulated_runtime.ts";

/** The kinds of faults. */
export const faultKinds = [
  "kill",
  "power_loss",
  "power_loss_of_all",
  "pause",
  "partition",
  "one_way_partition",
  "resets",
  "half_open_resets",
  "frame_loss",
  "frame_disorder",
  "slow_network",
  "slow_disk",
  "disk_stall",
  "sync_error",
  "clock_drift",
] as const;

/** One of {@linkcode faultKinds}. */
export type FaultKind = (typeof faultKinds)[number];

/** A fault that happened, for the timeline. */
export interface FaultEvent {
  readonly atMs: number;
  readonly text: string;
}

/** How often, and for how long. */
export interface SimulatedFaultsOptions {
  readonly world: SimulatedWorld;
  readonly cluster: SimulatedCluster;
  readonly kinds: readonly FaultKind[];
  /** The mean pause between two faults, in milliseconds. */
  readonly everyMs: number;
}

const LASTS_MS_MIN = 500;
const LASTS_MS_MAX = 9_000;

/** Does harm until it is told to stop. */
export class SimulatedFaults {
  /** What was done, in order. */
  readonly events: FaultEvent[] = [];
  readonly #options: SimulatedFaultsOptions;
  readonly #prng: Prng;
  #stopped = false;

  /** Plans the first fault. */
  constructor(options: SimulatedFaultsOptions) {
    this.#options = options;
    this.#prng = options.world.prng.fork("faults");
    if (options.kinds.length > 0) this.#plan();
  }

  /** Mends everything, and does no more harm. */
  stop(): void {
    this.#stopped = true;
    const { world, cluster } = this.#options;
    world.network.mendAll();
    Object.assign(world.network.faults, calmNetwork());
    for (const node of cluster.nodes) {
      Object.assign(node.machine.disk.faults, calmDisk());
      node.machine.clock.setRate(1);
      node.machine.runtime?.process.resume();
    }
    cluster.supervised = true;
    cluster.startAll();
    this.#note("faults end");
  }

  #plan(): void {
    const { world, everyMs } = this.#options;
    world.scheduler.schedule(() => {
      if (this.#stopped) return;
      const lastsMs = this.#prng.range(LASTS_MS_MIN, LASTS_MS_MAX);
      const mend = this.#harm(this.#prng.pick(this.#options.kinds));
      world.scheduler.schedule(() => {
        if (!this.#stopped) mend();
      }, lastsMs);
      this.#plan();
    }, this.#prng.range(everyMs / 2, (everyMs * 3) / 2));
  }

  /** Does one fault; what it returns mends it. */
  #harm(kind: FaultKind): () => void {
    const node = this.#prng.pick(this.#options.cluster.nodes);
    switch (kind) {
      case "kill":
      case "power_loss":
        return this.#crash([node], kind === "kill" ? "kill" : "power_loss");
      case "power_loss_of_all":
        return this.#crash(this.#options.cluster.nodes, "power_loss");
      case "pause":
        return this.#pause(node);
      case "partition":
      case "one_way_partition":
        return this.#partition(kind === "partition");
      case "resets":
      case "half_open_resets":
        return this.#reset(node, kind === "half_open_resets");
      case "frame_loss":
      case "frame_disorder":
        return this.#disturbFrames(kind);
      case "slow_network":
        return this.#slowNetwork();
      case "clock_drift":
        return this.#drift(node);
      default:
        return this.#disk(kind, node);
    }
  }

  #crash(nodes: readonly SimulatedNode[], kind: "kill" | "power_loss"): () => void {
    const { cluster } = this.#options;
    const victims = nodes.filter((node) => node.up);
    for (const node of victims) {
      this.#note(`${kind} of node ${node.id}`);
      cluster.crash(node, kind);
    }
    return () => {
      for (const node of victims) {
        if (node.up) continue;
        this.#note(`start of node ${node.id}`);
        cluster.start(node);
      }
    };
  }

  #pause(node: SimulatedNode): () => void {
    const paused = node.machine.runtime?.process;
    this.#note(`pause of node ${node.id}`);
    paused?.pause();
    return () => paused?.resume();
  }

  #partition(bothWays: boolean): () => void {
    const { world, cluster } = this.#options;
    const names = this.#prng.shuffle(cluster.nodes.map(({ id }) => machineName(id)));
    if (names.length < 2) return () => {};
    const size = this.#prng.range(1, names.length - 1);
    const selection = { from: names.slice(0, size), to: names.slice(size), bothWays };
    this.#note(`${bothWays ? "partition" : "one-way partition"} from ${selection.from.join(",")}`);
    world.network.cut(selection);
    return () => world.network.mend(selection);
  }

  #reset(node: SimulatedNode, halfOpen: boolean): () => void {
    const hosts = [machineName(node.id)];
    this.#note(`${halfOpen ? "half-open " : ""}resets of node ${node.id}`);
    this.#options.world.network.reset({ hosts, halfOpen });
    return () => {};
  }

  #disturbFrames(kind: FaultKind): () => void {
    const { faults } = this.#options.world.network;
    this.#note(kind);
    const prng = this.#prng.fork(`frames ${this.events.length}`);
    faults.frameFault = (): FrameVerdict => {
      if (!prng.chance(0.05)) return { kind: "deliver" };
      if (kind === "frame_loss") return { kind: "drop" };
      if (prng.chance(0.5)) return { kind: "duplicate" };
      return { kind: "delay", delayMs: prng.range(1, 300) };
    };
    // A connection keeps the fault that it was born with: end those that stand, now and afterwards.
    this.#options.world.network.reset();
    return () => {
      faults.frameFault = null;
      this.#options.world.network.reset();
    };
  }

  #slowNetwork(): () => void {
    const { faults } = this.#options.world.network;
    this.#note("slow network");
    faults.latency = { minMs: 5, typicalMs: 50, tailChance: 0.1, tailMs: 500 };
    return () => {
      faults.latency = calmNetwork().latency;
    };
  }

  #drift(node: SimulatedNode): () => void {
    const { clock } = node.machine;
    this.#note(`clock drift of node ${node.id}`);
    clock.setRate(this.#prng.pick([0.875, 1.125]));
    clock.stepWall(this.#prng.range(-86_400_000, 86_400_000));
    return () => clock.setRate(1);
  }

  #disk(kind: FaultKind, node: SimulatedNode): () => void {
    const { disk } = node.machine;
    this.#note(`${kind} of node ${node.id}`);
    if (kind === "disk_stall") {
      disk.stall(this.#prng.range(100, 4_000));
      return () => {};
    }
    if (kind === "sync_error") {
      disk.failNextSync();
      // The node ends by itself; somebody starts it again.
      return () => {
        if (!node.up) this.#options.cluster.start(node);
      };
    }
    disk.faults.syncLatency = { minMs: 5, typicalMs: 30, tailChance: 0.1, tailMs: 300 };
    return () => {
      disk.faults.syncLatency = calmDisk().syncLatency;
    };
  }

  #note(text: string): void {
    this.events.push({ atMs: this.#options.world.scheduler.nowMs, text });
  }
}
