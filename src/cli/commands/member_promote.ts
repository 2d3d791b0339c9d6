import { integer, settings } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { changeMembers, memberChange, requireMember } from "../member_change.ts";

/** `raft member promote ID` */
export const memberPromote = declareCommand({
  name: "member promote",
  group: "CLUSTER",
  isWrite: true,
  summary: "Make a learner a voter, once it has caught up",
  description:
    "The leader does it by itself as soon as the learner has the log. One that is a voter " +
    "already stays one.",
  examples: [
    { command: "raft member promote 4", note: "gives node 4 a vote" },
    { command: "raft wait member 4 voter", note: "until it has it" },
  ],
  arguments: settings({ id: integer({ placeholder: "ID", summary: "The member", min: 1 }) }),
  options: settings({}),
  async run(context, { arguments: { id } }) {
    const cluster = await context.cluster();
    const membership = await cluster.members({ timeoutMs: context.remainingMs() });
    const { voter } = requireMember(membership, id);
    const changes = [memberChange("promote", id)];
    const { configurationIndex } = await changeMembers(context, { membership, changes });
    return {
      document: { id, configurationIndex },
      text: voter
        ? `node ${id} is a voter already`
        : `node ${id} becomes a voter once it has caught up`,
    };
  },
});
