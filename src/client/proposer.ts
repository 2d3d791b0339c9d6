/**
 * What takes commands and queries to a cluster: a client, or a session of one.
 *
 * @module
 */
import type { Address } from "../types.ts";
import type { Consistency } from "../wire/client_messages.ts";
import type { ProposeOutcome } from "./leader_operation.ts";
import type { QueryOutcome } from "./read_operation.ts";

/** The options of {@linkcode Proposer.propose}. */
export interface ProposeOptions {
  /** The 16 bytes that name the command, to repeat one whose outcome is unknown. */
  readonly commandId?: Uint8Array;
  /** The time for this request. */
  readonly timeoutMs?: number;
}

/** The options of {@linkcode Proposer.query}. */
export interface QueryOptions {
  /** How fresh the answer must be; `linearizable` by default. */
  readonly consistency?: Consistency;
  /** For a stale read: how old the state may be, in milliseconds; of any age by default. */
  readonly maxAgeMs?: number;
  /** The time for this request. */
  readonly timeoutMs?: number;
  /** Ask this node and no other. */
  readonly endpoint?: Address;
  /** Ask the nodes in turn rather than the leader first. */
  readonly spread?: boolean;
}

/** Takes commands and queries to a cluster. */
export interface Proposer {
  /** Has a command applied by the state machine of the cluster, once. */
  propose(command: Uint8Array, options?: ProposeOptions): Promise<ProposeOutcome>;
  /** Has a query answered by the state machine of one node. */
  query(query: Uint8Array, options?: QueryOptions): Promise<QueryOutcome>;
}
