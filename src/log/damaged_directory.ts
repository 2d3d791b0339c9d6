/**
 * What can be done about a data directory that cannot be trusted.
 *
 * @module
 */

/** The advice, one step an element. */
export const DAMAGED_DIRECTORY_FIX: readonly string[] = [
  "moved, not mounted or not readable? put that right, then start the node again",
  "otherwise see all that is damaged: raft log verify DIR",
  "leave this node stopped meanwhile, and keep its directory: an older copy or an empty one has " +
  "forgotten votes and acknowledged writes",
  "the cluster serves on, and nothing acknowledged is lost, while the others are a majority of " +
  "its members: have them mend this node (raft recover rejoin --data DIR), or replace it (raft " +
  "member replace OLD NEW HOST:PORT)",
];
