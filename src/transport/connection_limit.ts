/**
 * How many connections a node takes.
 *
 * Where a process may open no further file, the kernel hands out no connection and keeps offering
 * it: a runtime that goes on to ask burns a processor, and the log gets no next segment either. So
 * a node ends connections before it comes to that, and leaves files for its log and its peers.
 *
 * @module
 */
import { assert } from "../assert.ts";
import {
  CONNECTIONS_MAX,
  MEMBERS_MAX,
  OPEN_FILES_KEPT_MIN,
  OPEN_FILES_KEPT_SHARE,
  PEER_CONNECTIONS_SHARE,
} from "../limits.ts";

/** The limits of one node. */
export interface ConnectionLimit {
  /** The most connections. */
  readonly connectionsMax: number;
  /** The most while clients are still taken: the rest is for peers. */
  readonly clientsMax: number;
}

/** The limits where a process may have so many files open; null where that is not known. */
export function connectionLimit(openFilesMax: number | null): ConnectionLimit {
  const files = openFilesMax ?? Infinity;
  const kept = Math.max(OPEN_FILES_KEPT_MIN, files * OPEN_FILES_KEPT_SHARE);
  const allowed = files === Infinity ? CONNECTIONS_MAX : Math.floor(files - kept);
  const connectionsMax = Math.max(1, Math.min(CONNECTIONS_MAX, allowed));
  const forPeers = Math.min(MEMBERS_MAX, Math.floor(connectionsMax * PEER_CONNECTIONS_SHARE));
  const clientsMax = connectionsMax - forPeers;
  assert(clientsMax >= 1, () => `${clientsMax} of ${connectionsMax} connections are for clients`);
  return { connectionsMax, clientsMax };
}

/** Whether so few connections are left that there is no shortage any more. */
export function isRelieved(connections: number, { clientsMax }: ConnectionLimit): boolean {
  // A while before the next one is refused, so that one client that comes and goes is not news.
  return connections <= clientsMax * 0.75;
}
