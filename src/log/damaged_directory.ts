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

/** The advice where the identity itself is bad or missing: nothing else says who the node is. */
export const DAMAGED_IDENTITY_FIX: readonly string[] = [
  "moved, not mounted or not readable? put that right, then start the node again",
  "leave this node stopped meanwhile, and keep its directory; raft recover rejoin cannot mend " +
  "it, for only the identity says which member the node is",
  "while the others are a majority of the members, put a new node in its place: raft member " +
  "replace ID NEW_ID HOST:PORT, or raft member remove ID and then, with an empty directory, " +
  "raft start --id ID --join HOST:PORT",
  "no majority without it? restore a backup: raft snapshot restore FILE --data NEW_DIR --id ID",
];
