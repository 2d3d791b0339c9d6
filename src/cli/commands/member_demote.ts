import { integer, settings } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { changeMembers, memberChange, requireMember } from "../member_change.ts";

/** `raft member demote ID` */
export const memberDemote = declareCommand({
  name: "member demote",
  group: "CLUSTER",
  isWrite: true,
  summary: "Make a voter a learner: it keeps its log and loses its vote",
  description:
    "It goes on to get the log. A leader that is demoted hands over first. Refused (exit " +
    "10) where the voters that are left would have no quorum.",
  examples: [
    { command: "raft member demote 4", note: "takes the vote of node 4" },
    { command: "raft drain 4", note: "the same, after leadership has moved elsewhere" },
  ],
  arguments: settings({ id: integer({ placeholder: "ID", summary: "The member", min: 1 }) }),
  options: settings({}),
  async run(context, { arguments: { id } }) {
    const cluster = await context.cluster();
    const membership = await cluster.members({ timeoutMs: context.remainingMs() });
    requireMember(membership, id);
    const changes = [memberChange("demote", id)];
    const { configurationIndex } = await changeMembers(context, { membership, changes });
    return {
      document: { id, configurationIndex },
      text: `node ${id} is a learner now`,
    };
  },
});
