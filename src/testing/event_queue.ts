/**
 * The events of a simulation, in the order of virtual time.
 *
 * Model: an operating system and its hardware decide when each process goes on; here one queue
 * does. Events are ordered by time and, within an instant, by the order in which they were added.
 * Events for the present instant, which are the most, go to a plain list beside the heap.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { wholeSteps } from "./latency.ts";

/** Decides whether an event that is due may run: dead and paused processes say no. */
export interface EventOwner {
  /** The number of the owner in the trace. */
  readonly number: number;
  /** Asked when the event is due. An owner that says no may keep the event for later. */
  admit(event: ScheduledEvent): boolean;
}

/** One thing to be done at one time. */
export interface ScheduledEvent {
  /** When, in milliseconds of virtual time. */
  timeMs: number;
  /** Orders the events of one instant. */
  sequence: number;
  /** What, or null once the event was canceled or has run. */
  callback: (() => void) | null;
  /** Whose event it is, or null for the world's own. */
  readonly owner: EventOwner | null;
}

/** A priority queue of events, and the present time. */
export class EventQueue {
  #nowMs = 0;
  #sequence = 0;
  readonly #heap: ScheduledEvent[] = [];
  #instant: ScheduledEvent[] = [];
  #instantHead = 0;

  /** The present, in milliseconds since the start of the run. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Grows with each event that is added: a cheap sign that something happened. */
  get sequence(): number {
    return this.#sequence;
  }

  /** How many events are waiting, canceled ones included. */
  get length(): number {
    return this.#heap.length + this.#instant.length - this.#instantHead;
  }

  /** Adds an event `delayMs` from now. */
  add(event: { callback: () => void; delayMs: number; owner: EventOwner | null }): ScheduledEvent {
    const delayMs = event.delayMs > 0 ? wholeSteps(event.delayMs) : 0;
    assert(delayMs < Number.MAX_SAFE_INTEGER, () => `delayMs ${event.delayMs} is finite`);
    const added: ScheduledEvent = {
      timeMs: this.#nowMs + delayMs,
      sequence: this.#sequence,
      callback: event.callback,
      owner: event.owner,
    };
    this.#insert(added);
    return added;
  }

  /** Adds an event that was taken out before, at the present instant. */
  addAgain(event: ScheduledEvent): void {
    assert(event.timeMs <= this.#nowMs, () => `event of ${event.timeMs} ms is due`);
    event.timeMs = this.#nowMs;
    event.sequence = this.#sequence;
    this.#insert(event);
  }

  /** Takes out the next event that is not canceled and due by `untilMs`; time advances to it. */
  take(untilMs: number): ScheduledEvent | null {
    for (;;) {
      const event = this.#next();
      if (event === null || event.timeMs > untilMs) return null;
      this.#remove(event);
      if (event.callback === null) continue;
      assert(event.timeMs >= this.#nowMs, () => `event of ${event.timeMs} ms is not in the past`);
      this.#nowMs = event.timeMs;
      return event;
    }
  }

  /** Moves the present forward to `timeMs`, where no event waits before it. */
  advance(timeMs: number): void {
    assert(timeMs >= this.#nowMs, () => `time ${timeMs} ms is not before ${this.#nowMs} ms`);
    assert((this.#next()?.timeMs ?? timeMs) >= timeMs, "no event is skipped");
    this.#nowMs = timeMs;
  }

  #insert(event: ScheduledEvent): void {
    this.#sequence++;
    if (event.timeMs === this.#nowMs) this.#instant.push(event);
    else this.#siftUp(event);
  }

  #next(): ScheduledEvent | null {
    const first = this.#instant[this.#instantHead];
    const top = this.#heap[0];
    if (first === undefined) return top ?? null;
    if (top === undefined) return first;
    return before(top, first) ? top : first;
  }

  #remove(event: ScheduledEvent): void {
    if (event !== this.#instant[this.#instantHead]) return this.#siftDown();
    this.#instantHead++;
    if (this.#instantHead === this.#instant.length) {
      this.#instant = [];
      this.#instantHead = 0;
    }
  }

  #siftUp(event: ScheduledEvent): void {
    const heap = this.#heap;
    let position = heap.length;
    heap.push(event);
    while (position > 0) {
      const parent = (position - 1) >> 1;
      const above = heap[parent] as ScheduledEvent;
      if (!before(event, above)) break;
      heap[position] = above;
      position = parent;
    }
    heap[position] = event;
  }

  /** Removes the top of the heap. */
  #siftDown(): void {
    const heap = this.#heap;
    const moved = heap.pop() as ScheduledEvent;
    const count = heap.length;
    if (count === 0) return;
    let position = 0;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= count) break;
      let least = heap[child] as ScheduledEvent;
      const right = heap[child + 1];
      if (right !== undefined && before(right, least)) {
        child++;
        least = right;
      }
      if (!before(least, moved)) break;
      heap[position] = least;
      position = child;
    }
    heap[position] = moved;
  }
}

function before(one: ScheduledEvent, other: ScheduledEvent): boolean {
  if (one.timeMs !== other.timeMs) return one.timeMs < other.timeMs;
  return one.sequence < other.sequence;
}
