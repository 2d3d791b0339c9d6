/**
 * A place where a node may be reached, and what is known of it.
 *
 * @module
 */
import type { Runtime, TlsOptions } from "../runtime/runtime.ts";
import type { Address, ClusterId, NodeId } from "../types.ts";
import type { StatusAnswer } from "../wire/client_messages.ts";
import type { HelloReply } from "../wire/hello.ts";
import { ClientConnection } from "./client_connection.ts";
import type { ConnectionOwner } from "./client_connection.ts";
import type { SendFailure } from "./connection_request.ts";
import type { EndpointObservation } from "./request_report.ts";
import { formatSpan } from "./request_report.ts";

/** What all endpoints of a client share. */
export interface EndpointContext {
  readonly runtime: Runtime;
  readonly tls: TlsOptions | null;
  readonly clusterName: string;
  /** The cluster that is wanted; empty until one is known. */
  clusterId: ClusterId | "";
  /** An endpoint accepted the hello. */
  readonly opened: (endpoint: Endpoint, reply: HelloReply) => void;
  /** A connection of an endpoint ended, or never came about. */
  readonly closed: (endpoint: Endpoint, failure: SendFailure) => void;
}

/** One address; it has at most one connection at a time. */
export class Endpoint implements ConnectionOwner {
  /** Where it is. */
  readonly address: Address;
  /** Named by the user, so never forgotten. */
  readonly isSeed: boolean;
  /** The node behind the address, 0 where unknown. */
  nodeId: NodeId = 0;
  /** Whether it is a voter, null where unknown. */
  voter: boolean | null = null;
  /** The last dial failed and nobody has looked again. */
  isDown = false;
  /** Why it refuses this client, or null. */
  denial: string | null = null;
  /** When it last answered anything, in the clock's milliseconds. */
  answeredMs = -Infinity;
  /** Whether a question about its status is under way. */
  isProbed = false;
  readonly #context: EndpointContext;
  #connection: ClientConnection | null = null;
  #text = "no answer yet";
  /** It knows of no configuration. */
  #waits = false;

  /** Creates the endpoint without dialing. */
  constructor(options: { address: Address; isSeed: boolean; context: EndpointContext }) {
    this.address = options.address;
    this.isSeed = options.isSeed;
    this.#context = options.context;
  }

  /** Whether requests can be sent at once. */
  get isOpen(): boolean {
    return this.#connection?.isOpen === true;
  }

  /** Requests under way. */
  get pendingCount(): number {
    return this.#connection?.pendingCount ?? 0;
  }

  /** What was last seen here. */
  get observation(): EndpointObservation {
    const { address, nodeId, voter } = this;
    const waits = this.#waits;
    return { address, nodeId, voter, reached: this.isOpen, waits, text: this.#text };
  }

  /** The connection; a new one is dialed where there is none. */
  connect(): ClientConnection {
    if (this.#connection !== null) return this.#connection;
    const { runtime, tls, clusterId, clusterName } = this.#context;
    this.#connection = new ClientConnection(runtime, {
      address: this.address,
      clusterId,
      clusterName,
      owner: this,
      ...(tls === null ? {} : { tls }),
    });
    return this.#connection;
  }

  /** Notes what the node says of itself. */
  observeStatus(status: StatusAnswer): void {
    this.nodeId = status.nodeId;
    this.answeredMs = this.#context.runtime.clock.nowMs();
    this.#text = describeStatus(status);
    this.#waits = status.configurationIndex === 0;
  }

  /** Notes that the node answered a request. */
  noteAnswer(): void {
    this.answeredMs = this.#context.runtime.clock.nowMs();
  }

  /** Closes the connection, if any. */
  close(): void {
    this.#connection?.close();
  }

  /** Called by the connection. */
  connectionOpened(reply: HelloReply): void {
    this.isDown = false;
    this.denial = null;
    this.nodeId = reply.nodeId;
    this.answeredMs = this.#context.runtime.clock.nowMs();
    this.#text = "connected";
    this.#context.opened(this, reply);
  }

  /** Called by the connection. */
  connectionClosed(failure: SendFailure): void {
    this.#connection = null;
    this.isDown = failure.kind !== "lost";
    this.denial = failure.kind === "denied" ? failure.reason : null;
    this.#text = failure.kind === "denied"
      ? `refuses this client: ${failure.reason}`
      : failure.reason;
    this.#context.closed(this, failure);
  }
}

/** A node's status in one line: `follower, term 42, no leader for 38s`. */
export function describeStatus(status: StatusAnswer): string {
  const { role, term, leaderId, leaderContactAgeMs, notes } = status;
  const parts: string[] = [role, `term ${term}`];
  if (role === "leader") {
    if (leaderContactAgeMs >= 1000) parts.push(`no quorum for ${formatSpan(leaderContactAgeMs)}`);
  } else if (leaderId === 0) {
    parts.push(`no leader for ${formatSpan(leaderContactAgeMs)}`);
  } else {
    parts.push(`its leader is ${leaderId}`);
  }
  return [parts.join(", "), ...notes].join("; ");
}
