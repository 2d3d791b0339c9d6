/**
 * The exit codes: a contract with every script.
 *
 * @module
 */

/** What a code is called, what it means, and whether a script may try again. */
export interface ExitCodeMeaning {
  readonly code: number;
  readonly name: string;
  readonly meaning: string;
  readonly retry: string;
  /** What to do about it, one step an element. */
  readonly advice: readonly string[];
}

/** The codes by name. */
export const ExitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  condition: 4,
  unreachable: 5,
  noQuorum: 6,
  unknownOutcome: 7,
  denied: 8,
  badData: 9,
  refused: 10,
} as const;

/** One of the codes. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Every code, ascending. */
export const exitCodeMeanings: readonly ExitCodeMeaning[] = [
  {
    code: ExitCode.ok,
    name: "ok",
    meaning: "Done, found, healthy",
    retry: "not needed",
    advice: [],
  },
  {
    code: ExitCode.failed,
    name: "failed",
    meaning: "An unexpected error, or the answer to an applied write is not kept",
    retry: "maybe",
    advice: ["read the message: it says what failed", "a defect? report it with that message"],
  },
  {
    code: ExitCode.usage,
    name: "usage",
    meaning: "A flag, an argument or a configuration cannot be used; nothing was sent",
    retry: "no",
    advice: ["see: raft help COMMAND", "see where a value comes from: raft config show --explain"],
  },
  {
    code: ExitCode.notFound,
    name: "not_found",
    meaning: "The key, member, revision or file does not exist",
    retry: "no",
    advice: [
      "list what exists: raft ls, raft member ls",
      "print something else instead: raft get KEY --default V",
    ],
  },
  {
    code: ExitCode.condition,
    name: "condition",
    meaning: "A compare failed, the key exists, the cluster is degraded (health), " +
      "what was waited for did not happen in time (wait), " +
      "or another change of the members is under way (member)",
    retry: "the caller decides",
    advice: [
      "read what is there now: raft get KEY -o json",
      "look at the cluster: raft health",
      "member: wait until the other change is made, then try again: raft member ls",
    ],
  },
  {
    code: ExitCode.unreachable,
    name: "unreachable",
    meaning: "No endpoint answered; nothing was applied",
    retry: "yes",
    advice: ["check the addresses: --endpoints or RAFT_ENDPOINTS", "is a node running? raft demo"],
  },
  {
    code: ExitCode.noQuorum,
    name: "no_quorum",
    meaning: "A node answered, but there was no leader or no quorum in time; not applied",
    retry: "yes",
    advice: ["see who is missing: raft status", "start the missing nodes, then try again"],
  },
  {
    code: ExitCode.unknownOutcome,
    name: "unknown_outcome",
    meaning: "The request was sent and its answer was lost; it may have been applied",
    retry: "with the request id that the message prints",
    advice: [
      "repeat the command with --request-id ID from the message: it is never applied twice",
      "member, transfer: see how things are (raft member ls); the same command again does no harm",
      "an id older than 15 minutes is refused: then read the key and decide",
    ],
  },
  {
    code: ExitCode.denied,
    name: "denied",
    meaning: "Refused by the other side: TLS, certificate, wrong cluster, removed member; " +
      "or by this machine: no permission for a file, a read-only file system",
    retry: "no",
    advice: [
      "check that the endpoints belong to the cluster you mean: raft status",
      "a removed member: it may join again, with an empty data directory: raft start --join",
    ],
  },
  {
    code: ExitCode.badData,
    name: "bad_data",
    meaning: "Stored data cannot be used: checksum, corruption, unknown format version, " +
      "or the data directory is in use",
    retry: "no",
    advice: [
      "in use? stop the other process, or choose another --data",
      "damaged? leave that node stopped and keep its directory as it is: an older copy or an " +
      "empty directory has forgotten votes and acknowledged writes",
      "see all that is damaged, and what to do about it: raft log verify DIR",
    ],
  },
  {
    code: ExitCode.refused,
    name: "refused",
    meaning: "Unsafe without an explicit flag, a quota or a disk is full, or too large",
    retry: "no",
    advice: [
      "keys take at most 64KiB, values at most 8MiB",
      "member: start the voters that are down first; --force loses the quorum until they are up",
      "a full disk: free some room; a running node goes on by itself within seconds",
      "the message names the flag, if any",
    ],
  },
];

/** Codes that only appear behind `-- CMD`. */
export const childExitCodes: readonly Pick<ExitCodeMeaning, "code" | "name" | "meaning">[] = [
  { code: 123, name: "lost", meaning: "With -- CMD: the lock or lease was lost" },
  { code: 124, name: "not_acquired", meaning: "With -- CMD: the lock was not acquired" },
  { code: 125, name: "own_failure", meaning: "With -- CMD: raft itself failed" },
  { code: 126, name: "not_executable", meaning: "With -- CMD: the command cannot be executed" },
  { code: 127, name: "command_not_found", meaning: "With -- CMD: the command does not exist" },
];

/** The name of a code, such as `no_quorum`. */
export function exitCodeName(code: ExitCode): string {
  return exitCodeMeanings.find((meaning) => meaning.code === code)?.name ?? "failed";
}
