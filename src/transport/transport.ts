/**
 * How a node talks to its peers: messages in order on each connection, or not at all.
 *
 * # Contract
 *
 * A message may be lost, at any time and without a word; Raft sends again. It is never changed, and
 * messages to one peer that do arrive do so in their order within a connection. `lost` tells that a
 * connection ended, so that what was sent on it and not answered is known to be in doubt.
 *
 * No method blocks, waits or throws.
 *
 * @module
 */
import type { Address, NodeId } from "../types.ts";
import type { HelloReply } from "../wire/hello.ts";
import type { PeerFrame, PeerWord } from "../wire/peer_codec.ts";

/** A peer and where it is dialed. */
export interface PeerAddress {
  readonly id: NodeId;
  readonly address: Address;
}

/** Receives what comes from peers. */
export interface TransportHandler {
  /**
   * A message of a peer that said hello, its records not yet verified. Throws a ProtocolError for
   * what cannot be: the connection is closed.
   */
  message(from: NodeId, frame: PeerFrame): void;
  /**
   * `peer` accepts: from the next turn on, what is sent goes out. Throws where the peer is not who
   * it should be: the connection is closed.
   */
  connected(peer: NodeId, reply: HelloReply): void;
  /** The connection to `peer` ended: what was sent and not answered may be lost. */
  lost(peer: NodeId): void;
  /**
   * The process of `peer` is gone: no connection with it stands, and nobody listens where it is
   * dialed. Comes again with every dial while that lasts.
   */
  gone(peer: NodeId): void;
  /** `peer` answered the hello with a refusal; the transport goes on dialing. */
  refused(peer: NodeId, reply: HelloReply): void;
}

/** A way to send to peers. */
export interface Transport {
  /** Dials these peers from now on, and no others. */
  setPeers(peers: readonly PeerAddress[]): void;
  /**
   * Queues a message for `to`, with the records that an AppendEntries carries. Dropped where no
   * connection stands.
   */
  send(to: NodeId, message: PeerWord, records: readonly Uint8Array[]): void;
  /** Sends what was queued: one socket write a connection. Called at the end of each turn. */
  flush(): void;
  /** Whether a connection to `peer` stands. */
  isConnected(peer: NodeId): boolean;
  /** What `peer` said of itself when it last answered a hello, or null. */
  peerReply(peer: NodeId): HelloReply | null;
  /** Ends every connection to and from peers. */
  close(): void;
}
