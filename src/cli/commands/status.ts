import { settings } from "../../config.ts";
import {
  changesUnderWay,
  type ClusterView,
  type MemberView,
  viewCluster,
  voteOf,
} from "../cluster_view.ts";
import { declareCommand } from "../command.ts";
import { statusTimeoutMs } from "../status_timeout.ts";
import type { Style } from "../style.ts";
import { alignColumns } from "../text_table.ts";

const COLUMNS = [
  "id",
  "address",
  "role",
  "voter",
  "reachable",
  "match",
  "lag",
  "snapshot",
  "version",
];

function rowOf(member: MemberView): string[] {
  const { id, address, role, reachable, matchIndex, lag, snapshotIndex, version } = member;
  return [
    String(id),
    address,
    role,
    voteOf(member),
    reachable ? "yes" : "NO",
    String(matchIndex ?? "-"),
    String(lag ?? "-"),
    String(snapshotIndex ?? "-"),
    version || "-",
  ];
}

/** A member with the fields of the contract first. */
function documentOf(member: MemberView) {
  const { id, address, role, voter, reachable, matchIndex, lag, version } = member;
  const { promotion, snapshotIndex } = member;
  const contract = { id, address, role, voter, reachable, matchIndex, lag, version };
  return { ...contract, promotion, snapshotIndex };
}

/** The page for people: the cluster in one line, then a line a member. */
function pageOf(view: ClusterView, style: Style): string {
  const { cluster, clusterId, leader, term, commitIndex, members } = view;
  const notes = [...view.notes, ...changesUnderWay(view)];
  const leads = leader === null
    ? style.red("no leader")
    : `leader ${style.green(`${leader.id}`)} at ${leader.address}`;
  const head = `cluster ${style.bold(cluster || "(no name)")} ${style.dim(clusterId)}\n` +
    `${leads}, term ${term}, commit index ${commitIndex}`;
  const table = alignColumns([COLUMNS.map((name) => name.toUpperCase()), ...members.map(rowOf)]);
  const alarms = view.alarms.map(({ message }) => style.red(`ALARM: ${message}`));
  return [head, "", table, ...alarms, ...notes.map((note) => style.yellow(`note: ${note}`))]
    .join("\n");
}

/** `raft status` */
export const status = declareCommand({
  name: "status",
  group: "CLUSTER",
  summary: "Members, leader, and how far each log is",
  description:
    "Every member is asked itself; one that does not answer, or that the leader has no " +
    "connection to, is shown as not reachable. " +
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
    const { configurationIndex, joint, transferTarget } = view;
    return {
      document: {
        cluster: name,
        clusterId,
        leader,
        term,
        commitIndex,
        members: members.map(documentOf),
        configurationIndex,
        joint,
        transferTarget,
        notes,
        alarms: view.alarms.map(({ nodeId, index, message }) => ({
          node: nodeId === 0 ? null : nodeId,
          index,
          message,
        })),
      },
      text: pageOf(view, context.style),
      table: { columns: COLUMNS, rows: members.map(rowOf) },
    };
  },
});
