/**
 * What a simulated network may do to those who use it, and how often.
 *
 * @module
 */
import type { Latency } from "./latency.ts";

/** One message on a connection, as {@linkcode FrameFault} sees it. */
export interface ObservedFrame {
  /** The host that sent it. */
  readonly from: string;
  /** The host that shall get it. */
  readonly to: string;
  /** The frame, its segment table included. It must not be changed. */
  readonly bytes: Uint8Array;
}

/**
 * What happens to one whole frame of a connection. TCP does none of this: it stands for a defect
 * in the layers above, and Raft has to survive it as well.
 */
export type FrameVerdict =
  | { readonly kind: "deliver" }
  | { readonly kind: "drop" }
  | { readonly kind: "duplicate" }
  /** The frame overtakes nothing and is overtaken by what is sent in the next `delayMs`. */
  | { readonly kind: "delay"; readonly delayMs: number };

/** Decides over each frame but the first of a connection, which is the hello. */
export type FrameFault = (frame: ObservedFrame) => FrameVerdict;

/** The manners of a network. The fields may be changed in the middle of a run. */
export interface NetworkFaults {
  /** How long bytes travel one way between two hosts. */
  latency: Latency;
  /** How long bytes travel within a host. */
  loopbackLatency: Latency;
  /** How long after a link is mended TCP sends again what was held up. */
  retransmitLatency: Latency;
  /** How long TCP sends again before it gives up with `ETIMEDOUT`. */
  retransmitTimeoutMs: number;
  /** How long `close` waits for the other side. */
  lingerMs: number;
  /** How many bytes the two kernels hold for one direction of a connection. */
  socketBufferBytes: number;
  /** How often a chunk is cut in two at a random place. */
  splitChance: number;
  /** How often chunks that wait are handed over as one. */
  joinChance: number;
  /** How often a packet breaks its connection instead of arriving. */
  resetChance: number;
  /** Decides over whole frames, or null. Connections that exist keep what they had. */
  frameFault: FrameFault | null;
}

/** A fast and faithful network: what it does wrong is switched on by the test. */
export function calmNetwork(): NetworkFaults {
  return {
    latency: { minMs: 0.25, typicalMs: 0.5, tailChance: 0.01, tailMs: 5 },
    loopbackLatency: { minMs: 0.03125, typicalMs: 0.0625, tailChance: 0, tailMs: 0 },
    retransmitLatency: { minMs: 1, typicalMs: 200, tailChance: 0.1, tailMs: 1000 },
    retransmitTimeoutMs: 900_000,
    lingerMs: 2000,
    socketBufferBytes: 256 * 1024,
    splitChance: 0.05,
    joinChance: 0.5,
    resetChance: 0,
    frameFault: null,
  };
}
