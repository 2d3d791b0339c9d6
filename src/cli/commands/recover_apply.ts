import { integer, optional, settings, text } from "../../config.ts";
import { recoverDirectory, type RecoverOutcome } from "../../raft/recover_directory.ts";
import { declareCommand } from "../command.ts";
import { requireDirectory } from "../offline/data_directory.ts";

/** What became of the directory, for people. */
function describe(outcome: RecoverOutcome, { id, data }: { id: number; data: string }): string {
  const { clusterId, clusterName, formerClusterId, lastIndex, lastTerm } = outcome;
  const { lockedOut, wasDone } = outcome;
  const others = lockedOut.length === 0 ? "" : `; nodes ${lockedOut.join(", ")} are locked out`;
  const first = wasDone
    ? `cluster ${formerClusterId} was recovered as ${clusterId} before: nothing was changed`
    : `cluster ${formerClusterId} is over: node ${id} is the new cluster ${clusterId}, with ` +
      `everything up to index ${lastIndex}, term ${lastTerm}${others}`;
  return [
    first,
    `next: raft start --id ${id} --data ${data}`,
    "then, on other machines, with empty directories: " +
    `raft start --id N --cluster ${clusterName} --join HOST:PORT`,
  ].join("\n");
}

/** `raft recover apply` */
export const recoverApply = declareCommand({
  name: "recover apply",
  group: "BACKUP AND REPAIR",
  summary: "Make one node the start of a new cluster",
  description: "For a cluster that has lost its quorum for good. What this node holds becomes a " +
    "new cluster, with a cluster id of its own and this node as the only member. Writes that " +
    "were acknowledged, and that this node never got, are lost. Whoever else was a member is " +
    "locked out and stops with exit code 8 when it comes back.\n\nCompare all directories that " +
    "are left first: raft recover plan. Without --confirm, which wants the id or the name " +
    "of the old cluster, this says what would be given up (exit 10). Cut short, no node starts " +
    "in the directory until the same command has completed it.",
  examples: [
    { command: "raft recover plan data/1 data/3", note: "compare first" },
    {
      command: "raft recover apply --data data/1 --id 1 --confirm 54e1aad9614fe6f99083e4275128ec3b",
      note: "then give the old cluster up",
    },
  ],
  isForShell: false,
  arguments: settings({}),
  options: settings({
    data: text({ placeholder: "DIR", summary: "The data directory" }),
    id: integer({ placeholder: "N", summary: "The id of its node", min: 1 }),
    confirm: optional(text({
      placeholder: "CLUSTER",
      summary: "The cluster that is given up: its id, as raft recover plan prints it, or its name",
    })),
  }),
  async run(context, { options: { data, id, confirm } }) {
    const runtime = await context.runtime();
    await requireDirectory(runtime, data);
    const outcome = await recoverDirectory(runtime, {
      path: data,
      nodeId: id,
      confirm: confirm ?? "",
    });
    const { clusterId, clusterName: cluster, formerClusterId, lastIndex, lastTerm } = outcome;
    const { lockedOut, wasDone } = outcome;
    return {
      document: {
        id,
        data,
        cluster,
        clusterId,
        formerClusterId,
        lastIndex,
        lastTerm,
        lockedOut,
        wasDone,
      },
      text: describe(outcome, { id, data }),
    };
  },
});
