import { settings } from "../../config.ts";
import { changesUnderWay, viewCluster, voteOf } from "../cluster_view.ts";
import { declareCommand } from "../command.ts";
import { statusTimeoutMs } from "../status_timeout.ts";
import { alignColumns } from "../text_table.ts";

const COLUMNS = ["id", "address", "voter"];

/** `raft member ls` */
export const memberLs = declareCommand({
  name: "member ls",
  group: "CLUSTER",
  summary: "The members of the cluster",
  description:
    "Voters count when a leader is elected and when a write is committed. Learners get " +
    "the log and have no vote; soon means that one becomes a voter once it has caught up. " +
    "Without a leader this is what the node with the newest word knows.",
  examples: [
    { command: "raft member ls", note: "ids, addresses, and who votes" },
    { command: "raft member ls -o json", note: "for scripts" },
  ],
  arguments: settings({}),
  options: settings({}),
  async run(context) {
    const cluster = await context.cluster();
    const view = viewCluster(await cluster.statusOfAll({ timeoutMs: statusTimeoutMs(context) }));
    const members = view.members.filter(({ isMember }) => isMember);
    const rows = members.map((member) => [String(member.id), member.address, voteOf(member)]);
    return {
      document: {
        members: members.map(({ id, address, voter, promotion }) => ({
          id,
          address,
          voter,
          promotion,
        })),
        configurationIndex: view.configurationIndex,
        joint: view.joint,
      },
      text: alignColumns([COLUMNS.map((name) => name.toUpperCase()), ...rows]),
      table: { columns: COLUMNS, rows },
      notes: [
        ...(view.leader === null ? ["no leader: this may be old"] : []),
        ...changesUnderWay(view),
      ],
    };
  },
});
