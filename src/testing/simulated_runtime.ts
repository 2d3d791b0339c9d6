/**
 * A whole world from one seed: machines with clocks and disks, the network between them, and the
 * {@linkcode Runtime} of each process that is started on a machine.
 *
 * Model: a machine keeps its name, its disk and its clocks; a process is one run of a program on
 * it. `boot` starts a process, `crash` ends it with the process alone or with the machine. Every
 * random choice comes from the seed, each machine and each process with a stream of its own.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Clock, FileSystem, Network, Random, Runtime } from "../runtime/runtime.ts";
import type { DiskFaults } from "./disk_faults.ts";
import type { NetworkFaults } from "./network_faults.ts";
import { Prng } from "./prng.ts";
import { ClockSettings, SimulatedClock } from "./simulated_clock.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import { SimulatedNetwork } from "./simulated_network.ts";
import type { CrashKind, SimulatedProcess } from "./simulated_process.ts";
import { SimulatedScheduler } from "./simulated_scheduler.ts";
import type { SimulatedSchedulerOptions } from "./simulated_scheduler.ts";
import { TraceHash } from "./trace_hash.ts";

const CLOCK_ORIGIN_MS_MAX = 1_000_000;

/** The world as one process sees it. */
export class SimulatedRuntime implements Runtime {
  readonly name = "simulated";
  readonly version = "1";
  readonly network: Network;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  /** The process that this runtime belongs to. */
  readonly process: SimulatedProcess;

  /** Joins the parts; {@linkcode SimulatedMachine.boot} does it. */
  constructor(parts: {
    process: SimulatedProcess;
    network: Network;
    files: FileSystem;
    clock: Clock;
    random: Random;
  }) {
    this.process = parts.process;
    this.network = parts.network;
    this.files = parts.files;
    this.clock = parts.clock;
    this.random = parts.random;
  }
}

/** A machine: a name on the network, clocks and a disk. */
export class SimulatedMachine {
  /** The name by which others dial it. */
  readonly name: string;
  /** Its disk. */
  readonly disk: SimulatedDisk;
  /** Its clocks. */
  readonly clock: ClockSettings;
  readonly #world: SimulatedWorld;
  readonly #prng: Prng;
  #bootCount = 0;
  #runtime: SimulatedRuntime | null = null;

  /** Creates a machine that runs nothing; {@linkcode SimulatedWorld.addMachine} does it. */
  constructor(options: { world: SimulatedWorld; name: string; disk?: Partial<DiskFaults> }) {
    const { world, name } = options;
    this.name = name;
    this.#world = world;
    this.#prng = world.prng.fork(`machine ${name}`);
    const originMs = this.#prng.range(0, CLOCK_ORIGIN_MS_MAX);
    this.clock = new ClockSettings(world.scheduler, originMs);
    this.disk = new SimulatedDisk({
      scheduler: world.scheduler,
      prng: this.#prng.fork("disk"),
      ...(options.disk === undefined ? {} : { faults: options.disk }),
    });
  }

  /** The process that was started last, while it lives. */
  get runtime(): SimulatedRuntime | null {
    return this.#runtime?.process.alive === true ? this.#runtime : null;
  }

  /** Starts a process; the one before it must be dead. */
  boot(): SimulatedRuntime {
    assert(this.runtime === null, () => `machine "${this.name}" runs nothing`);
    this.#bootCount++;
    const { scheduler, network } = this.#world;
    const process = scheduler.createProcess(`${this.name} #${this.#bootCount}`);
    const random = this.#prng.fork(`process ${this.#bootCount}`);
    this.#runtime = new SimulatedRuntime({
      process,
      network: network.attach(this.name, process),
      files: this.disk.mount(process),
      clock: new SimulatedClock({ process, settings: this.clock, prng: random.fork("clock") }),
      random,
    });
    return this.#runtime;
  }

  /** Ends the process, if one runs: alone, or with the machine under it. */
  crash(kind: CrashKind): void {
    this.runtime?.process.crash(kind);
    assert(this.runtime === null, () => `machine "${this.name}" runs nothing after a crash`);
  }
}

/** What {@linkcode SimulatedWorld} is made of. */
export interface SimulatedWorldOptions extends Omit<SimulatedSchedulerOptions, "trace"> {
  /** Everything that happens follows from it. */
  readonly seed: number | string;
  /** How the network behaves. */
  readonly network?: Partial<NetworkFaults>;
}

/** A world that is replayed exactly by its seed. */
export class SimulatedWorld {
  /** Randomness for the test itself; parts fork their own. */
  readonly prng: Prng;
  /** Takes every event; two runs of one seed have the same digest. */
  readonly trace = new TraceHash();
  /** Runs the world. */
  readonly scheduler: SimulatedScheduler;
  /** Connects the machines. */
  readonly network: SimulatedNetwork;
  readonly #machines = new Map<string, SimulatedMachine>();

  /** Creates a world without machines. */
  constructor(options: SimulatedWorldOptions) {
    this.prng = new Prng(options.seed);
    this.scheduler = new SimulatedScheduler({ ...options, trace: this.trace });
    this.network = new SimulatedNetwork({
      scheduler: this.scheduler,
      prng: this.prng.fork("network"),
      ...(options.network === undefined ? {} : { faults: options.network }),
    });
  }

  /** The machines, in the order in which they were added. */
  get machines(): readonly SimulatedMachine[] {
    return [...this.#machines.values()];
  }

  /** Adds a machine that runs nothing yet. */
  addMachine(name: string, disk?: Partial<DiskFaults>): SimulatedMachine {
    assert(!this.#machines.has(name), () => `machine "${name}" is new`);
    const machine = new SimulatedMachine({
      world: this,
      name,
      ...(disk === undefined ? {} : { disk }),
    });
    this.#machines.set(name, machine);
    return machine;
  }
}
