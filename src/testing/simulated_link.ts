/**
 * The wire from one host to another, in one direction.
 *
 * Model: a packet takes as long as the latency says. While the wire is cut, TCP keeps sending it
 * again, so it is held and arrives some time after the wire is mended; what TCP does not send
 * again (a reset) is lost. A cut in one direction also holds back the acknowledgements of the
 * other, which is how a sender learns of it: its buffer fills up.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { drawLatencyMs } from "./latency.ts";
import type { Latency } from "./latency.ts";
import type { NetworkFaults } from "./network_faults.ts";
import type { Prng } from "./prng.ts";
import type { SimulatedScheduler } from "./simulated_scheduler.ts";

/** Something that travels and may be held up. */
export interface Packet {
  /** Called at its arrival on the other side. */
  arrive(): void;
  /** Called when it meets a cut wire; false if it is then lost and not sent again. */
  hold(): boolean;
}

/** What {@linkcode SimulatedLink} is made of. */
export interface SimulatedLinkOptions {
  readonly scheduler: SimulatedScheduler;
  readonly prng: Prng;
  readonly faults: NetworkFaults;
  readonly loopback: boolean;
}

/** One direction between two hosts. */
export class SimulatedLink {
  readonly #scheduler: SimulatedScheduler;
  readonly #prng: Prng;
  readonly #faults: NetworkFaults;
  readonly #loopback: boolean;
  #held: Packet[] = [];
  #cut = false;
  #stalledUntilMs = 0;
  /** Takes the place of the network's latency on this link. */
  latency: Latency | null = null;

  /** Creates a whole link. */
  constructor(options: SimulatedLinkOptions) {
    this.#scheduler = options.scheduler;
    this.#prng = options.prng;
    this.#faults = options.faults;
    this.#loopback = options.loopback;
  }

  /** Whether nothing passes. */
  get isCut(): boolean {
    return this.#cut;
  }

  /** Lets nothing pass from now on; what is on its way and not yet there is held too. */
  cut(): void {
    assert(!this.#loopback, "the link of a host to itself is never cut");
    this.#cut = true;
  }

  /** Lets everything pass again; what was held arrives when TCP sends it again. */
  mend(): void {
    this.#cut = false;
    const held = this.#held;
    this.#held = [];
    for (const packet of held) {
      this.#send(packet, drawLatencyMs(this.#prng, this.#faults.retransmitLatency));
    }
  }

  /** Delays everything that is sent from now on until `durationMs` have passed. */
  stall(durationMs: number): void {
    assert(durationMs >= 0, () => `durationMs ${durationMs} is not negative`);
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#scheduler.nowMs + durationMs);
  }

  /** When a packet that leaves now arrives, if nothing happens to the wire. */
  drawArrivalMs(): number {
    const latency = this.#loopback
      ? this.#faults.loopbackLatency
      : this.latency ?? this.#faults.latency;
    const leavesMs = Math.max(this.#scheduler.nowMs, this.#stalledUntilMs);
    return leavesMs + drawLatencyMs(this.#prng, latency);
  }

  /** Sends a packet; `arrivalMs` is a draw of {@linkcode drawArrivalMs}, or later. */
  send(packet: Packet, arrivalMs: number = this.drawArrivalMs()): void {
    assert(
      arrivalMs >= this.#scheduler.nowMs,
      () => `arrival at ${arrivalMs} ms is not in the past`,
    );
    this.#send(packet, arrivalMs - this.#scheduler.nowMs);
  }

  #send(packet: Packet, delayMs: number): void {
    this.#scheduler.schedule(() => {
      if (!this.#cut) packet.arrive();
      else if (packet.hold()) this.#held.push(packet);
    }, delayMs);
  }
}
