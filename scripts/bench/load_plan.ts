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
}
