/**
 * The event loop of a simulation: runs events in the order of virtual time.
 *
 * Model: a JavaScript runtime takes one event from the operating system, calls its handler, and
 * runs all microtasks (the continuations of promises) before it takes the next. Here an event is a
 * callback from the queue. No language feature tells when the microtasks are through, and a trip
 * through the real event loop costs 4 to 8 µs and its order is not part of the language; so the
 * loop hops: it awaits `undefined` a fixed number of times, each time behind the microtasks that
 * wait. Whenever the code under test adds an event, the count starts again. Both rules depend on
 * the language's own order only, so every engine does the same.
 *
 * One async function deep costs one hop (`return await`), a returned promise three, `Promise.all`
 * and an async generator one to four: {@linkcode QUIET_HOPS_DEFAULT} covers ordinary code with room
 * to spare. A chain that is longer, and touches no door on its way, would run on into the next
 * event. A run with `settle` (a trip through the real loop after each event) must have the same
 * trace; a test compares them. Do not use `.finally()` in code under simulation: it takes four
 * hops on two engines and two on the third.
 *
 * An engine that runs the microtasks on request (`drain`) needs no hops, and is exact. The gate
 * compares traces of both, so it shows a chain that became too long for the hops.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { MicrotaskDrain } from "../runtime/microtask_drain.ts";
import { EventQueue } from "./event_queue.ts";
import type { ScheduledEvent } from "./event_queue.ts";
import { SimulatedProcess } from "./simulated_process.ts";
import type { TraceHash } from "./trace_hash.ts";

/** How often the loop hops after the last sign of activity. */
export const QUIET_HOPS_DEFAULT = 96;

/** More events than this within one instant are taken for a loop that never ends. */
export const EVENTS_PER_INSTANT_MAX = 1_000_000;

/** What {@linkcode SimulatedScheduler} is made of. */
export interface SimulatedSchedulerOptions {
  /** Takes every event of the run. */
  readonly trace?: TraceHash;
  /** Hops after the last sign of activity; 0 for code without promises. */
  readonly quietHops?: number;
  /** Runs all microtasks that wait, in place of the hops. */
  readonly drain?: MicrotaskDrain | undefined;
  /** Awaited after each event behind the hops: a trip through the real loop, to check the hops. */
  readonly settle?: () => Promise<void>;
  /** Takes what a callback throws; without it, `run` rejects. */
  readonly onError?: (error: unknown, process: SimulatedProcess | null) => void;
}

/** When {@linkcode SimulatedScheduler.run} stops; without any of them, when nothing is left. */
export interface RunOptions {
  /** Runs events up to this time, and moves time there. */
  readonly untilMs?: number;
  /** Asked after each event. */
  readonly until?: () => boolean;
  /** At most so many events. */
  readonly eventsMax?: number;
}

/** Why {@linkcode SimulatedScheduler.run} returned. */
export type RunEnd = "idle" | "time" | "until" | "events";

/** Runs processes and the world around them on virtual time. */
export class SimulatedScheduler {
  readonly #queue = new EventQueue();
  readonly #options: SimulatedSchedulerOptions;
  readonly #quietHops: number;
  #processCount = 0;
  #eventCount = 0;
  #instantMs = 0;
  #instantCount = 0;
  #running = false;

  /** Creates a scheduler at time zero. */
  constructor(options: SimulatedSchedulerOptions = {}) {
    this.#options = options;
    this.#quietHops = options.quietHops ?? QUIET_HOPS_DEFAULT;
    assert(this.#quietHops >= 0, () => `quietHops ${this.#quietHops} is not negative`);
  }

  /** Virtual milliseconds since the start of the run. */
  get nowMs(): number {
    return this.#queue.nowMs;
  }

  /** How many events have run. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** How many events wait. */
  get waitingCount(): number {
    return this.#queue.length;
  }

  /** Starts a process. */
  createProcess(name: string): SimulatedProcess {
    this.#processCount++;
    return new SimulatedProcess({ name, number: this.#processCount, queue: this.#queue });
  }

  /** Runs `callback` in the world, which never dies, `delayMs` from now. */
  schedule(callback: () => void, delayMs: number): ScheduledEvent {
    return this.#queue.add({ callback, delayMs, owner: null });
  }

  /** Forgets an event of the world. */
  cancel(event: ScheduledEvent): void {
    assert(event.owner === null, "the world cancels its own events");
    event.callback = null;
  }

  /** Runs events until one of `options` says stop. */
  async run(options: RunOptions = {}): Promise<RunEnd> {
    assert(!this.#running, "run is not called from within a run");
    this.#running = true;
    const { drain } = this.#options;
    try {
      if (drain !== undefined) return await this.#runDraining(drain, options);
      await this.#rest();
      return await this.#runHopping(options);
    } finally {
      this.#running = false;
    }
  }

  #runDraining({ drain, enter }: MicrotaskDrain, options: RunOptions): Promise<RunEnd> {
    const eventsMax = this.#eventCount + (options.eventsMax ?? Infinity);
    const loop = (): RunEnd => {
      drain();
      for (;;) {
        const end = this.#next(options, eventsMax);
        if (end !== null) return end;
        drain();
        if (options.until?.() === true) return "until";
      }
    };
    return new Promise((resolve, reject) => {
      enter(() => {
        try {
          resolve(loop());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  async #runHopping(options: RunOptions): Promise<RunEnd> {
    const eventsMax = this.#eventCount + (options.eventsMax ?? Infinity);
    const { settle } = this.#options;
    for (;;) {
      const end = this.#next(options, eventsMax);
      if (end !== null) return end;
      if (this.#quietHops > 0) {
        // The hops stand here and not in a function of their own: a call would cost three more.
        let seen = this.#queue.sequence;
        for (let quiet = 0; quiet < this.#quietHops; quiet++) {
          await undefined;
          if (this.#queue.sequence === seen) continue;
          seen = this.#queue.sequence;
          quiet = -1;
        }
      }
      if (settle !== undefined) await settle();
      if (options.until?.() === true) return "until";
    }
  }

  /** Runs the next event; or says why there is none, and moves time to the end. */
  #next(options: RunOptions, eventsMax: number): RunEnd | null {
    const untilMs = options.untilMs ?? Infinity;
    for (;;) {
      if (this.#eventCount >= eventsMax) return "events";
      const event = this.#queue.take(untilMs);
      if (event === null) break;
      if (this.#execute(event)) return null;
    }
    if (untilMs === Infinity) return "idle";
    this.#queue.advance(untilMs);
    return "time";
  }

  /** Lets what was started before the run, outside of any event, come to rest. */
  async #rest(): Promise<void> {
    for (let hop = 0; hop < this.#quietHops; hop++) await undefined;
    await this.#options.settle?.();
  }

  /** Runs one event; false where its owner did not let it. */
  #execute(event: ScheduledEvent): boolean {
    const owner = event.owner;
    if (owner !== null && !owner.admit(event)) return false;
    this.#count(event);
    const callback = event.callback;
    assert(callback !== null, "an event that is due was not canceled");
    event.callback = null;
    try {
      callback();
    } catch (error) {
      if (this.#options.onError === undefined) throw error;
      this.#options.onError(error, owner instanceof SimulatedProcess ? owner : null);
    }
    return true;
  }

  #count(event: ScheduledEvent): void {
    this.#eventCount++;
    if (event.timeMs !== this.#instantMs) {
      this.#instantMs = event.timeMs;
      this.#instantCount = 0;
    }
    this.#instantCount++;
    assert(
      this.#instantCount <= EVENTS_PER_INSTANT_MAX,
      () => `time stands still at ${event.timeMs} ms: more than ${EVENTS_PER_INSTANT_MAX} events`,
    );
    const trace = this.#options.trace;
    if (trace === undefined) return;
    trace.addNumber(event.timeMs);
    trace.addWord(event.sequence);
    trace.addWord(event.owner?.number ?? 0);
  }
}
