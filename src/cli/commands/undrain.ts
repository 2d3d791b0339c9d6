import { integer, settings } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { changeMembers, memberChange, requireMember } from "../member_change.ts";

/** `raft undrain ID` */
export const undrain = declareCommand({
  name: "undrain",
  group: "CLUSTER",
  isWrite: true,
  summary: "Give a drained node its vote back, once it has caught up",
  description:
    "The opposite of raft drain. The node becomes a voter by itself when it has the log " +
    "again: raft wait member ID voter.",
  examples: [{ command: "raft undrain 2", note: "after maintenance" }],
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
        : `node ${id} votes again once it has caught up`,
    };
  },
});
