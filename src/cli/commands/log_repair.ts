import { integer, optional, settings, toggle } from "../../config.ts";
import { formatSize } from "../../config/units.ts";
import { UsageError } from "../../config/usage_error.ts";
import { type BadTail, cutTail, type TailFinding } from "../../log/offline/cut_tail.ts";
import { CommandFailure } from "../command_failure.ts";
import { type CommandContext, type CommandResult, declareCommand } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import { directoryArgument, problemText, requireDirectory } from "../offline/data_directory.ts";
import { obstacleOf } from "../offline/directory_advice.ts";
import { startProgress } from "../progress_bar.ts";

/** What the person at the keyboard has agreed to. */
interface Consent {
  readonly yes: boolean;
  /** The first index that may be lost, as it was told. */
  readonly confirm: number | undefined;
}

/** Why a node that has lost entries is a danger, and what is better. */
const ACKNOWLEDGED =
  "this node may have acknowledged them: if it votes without them, a leader that lacks them can " +
  "be elected, and the cluster loses what it has committed";

function lostText({ lastIndexKept, lastIndexLost }: BadTail): string {
  const first = lastIndexKept + 1;
  if (lastIndexLost === null) return `the entries from index ${first} on, how many is not known`;
  return lastIndexLost === first
    ? `the entry ${first}`
    : `the entries ${first} to ${lastIndexLost}, ${lastIndexLost - first + 1} in all`;
}

function tailLine({ segment, offset, bytes, fault }: BadTail): string {
  return `${formatSize(bytes)} from offset ${offset} of ${segment} on: ${fault}`;
}

/** The refusal to cut without consent. */
function needsConsent(tail: BadTail, directory: string): CommandFailure {
  const command = `raft log repair ${directory} --truncate-tail --yes`;
  if (tail.state === "torn") {
    return new CommandFailure("nothing was cut: the tail is torn, and --yes is missing", {
      exit: ExitCode.refused,
      why: [
        tailLine(tail),
        "it is what a crash leaves of a write that nobody was told of: nothing that was " +
        `acknowledged is lost, and the log ends at index ${tail.lastIndexKept}`,
      ],
      fix: [`cut it: ${command}`, "or start the node: it does the same by itself"],
    });
  }
  const first = tail.lastIndexKept + 1;
  return new CommandFailure(`nothing was cut: ${lostText(tail)} would be lost`, {
    exit: ExitCode.refused,
    why: [tailLine(tail), ACKNOWLEDGED],
    fix: [
      "the cluster lives? do not cut; have this node mended by the others: " +
      `raft recover rejoin --data ${directory}`,
      `the last resort, where no other copy is left: ${command} --confirm ${first}`,
    ],
  });
}

function isAgreed(tail: BadTail, { yes, confirm }: Consent): boolean {
  if (tail.state === "torn") return yes;
  return yes && confirm === tail.lastIndexKept + 1;
}

/** The refusal to cut where that would not help. */
function notAtTail(
  finding: Extract<TailFinding, { type: "elsewhere" }>,
  directory: string,
): CommandFailure {
  const obstacle = obstacleOf(finding);
  if (obstacle !== null) {
    return new CommandFailure(`nothing was cut: "${directory}" ${obstacle.verdict}`, {
      exit: obstacle.exit,
      why: [problemText(obstacle.problem)],
      fix: obstacle.fix,
    });
  }
  return new CommandFailure("nothing was cut: the damage is not at the tail of the log", {
    exit: ExitCode.badData,
    why: finding.problems.length === 0
      ? ["the log has no segment"]
      : finding.problems.map(problemText),
    fix: [
      "cutting here would lose entries that are good",
      "the cluster lives? have this node mended by the others: " +
      `raft recover rejoin --data ${directory}`,
      "no majority is left? compare the directories: raft recover plan DIR…",
    ],
  });
}

async function run(
  context: CommandContext,
  directory: string,
  consent: Consent,
): Promise<CommandResult> {
  const runtime = await context.runtime();
  await requireDirectory(runtime, directory);
  let found: TailFinding | null = null;
  const progress = await startProgress(context, "reading the log");
  let file: string | null;
  try {
    file = await cutTail(runtime, directory, {
      decide: (finding) => {
        found = finding;
        return finding.type === "bad tail" && isAgreed(finding.tail, consent);
      },
      onProgress: (done, total) => progress.update(done, total),
    });
  } finally {
    progress.end();
  }
  return resultOf(found!, file, directory);
}

function resultOf(finding: TailFinding, file: string | null, directory: string): CommandResult {
  if (finding.type === "elsewhere") throw notAtTail(finding, directory);
  if (finding.type === "clean") {
    const { lastIndex } = finding;
    return {
      document: { repaired: false, state: "clean", lastIndex },
      text: `nothing to cut: the log ends clean, at index ${lastIndex}`,
    };
  }
  const { tail } = finding;
  if (file === null) throw needsConsent(tail, directory);
  const { state, segment, offset, bytes, lastIndexKept, lastIndexLost } = tail;
  const lost = state === "torn"
    ? { firstIndexLost: null, lastIndexLost: null }
    : { firstIndexLost: lastIndexKept + 1, lastIndexLost };
  return {
    document: {
      ...{ repaired: true, state, segment, offset, bytes, lastIndex: lastIndexKept, ...lost },
      file: `${directory}/${file}`,
    },
    text: `cut ${formatSize(bytes)} off ${segment}: the log ends at index ${lastIndexKept}; ` +
      `what was cut is kept in ${directory}/${file}`,
    notes: state === "torn" ? [] : [
      `warning: ${lostText(tail)} are lost here; ${ACKNOWLEDGED}`,
      "fix: where the cluster lives, do not start this node as it is: " +
      `raft recover rejoin --data ${directory}`,
    ],
  };
}

/** `raft log repair DIR --truncate-tail` */
export const logRepair = declareCommand({
  name: "log repair",
  group: "BACKUP AND REPAIR",
  summary: "Cut a torn or damaged tail off a log, offline",
  description: "The node must be stopped. Only the tail is ever cut: what is bad at the very end " +
    "of the log, with nothing good behind it. It says first what would be lost and refuses (exit " +
    "10) without --yes. What is cut is kept in cut/ of the data directory.\n\n" +
    "A torn tail was acknowledged to nobody, and a node cuts it by itself when it starts. A " +
    "damaged tail may have been acknowledged: cutting it can lose what the cluster has " +
    "committed. It needs --confirm with the first index that is lost, too, and is for the case " +
    "that no other copy is left. Where the cluster lives, use raft recover rejoin.",
  examples: [
    { command: "raft log repair /var/lib/raft --truncate-tail", note: "what would be lost?" },
    { command: "raft log repair /var/lib/raft --truncate-tail --yes", note: "cut a torn tail" },
  ],
  arguments: directoryArgument,
  options: settings({
    truncateTail: toggle({ summary: "Cut the tail: the one repair that there is" }),
    confirm: optional(integer({
      placeholder: "INDEX",
      summary: "For a damaged tail: the first index that is lost",
      min: 1,
    })),
  }),
  run(context, { arguments: { directory }, options: { truncateTail, confirm } }) {
    if (!truncateTail) {
      throw new UsageError("Cannot repair without being told how: --truncate-tail is missing", {
        fix: [`see what is wrong first: raft log verify ${directory}`],
      });
    }
    return run(context, directory, { yes: context.globals.yes, confirm });
  },
});
