import { settings, text, toggle } from "../../config.ts";
import { rejoinDirectory } from "../../log/rejoin_directory.ts";
import type { SoundParts } from "../../log/sound_parts.ts";
import { CommandFailure } from "../command_failure.ts";
import { declareCommand } from "../command.ts";
import { obstacleOf, rejoinObjection } from "../offline/directory_advice.ts";
import { problemText, requireDirectory } from "../offline/data_directory.ts";
import { readReport } from "../offline/read_report.ts";
import type { JsonObject } from "../json.ts";
import { startProgress } from "../progress_bar.ts";

/** What was kept, for people. */
function describe({ snapshotIndex, lastIndex, damage, reason }: SoundParts): string {
  const parts = [
    ...(snapshotIndex > 0 ? [`snapshot at index ${snapshotIndex}`] : []),
    ...(lastIndex > snapshotIndex ? [`log to index ${lastIndex}`] : []),
  ];
  const what = parts.length === 0 ? "nothing" : parts.join(", ");
  const why = reason === "" ? "" : `; ${reason}`;
  const place = damage === null ? "" : `\ndamaged: from ${damage.file} offset ${damage.offset} on`;
  return `kept: ${what}${why}${place}`;
}

function fieldsOf(kept: SoundParts | null): JsonObject | null {
  if (kept === null) return null;
  const { snapshotIndex, lastIndex, damage, reason } = kept;
  return {
    snapshotIndex,
    lastIndex,
    damagedSegment: damage?.file ?? null,
    damagedOffset: damage?.offset ?? null,
    reason,
  };
}

/** `raft recover rejoin` */
export const recoverRejoin = declareCommand({
  name: "recover rejoin",
  group: "BACKUP AND REPAIR",
  summary: "Have a node with a damaged data directory mended by the others",
  description:
    "Sets the data directory up anew, under the same id but as another instance: the node's log, " +
    "votes and snapshots are put aside in it with a copy of its identity, as a data directory " +
    "that recover plan and log verify read, and nothing is deleted. What is provably good is " +
    "copied back: the newest snapshot that is whole, and the log behind it up to the first " +
    "damage; --keep-nothing leaves that out. When the node is started " +
    "it asks the leader to let it rejoin; the others take the vote of the lost instance away, " +
    "send what it lacks, and give a vote back once it has caught up. Until then it counts for " +
    "nothing, and the other voters must be a majority without it.\n\n" +
    "Only where everything is read and damage is found, or the node's state was found to differ " +
    "from that of the others, and where the other voters that the directory knows of are a " +
    "majority; --force says that it is meant where nothing is wrong, or where voters were added " +
    "since. What is of a newer format or cannot be read is no damage, and the only voter of a " +
    "cluster has nobody to rejoin: that is refused always. Running it again completes what was " +
    "cut short, and else changes nothing.",
  examples: [
    { command: "raft recover rejoin --data /var/lib/raft", note: "then: raft start --id 3" },
  ],
  arguments: settings({}),
  options: settings({
    data: text({ placeholder: "DIR", summary: "Data directory of the node, which is stopped" }),
    force: toggle({ summary: "Also where nothing is wrong, or voters were added since" }),
    keepNothing: toggle({ summary: "Use nothing of the old files: have the others send it all" }),
  }),
  async run(context, { options: { data: path, force, keepNothing } }) {
    const runtime = await context.runtime();
    await requireDirectory(runtime, path);
    const report = await readReport(context, path, { isThorough: !force });
    const obstacle = obstacleOf(report);
    if (obstacle !== null) {
      const { problem, verdict, exit, fix } = obstacle;
      throw new CommandFailure(`Cannot let "${path}" rejoin: it ${verdict}`, {
        exit,
        why: [problemText(problem), "nothing was changed"],
        fix,
      });
    }
    const progress = await startProgress(context, "copying what is good");
    const { identity, asidePath, kept } = await rejoinDirectory(runtime, {
      path,
      isNeeded: force || report.problems.some(({ isHarmless }) => isHarmless !== true),
      objection: rejoinObjection(report, { path, isForced: force }),
      keepsNothing: keepNothing,
      onProgress: (done, total) => progress.update(done, total),
    }).finally(() => progress.end());
    const { nodeId, instanceId } = identity;
    return {
      document: { nodeId, instanceId, aside: asidePath, done: kept !== null, kept: fieldsOf(kept) },
      text: kept === null
        ? `node ${nodeId} is ready to rejoin already: nothing was changed`
        : `node ${nodeId} is ready to rejoin as a new instance; the old files are in ` +
          `${asidePath}\n${describe(kept)}`,
      notes: [`next: raft start --id ${nodeId} --data ${path}`],
    };
  },
});
