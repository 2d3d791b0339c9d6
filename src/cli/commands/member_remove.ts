import { integer, settings, toggle } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { changeMembers, memberChange, requireMember } from "../member_change.ts";

/** `raft member remove ID` */
export const memberRemove = declareCommand({
  name: "member remove",
  group: "CLUSTER",
  isWrite: true,
  summary: "Take a node out of the cluster",
  description:
    "The node stops (exit code 8) when it learns of it, and its data directory is of no " +
    "use any more: under its id only an empty one may join again. A leader that is removed " +
    "hands over first. Refused (exit code 10) where the voters that are left and up would be no " +
    "quorum: then nothing could be written, nor this taken back.",
  examples: [
    { command: "raft member remove 3", note: "node 3 is gone for good" },
    { command: "raft member replace 3 4 10.0.0.4:7238", note: "in one step, with a new node" },
  ],
  arguments: settings({ id: integer({ placeholder: "ID", summary: "The member", min: 1 }) }),
  options: settings({
    force: toggle({ summary: "Also where too few of the other voters are up for a quorum" }),
  }),
  async run(context, { arguments: { id }, options: { force } }) {
    const cluster = await context.cluster();
    const membership = await cluster.members({ timeoutMs: context.remainingMs() });
    const { address } = requireMember(membership, id);
    const { configurationIndex } = await changeMembers(context, {
      membership,
      changes: [memberChange("remove", id)],
      force,
      ...(force ? {} : { forceCommand: `raft member remove ${id} --force` }),
    });
    return {
      document: { id, address, configurationIndex },
      text: `node ${id} at ${address} is no member any more`,
    };
  },
});
