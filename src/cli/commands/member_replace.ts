import { address as addressSetting, integer, settings } from "../../config.ts";
import { UsageError } from "../../config/usage_error.ts";
import { declareCommand } from "../command.ts";
import {
  changeMembers,
  checkNewMember,
  endpointsOf,
  memberChange,
  requireMember,
} from "../member_change.ts";
import { CLUSTER_DEFAULT } from "../node_plan.ts";

/** `raft member replace OLD NEW HOST:PORT` */
export const memberReplace = declareCommand({
  name: "member replace",
  group: "CLUSTER",
  isWrite: true,
  summary: "A new node in place of one that is lost, in one step",
  description:
    "OLD leaves and NEW comes in one change. NEW is a learner first and becomes a voter " +
    "once it has caught up; until then there is one voter less. To keep the number of voters all " +
    "the time, where OLD still works: raft member add, raft wait member NEW voter, and then raft " +
    "member remove.",
  examples: [
    { command: "raft member replace 3 4 10.0.0.4:7238", note: "the disk of node 3 is lost" },
  ],
  arguments: settings({
    old: integer({ placeholder: "OLD", summary: "The member that leaves", min: 1 }),
    id: integer({ placeholder: "NEW", summary: "An id that no member has", min: 1 }),
    address: addressSetting({ summary: "Where the other nodes reach the new one" }),
  }),
  options: settings({}),
  async run(context, { arguments: { old, id, address } }) {
    if (old === id) {
      throw new UsageError(`Cannot replace node ${old} by itself: want another id`, {
        fix: [`to use the id again: raft member remove ${old}, then join with an empty directory`],
      });
    }
    const cluster = await context.cluster();
    const membership = await cluster.members({ timeoutMs: context.remainingMs() });
    requireMember(membership, old);
    const members = membership.members.filter((member) => member.id !== old);
    checkNewMember({ ...membership, members }, id, address);
    const changes = [memberChange("remove", old), memberChange("add", id, address)];
    const { configurationIndex } = await changeMembers(context, { membership, changes });
    const others = members.filter((member) => member.id !== id);
    const name = membership.clusterName;
    const next = `raft start --id ${id} --listen ${address} --join ` +
      endpointsOf({ ...membership, members: others }) +
      (name === CLUSTER_DEFAULT ? "" : ` --cluster ${name}`);
    return {
      document: { removed: old, id, address, voter: false, configurationIndex, next },
      text: `node ${old} is no member any more; node ${id} at ${address} is a learner now, and ` +
        "becomes a voter once it has caught up",
      notes: [`next, on its machine:\n  ${next}`],
    };
  },
});
