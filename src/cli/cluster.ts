/**
 * What commands need of a cluster. The client library provides it; tests have another.
 *
 * @module
 */
import type { KeyValueClient } from "../client/key_value_client.ts";
import type { RaftClient } from "../client/raft_client.ts";

/** The key-value operations that commands use. */
export type KeyValueAccess = Pick<
  KeyValueClient,
  | "get"
  | "put"
  | "delete"
  | "deletePrefix"
  | "increment"
  | "list"
  | "grantLease"
  | "keepLeaseAlive"
  | "revokeLease"
  | "lease"
  | "leases"
>;

/** The operations of the client that commands use as they are. */
type ClientOperation =
  | "statusOfAll"
  | "leader"
  | "members"
  | "changeMembership"
  | "transferLeadership"
  | "triggerSnapshot"
  | "openSnapshot"
  | "close";

/** The cluster as commands see it. Rejects with the errors of the client library. */
export interface Cluster extends Pick<RaftClient, ClientOperation> {
  /** The key-value state machine. */
  readonly keyValue: KeyValueAccess;
}
