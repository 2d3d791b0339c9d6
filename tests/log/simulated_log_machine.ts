/** One simulated machine with a data directory, for logs that must survive it. */
import { FileError, type Runtime } from "../../src/runtime/runtime.ts";
import type { DiskFaults } from "../../src/testing/disk_faults.ts";
import { type SimulatedMachine, SimulatedWorld } from "../../src/testing/simulated_runtime.ts";
import { drain } from "../microtask_drain.ts";

/** The data directory of the machine. */
export const DATA_PATH = "/data";

/** A world of one machine. */
export class LogMachine {
  readonly #world: SimulatedWorld;
  readonly #machine: SimulatedMachine;

  /** Creates the machine without a process. */
  constructor(seed: number | string, disk: Partial<DiskFaults> = {}) {
    this.#world = new SimulatedWorld({ seed, drain });
    this.#machine = this.#world.addMachine("one", disk);
  }

  /** The disk of the machine. */
  get disk(): SimulatedMachine["disk"] {
    return this.#machine.disk;
  }

  /** The process that runs, or null. */
  get runtime(): Runtime | null {
    return this.#machine.runtime;
  }

  /** Makes the next sync of a segment fail. */
  failNextSync(): void {
    this.disk.faults.onCall = ({ kind, path }) => {
      if (kind !== "sync" || !path.endsWith(".segment")) return "ok";
      this.disk.faults.onCall = null;
      return new FileError("EIO", path, `Cannot sync "${path}": broken by a test`);
    };
  }

  /** Starts the first process and makes the data directory. */
  async start(): Promise<void> {
    const { files } = this.reboot();
    await this.run(async () => {
      await files.makeDirectory(DATA_PATH);
      await files.syncDirectory("/");
    });
  }

  /** Cuts the power, if it is on, and starts a process again. */
  reboot(): Runtime {
    this.#machine.crash("power_loss");
    return this.#machine.boot();
  }

  /** Kills the process at a call to the disk, which is not carried out unless it is a write. */
  killAtCall(number: number): void {
    this.disk.faults.onCall = (call) => {
      if (call.number === number) this.#machine.crash("kill");
      return "ok";
    };
  }

  /** Kills the process alone, so that the page cache stays, and starts another. */
  restartProcess(): Runtime {
    this.#machine.crash("kill");
    return this.#machine.boot();
  }

  /**
   * Runs `body` to its end, or until the machine has crashed.
   *
   * @returns Whether it came to its end.
   */
  async run(body: () => Promise<void>): Promise<boolean> {
    let isDone = false;
    const result = body();
    const finish = () => void (isDone = true);
    result.then(finish, finish);
    const isOver = () => isDone || (this.#machine.runtime === null);
    const end = await this.#world.scheduler.run({ until: isOver });
    if (this.#machine.runtime === null) return false;
    if (!isDone) throw new Error(`The body waits for something that never happens: ${end}`);
    await result;
    return true;
  }
}
