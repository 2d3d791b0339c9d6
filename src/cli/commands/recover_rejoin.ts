import { settings, text, toggle } from "../../config.ts";
import { rejoinDirectory } from "../../log/rejoin_directory.ts";
import { declareCommand } from "../command.ts";
import { requireDirectory } from "../offline/data_directory.ts";
import { readReport } from "../offline/read_report.ts";

/** `raft recover rejoin` */
export const recoverRejoin = declareCommand({
  name: "recover rejoin",
  group: "BACKUP AND REPAIR",
  summary: "Have a node with a damaged data directory mended by the others",
  description:
    "Sets the data directory up anew, under the same id but as another instance: the node's log, " +
    "votes and snapshots are put aside in it, and nothing is deleted. When the node is started " +
    "it asks the leader to let it rejoin; the others take the vote of the lost instance away, " +
    "send everything, and give a vote back once it has caught up. Until then it counts for " +
    "nothing, and the other voters must be a majority without it.\n\n" +
    "Only where everything is read and damage is found, or the node's state was found to differ " +
    "from that of the others; in all other cases --force says that it is meant. Running it again " +
    "completes what was cut short, and else changes nothing.",
  examples: [
    { command: "raft recover rejoin --data /var/lib/raft", note: "then: raft start --id 3" },
  ],
  arguments: settings({}),
  options: settings({
    data: text({ placeholder: "DIR", summary: "Data directory of the node, which is stopped" }),
    force: toggle({ summary: "Also where nothing is found to be wrong" }),
  }),
  async run(context, { options: { data: path, force } }) {
    const runtime = await context.runtime();
    await requireDirectory(runtime, path);
    const report = force ? null : await readReport(context, path, { isThorough: true });
    const damage = report?.problems.filter(({ kind }) => kind !== "newer_format") ?? [];
    const { identity, asidePath, wasDone } = await rejoinDirectory(runtime, {
      path,
      isNeeded: force || damage.length > 0,
    });
    const { nodeId, instanceId } = identity;
    return {
      document: { nodeId, instanceId, aside: asidePath, done: !wasDone },
      text: wasDone
        ? `node ${nodeId} is ready to rejoin already: nothing was changed`
        : `node ${nodeId} is ready to rejoin as a new instance; the old files are in ${asidePath}`,
      notes: [`next: raft start --id ${nodeId} --data ${path}`],
    };
  },
});
