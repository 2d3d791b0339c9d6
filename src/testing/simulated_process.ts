/**
 * One run of a program on a simulated machine, from its start to its end.
 *
 * Model: a process is stopped by SIGKILL or with its whole machine (`crash`), and frozen by SIGSTOP
 * (`pause`). JavaScript cannot be stopped in the middle of a function, so a dead process is cut off
 * instead: none of its timers, deferred callbacks, stream events or file completions runs again,
 * and every door to the world does nothing, so that what is left of its code has no effect. A
 * restart is a new process: nothing of the old one can reach it.
 *
 * Crash cases: `kill` takes the process only; its kernel closes its connections and keeps what was
 * written to files. `power_loss` takes the machine: connections fall silent and the disk keeps
 * what had been synced, and of the rest whatever chance leaves.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { EventOwner, EventQueue, ScheduledEvent } from "./event_queue.ts";

/** How a process ends: SIGKILL, or with the machine under it. */
export type CrashKind = "kill" | "power_loss";

/** Thrown at code that goes on in a process that was crashed; it must not be handled. */
export class SimulatedCrashError extends Error {
  override readonly name = "SimulatedCrashError";

  /** Creates the error. */
  constructor(processName: string) {
    super(`Process "${processName}" is dead: this code runs no more`);
  }
}

/** What {@linkcode SimulatedProcess} is made of. */
export interface SimulatedProcessOptions {
  /** A name for messages. */
  readonly name: string;
  /** The number in the trace, and the process id. */
  readonly number: number;
  /** The events of the run. */
  readonly queue: EventQueue;
}

/** One incarnation of a node or a client. */
export class SimulatedProcess implements EventOwner {
  /** A name for messages. */
  readonly name: string;
  /** The number in the trace, and the process id. */
  readonly number: number;
  readonly #queue: EventQueue;
  readonly #crashHooks: ((kind: CrashKind) => void)[] = [];
  /** Events that came due while the process was paused, in order. */
  #waiting: ScheduledEvent[] = [];
  #alive = true;
  #paused = false;
  #lastAdmitted = -1;
  /** Until the event of this sequence has run, the process is catching up after a pause. */
  #catchUpSequence = -1;

  /** Creates a running process; a scheduler does it. */
  constructor(options: SimulatedProcessOptions) {
    this.name = options.name;
    this.number = options.number;
    this.#queue = options.queue;
  }

  /** Whether the process has not crashed. */
  get alive(): boolean {
    return this.#alive;
  }

  /** Whether the process is stopped by {@linkcode pause}. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Runs `callback` in this process `delayMs` from now, unless it has died by then. */
  schedule(callback: () => void, delayMs: number): ScheduledEvent {
    return this.#queue.add({ callback, delayMs, owner: this });
  }

  /** Forgets a scheduled event; one that has run is ignored. */
  cancel(event: ScheduledEvent): void {
    assert(event.owner === this, "a process cancels its own events");
    event.callback = null;
  }

  /** Runs `callback` now, or after the pause, or never: for completions from the outside. */
  deliver(callback: () => void): void {
    if (!this.#alive) return;
    const catchingUp = this.#lastAdmitted < this.#catchUpSequence;
    if (this.#paused || catchingUp) this.schedule(callback, 0);
    else callback();
  }

  /** Calls `hook` when the process crashes: the network and the disk clean up behind it. */
  onCrash(hook: (kind: CrashKind) => void): void {
    assert(this.#alive, () => `process "${this.name}" is alive`);
    this.#crashHooks.push(hook);
  }

  /** Ends the process for good, at any point of its code. A dead process is left alone. */
  crash(kind: CrashKind): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#waiting = [];
    for (const hook of this.#crashHooks) hook(kind);
  }

  /** Freezes the process; what comes due for it waits. The event that runs now is finished. */
  pause(): void {
    assert(this.#alive, () => `process "${this.name}" is alive`);
    this.#paused = true;
  }

  /** Lets a frozen process go on with what waited for it, in order. */
  resume(): void {
    if (!this.#alive || !this.#paused) return;
    this.#paused = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const event of waiting) {
      this.#catchUpSequence = this.#queue.sequence;
      this.#queue.addAgain(event);
    }
  }

  /** Says whether an event may run; called by the scheduler only. */
  admit(event: ScheduledEvent): boolean {
    assert(event.owner === this, "a process admits its own events");
    if (!this.#alive) return false;
    if (this.#paused) {
      this.#waiting.push(event);
      return false;
    }
    this.#lastAdmitted = event.sequence;
    return true;
  }
}
