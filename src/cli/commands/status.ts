import { settings } from "../../config.ts";
import { type ClusterView, type MemberView, viewCluster } from "../cluster_view.ts";
import { declareCommand } from "../command.ts";
import { statusTimeoutMs } from "../status_timeout.ts";
import type { Style } from "../style.ts";
import { alignColumns } from "../text_table.ts";

const COLUMNS = ["id", "address", "role", "voter", "reachable", "match", "lag", "version"];

function rowOf(member: MemberView): string[] {
  const { id, address, role, voter, reachable, matchIndex, lag, version } = member;
  return [
    String(id),
    address,
    role,
    voter ? "yes" : "no",
    reachable ? "yes" : "NO",
    String(matchIndex ?? "-"),
    String(lag ?? "-"),
    version || "-",
  ];
}

/** The page for people: the cluster in one line, then a line a member. */
function pageOf(view: ClusterView, style: Style): string {
  const { cluster, clusterId, leader, term, commitIndex, members, notes } = view;
  const leads = leader === null
    ? style.red("no leader")
    : `leader ${style.green(`${leader.id}`)} at ${leader.address}`;
  const head = `cluster ${style.bold(cluster || "(no name)")} ${style.dim(clusterId)}\n` +
    `${leads}, term ${term}, commit index ${commitIndex}`;
  const table = alignColumns([COLUMNS.map((name) => name.toUpperCase()), ...members.map(rowOf)]);
  return [head, "", table, ...notes.map((note) => style.yellow(`note: ${note}`))].join("\n");
}

/** `raft status` */
export const status = declareCommand({
  name: "status",
  group: "CLUSTER",
  summary: "Members, leader, and how far each log is",
  description:
    "Every member is asked itself; one that does not answer is shown as not reachable. " +
    "What a node says of others is taken from the leader of the highest term.",
  examples: [
    { command: "raft status", note: "the cluster at a glance" },
    { command: "raft status --field leader.id", note: "one field, for scripts" },
  ],
  arguments: settings({}),
  options: settings({}),
  async run(context) {
    const cluster = await context.cluster();
    const statuses = await cluster.statusOfAll({ timeoutMs: statusTimeoutMs(context) });
    const view = viewCluster(statuses);
    const { cluster: name, clusterId, leader, term, commitIndex, members, notes } = view;
    return {
      document: {
        cluster: name,
        clusterId,
        leader,
        term,
        commitIndex,
        members: members.map((member) => ({ ...member })),
        notes,
      },
      text: pageOf(view, context.style),
      table: { columns: COLUMNS, rows: members.map(rowOf) },
    };
  },
});
