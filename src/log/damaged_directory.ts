/**
 * What can be done about a data directory that cannot be trusted.
 *
 * @module
 */

/** The advice, one step an element. */
export const DAMAGED_DIRECTORY_FIX: readonly string[] = [
  "moved, not mounted or not readable? put that right, then start the node again",
  "otherwise leave this node stopped, and keep its directory for a later repair: an older copy " +
  "or an empty directory has forgotten votes and acknowledged writes",
  "the cluster serves on, and nothing acknowledged is lost, while the others are a majority of " +
  "its members: there, replace it (raft member replace OLD NEW HOST:PORT)",
];
