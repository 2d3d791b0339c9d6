import { integer, optional, settings, text } from "../../config.ts";
import { formatSize } from "../../config/units.ts";
import { restoreDirectory } from "../../log/restore_directory.ts";
import { declareCommand } from "../command.ts";
import { CLUSTER_DEFAULT } from "../node_plan.ts";
import { requireFile } from "../offline/snapshot_contents.ts";
import { startProgress } from "../progress_bar.ts";

/** `raft snapshot restore FILE` */
export const snapshotRestore = declareCommand({
  name: "snapshot restore",
  group: "BACKUP AND REPAIR",
  summary: "Make a new cluster of one node out of a snapshot file",
  description: "Verifies every byte of FILE, then makes a data directory with its state: the " +
    "first node of a new cluster, with a cluster id of its own. Keys, revisions, leases, " +
    "sessions and remembered answers are those of the backup. The members of the old cluster " +
    "cannot take part in the new one, nor the other way round.\n\nStart the node with --listen " +
    "or --advertise as it is to be reached; then others join it (raft start --join). DIR must " +
    "not exist or be empty. Cut short, the directory is told from a finished one: no node " +
    "starts in it, and the same command does it again.",
  examples: [
    { command: "raft snapshot restore backup.snapshot --data new/1 --id 1", note: "make it" },
    { command: "raft start --id 1 --data new/1 --listen 10.0.0.1:7238", note: "start it" },
    {
      command: "raft start --id 2 --listen 10.0.0.2:7238 --join 10.0.0.1:7238",
      note: "a second node",
    },
  ],
  isForShell: false,
  arguments: settings({
    file: text({ placeholder: "FILE", summary: "A file of raft snapshot save" }),
  }),
  options: settings({
    data: text({ placeholder: "DIR", summary: "The data directory to make" }),
    id: integer({ placeholder: "N", summary: "The id of the node", min: 1 }),
    cluster: optional(text({ placeholder: "NAME", summary: "A name for the new cluster" })),
  }),
  async run(context, { arguments: { file }, options: { data, id, cluster } }) {
    const clusterName = cluster ?? CLUSTER_DEFAULT;
    await requireFile(await context.runtime(), file);
    const progress = await startProgress(context, "restoring");
    const restored = await restoreDirectory(await context.runtime(), {
      file,
      path: data,
      nodeId: id,
      clusterName,
      // Each byte is read twice: to verify it, then to copy it.
      progressed: (step, { bytes, totalBytes }) =>
        progress.update(step === "verify" ? bytes : totalBytes + bytes, 2 * totalBytes),
    }).finally(() => progress.end());
    const { from, totalBytes, clusterId } = restored;
    const { lastIncludedIndex: index, lastIncludedTerm: term } = from;
    return {
      document: {
        id,
        data,
        cluster: clusterName,
        clusterId,
        index,
        term,
        bytes: totalBytes,
        formerClusterId: from.clusterId,
      },
      text: `node ${id} of the new cluster ${clusterName} ${clusterId} is in ${data}: ` +
        `${formatSize(totalBytes)} up to index ${index}, term ${term}\n` +
        `next: raft start --id ${id} --data ${data} --listen HOST:PORT\n` +
        "then, on other machines, with empty directories: " +
        `raft start --id N --cluster ${clusterName} --join HOST:PORT`,
    };
  },
});
