/**
 * What is to be done about a data directory in which something is wrong.
 *
 * @module
 */
import { RefusedError } from "../../errors.ts";
import { DAMAGED_IDENTITY_FIX } from "../../log/damaged_directory.ts";
import { type Menders, mendersOf } from "../../log/offline/menders.ts";
import type { Problem } from "../../log/offline/problem.ts";
import type { DirectoryReport } from "../../log/offline/verify_directory.ts";
import { ExitCode } from "../exit_codes.ts";
import { fileFailureFor } from "../file_failure.ts";

/** What must be put right first: until then nobody can say what else is wrong. */
export interface Obstacle {
  /** The problem that it is. */
  readonly problem: Problem;
  /** What it makes of the directory, to stand behind its name. */
  readonly verdict: string;
  readonly exit: ExitCode;
  readonly fix: readonly string[];
}

/** What stands in the way of judging a directory, or of mending it; null where nothing does. */
export function obstacleOf(
  { problems }: Pick<DirectoryReport, "problems">,
): Obstacle | null {
  const newer = problems.find(({ kind }) => kind === "newer_format");
  if (newer !== undefined) {
    return {
      problem: newer,
      verdict: "is of a newer format",
      exit: ExitCode.badData,
      fix: ["start the newer program that wrote it: it reads what this one cannot"],
    };
  }
  const unreadable = problems.find(({ kind }) => kind === "unreadable");
  if (unreadable !== undefined) return unreadableObstacle(unreadable);
  const identity = problems.find(({ segment }) => segment === "identity");
  if (identity === undefined) return null;
  return {
    problem: identity,
    verdict: "is damaged",
    exit: ExitCode.badData,
    fix: DAMAGED_IDENTITY_FIX,
  };
}

/** What was not read may be sound: nothing is known to be damaged. */
function unreadableObstacle(problem: Problem): Obstacle {
  const failure = fileFailureFor(problem.code ?? "");
  const exit = failure?.exit ?? ExitCode.failed;
  return {
    problem,
    verdict: "cannot be read in full",
    // The directory is there: something in it is not what it should be.
    exit: exit === ExitCode.notFound ? ExitCode.badData : exit,
    fix: [
      ...(failure?.fix ?? []),
      "then try again; if the disk fails for good, put a new node in its place while the others " +
      "are a majority: raft member replace OLD NEW HOST:PORT",
    ],
  };
}

/** The ways out of damage that the others cannot mend. */
function withoutOthers(path: string, { isAlone }: Menders): string[] {
  return [
    "restore a backup: raft snapshot restore FILE --data NEW_DIR --id N",
    "bad at the very end of the log alone? see what a cut would lose: " +
    `raft log repair ${path} --truncate-tail`,
    ...(isAlone ? [] : [
      "no majority is left? go on with the directory of another member: " +
      "raft recover plan DIR…, then raft recover apply",
    ]),
    "members were added that this directory knows nothing of? replace this one there: " +
    "raft member replace OLD NEW HOST:PORT",
  ];
}

/**
 * Why the others cannot mend the node of this directory, or null. Being forced helps where the
 * directory may not know of all members, and never where it knows its node for the only voter.
 */
export function rejoinObjection(
  report: DirectoryReport,
  { path, isForced }: { readonly path: string; readonly isForced: boolean },
): RefusedError | null {
  const menders = mendersOf(report);
  if (menders === null || menders.areMajority) return null;
  const { isAlone, numbers } = menders;
  if (isForced && !isAlone) return null;
  const reason = isAlone
    ? "there is nobody to rejoin, and it may hold the only copy"
    : "by what it knows, the others are no majority without it";
  return new RefusedError(`Cannot let "${path}" rejoin: ${reason}`, [numbers], {
    fix: [
      ...withoutOthers(path, menders),
      ...(isAlone ? [] : ["the others are a majority by themselves? say so: --force"]),
    ],
  });
}

/** What to do about bytes that changed where no entry, vote or snapshot is. */
function harmlessAdvice(problems: readonly Problem[]): string[] {
  return [
    "no entry, vote or snapshot is in doubt: the node starts with this directory as it is",
    ...(problems.some(({ segment }) => segment === "hard_state")
      ? ["its start mends the hard state"]
      : []),
    ...(problems.some(({ segment }) => segment !== "hard_state")
      ? ["a closed segment goes with the next snapshots: raft snapshot trigger"]
      : []),
    "nothing of this program writes such bytes: look after disk and memory (see: dmesg)",
  ];
}

/** What to do about everything that is wrong with the directory at `path`, a step an element. */
export function directoryAdvice(report: DirectoryReport, path: string): readonly string[] {
  const { problems, log, holder } = report;
  if (problems.length === 0) return [];
  const obstacle = obstacleOf(report);
  if (obstacle !== null) return obstacle.fix;
  if (problems.every(({ isHarmless }) => isHarmless === true)) return harmlessAdvice(problems);
  const keep = [
    ...(holder === null ? [] : ["stop the node first: it still answers from what it has read"]),
    "keep the directory as it is: an older copy, or an empty one, has forgotten votes and writes",
  ];
  const menders = mendersOf(report);
  if (menders !== null && !menders.areMajority) {
    return [
      ...keep,
      `by what it knows, the others cannot mend it: ${menders.numbers}`,
      ...withoutOthers(path, menders),
    ];
  }
  return [
    ...keep,
    `the cluster lives? have this node mended by the others: raft recover rejoin --data ${path}`,
    "or put a new one in its place, there: raft member replace OLD NEW HOST:PORT",
    "no majority is left? compare the directories first: raft recover plan DIR…",
    ...(log.tail.state === "damaged" && problems.every(({ index = 0 }) => index > log.lastIndex)
      ? [`the last resort: raft log repair ${path} --truncate-tail`]
      : []),
  ];
}
