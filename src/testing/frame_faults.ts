/**
 * What happens to whole messages: any number of faults at the same time, each asked in turn.
 *
 * A connection keeps the fault that it was born with, so one function is installed for the whole
 * run, and what it asks changes.
 *
 * @module
 */
import type { FrameFault, FrameVerdict, NetworkFaults, ObservedFrame } from "./network_faults.ts";

const DELIVER: FrameVerdict = { kind: "deliver" };

/** The faults of messages that are under way. */
export class FrameFaults {
  readonly #active = new Set<FrameFault>();

  /** Makes every connection from now on ask these faults. */
  install(network: NetworkFaults): void {
    network.frameFault = (frame) => this.#verdict(frame);
  }

  /** Starts a fault; what it returns ends it. */
  add(fault: FrameFault): () => void {
    this.#active.add(fault);
    return () => void this.#active.delete(fault);
  }

  /** Ends all. */
  clear(): void {
    this.#active.clear();
  }

  #verdict(frame: ObservedFrame): FrameVerdict {
    for (const fault of this.#active) {
      const verdict = fault(frame);
      if (verdict.kind !== "deliver") return verdict;
    }
    return DELIVER;
  }
}
