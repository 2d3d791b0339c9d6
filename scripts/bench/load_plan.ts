/**
 * How long a load runs before it is measured unless told: a server in JavaScript, and the load
 * generator, are compiled by their use, which takes seconds of load.
 */
export const WARM_UP_MS_DEFAULT = 3_000;

/** A load on a cluster: what `raft bench` calls its flags. */
export interface LoadPlan {
  readonly operation: "put" | "get";
  /** The node that is asked: the leader. */
  readonly endpoint: string;
  /** How many connections. */
  readonly clients: number;
  readonly inFlight: number;
  readonly valueBytes: number;
  /** How many different keys. */
  readonly keys: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Ends it earlier; null for the whole time. */
  readonly count: number | null;
  /** Operations a second of an open loop; null for a closed one. */
  readonly rate: number | null;
  /** Gets find what is there; the keys are not written first. */
  readonly skipPreload: boolean;
  /** The nodes that the connections are bound to, in turn, instead of `endpoint`. */
  readonly boundTo?: readonly string[];
  /** Puts write each key once, one after the other, instead of keys at random. */
  readonly eachKeyOnce?: boolean;
}
