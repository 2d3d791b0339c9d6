/**
 * What goes wrong in a simulated cluster, and when: a row of faults, numbered from 1, each with
 * randomness of its own. A fault that is left out therefore changes no other: neither when it
 * comes, nor what it draws. That is what makes a failing run shrink.
 *
 * @module
 */
import { calmDisk } from "./disk_faults.ts";
import type { FaultScene } from "./faults/fault_scene.ts";
import { faultActions, type FaultKind, frameFaultKinds } from "./faults/fault_table.ts";
import { FrameFaults } from "./frame_faults.ts";
import { calmNetwork } from "./network_faults.ts";
import { machineName, type SimulatedCluster } from "./simulated_cluster.ts";
import type { SimulatedWorld } from "./simulated_runtime.ts";
import type { Timeline } from "./timeline.ts";

/** A fault that happened. */
export interface FaultEvent {
  /** Its place in the row: the name by which it is left out. */
  readonly number: number;
  readonly kind: FaultKind;
  readonly atMs: number;
}

/** How often what happens, and for how long. */
export interface FaultPlan {
  /** What may happen; nothing does where it is empty. */
  readonly kinds: readonly FaultKind[];
  /** The mean pause between two faults, in milliseconds. */
  readonly everyMs: number;
  readonly lastsMsMin: number;
  readonly lastsMsMax: number;
}

/** What {@linkcode SimulatedFaults} is made of. */
export interface SimulatedFaultsOptions extends FaultPlan {
  readonly world: SimulatedWorld;
  readonly cluster: SimulatedCluster;
  readonly timeline: Timeline;
  /** The faults that happen, by their numbers; all where null. */
  readonly only: ReadonlySet<number> | null;
}

/** Does harm until it is told to stop. */
export class SimulatedFaults {
  /** What was done, in order. */
  readonly events: FaultEvent[] = [];
  readonly #options: SimulatedFaultsOptions;
  readonly #frames = new FrameFaults();
  readonly #mends = new Set<() => void>();
  #stopped = false;

  /** Plans the first fault. */
  constructor(options: SimulatedFaultsOptions) {
    this.#options = options;
    const { kinds, world } = options;
    if (kinds.some((kind) => frameFaultKinds.includes(kind))) {
      this.#frames.install(world.network.faults);
    }
    if (kinds.length > 0) this.#plan(1);
  }

  /** Mends everything, and does no more harm. */
  stop(): void {
    this.#stopped = true;
    this.#options.timeline.add("faults end");
    const { world, cluster } = this.#options;
    for (const mend of this.#mends) mend();
    this.#mends.clear();
    this.#frames.clear();
    world.network.mendAll();
    Object.assign(world.network.faults, {
      ...calmNetwork(),
      frameFault: world.network.faults.frameFault,
    });
    for (const node of cluster.nodes) {
      Object.assign(node.machine.disk.faults, calmDisk());
      node.machine.clock.setRate(1);
      node.machine.clock.latenessMs = 0;
      for (const other of world.machines) {
        if (other === node.machine) continue;
        world.network.link(machineName(node.id), other.name).latency = null;
      }
      node.machine.runtime?.process.resume();
    }
    cluster.startAll();
  }

  #plan(number: number): void {
    const { world, everyMs, kinds, only } = this.#options;
    const prng = world.prng.fork(`fault ${number}`);
    const pauseMs = prng.range(Math.ceil(everyMs / 2), Math.ceil((everyMs * 3) / 2));
    world.scheduler.schedule(() => {
      if (this.#stopped) return;
      const kind = prng.pick(kinds);
      const { lastsMsMin, lastsMsMax } = this.#options;
      const lastsMs = prng.range(lastsMsMin, lastsMsMax);
      if (only === null || only.has(number)) {
        this.events.push({ number, kind, atMs: world.scheduler.nowMs });
        faultActions[kind](this.#scene(number, lastsMs, prng));
      }
      this.#plan(number + 1);
    }, pauseMs);
  }

  #scene(number: number, lastsMs: number, prng: FaultScene["prng"]): FaultScene {
    const { world, cluster, timeline } = this.#options;
    return {
      world,
      cluster,
      frames: this.#frames,
      prng,
      lastsMs,
      note: (text) => timeline.add(`#${number} ${text}`),
      after: (delayMs, action) => {
        world.scheduler.schedule(() => {
          if (!this.#stopped) action();
        }, delayMs);
      },
      mend: (action) => {
        if (this.#stopped) {
          action();
          return;
        }
        this.#mends.add(action);
        world.scheduler.schedule(() => {
          if (this.#mends.delete(action)) action();
        }, lastsMs);
      },
    };
  }
}
