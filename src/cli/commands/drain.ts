import { integer, settings } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { moveLeadership } from "../leadership.ts";
import {
  changeMembers,
  memberChange,
  requireMember,
  requireQuorumWithout,
} from "../member_change.ts";

/** `raft drain ID` */
export const drain = declareCommand({
  name: "drain",
  group: "CLUSTER",
  isWrite: true,
  summary: "Make a node dispensable: it neither leads nor votes",
  description: "Before maintenance. Leadership moves elsewhere if the node has it, then the node " +
    "becomes a learner: it keeps its log and goes on to get it, and stopping it costs no " +
    "election and no vote. Refused (exit 10) where the other voters that are up would be no " +
    "quorum, so this also tells whether the node may be stopped at all. raft undrain takes " +
    "it back.",
  examples: [
    { command: "raft drain 2", note: "now node 2 may be stopped" },
    { command: "raft undrain 2", note: "afterwards" },
  ],
  arguments: settings({ id: integer({ placeholder: "ID", summary: "The member", min: 1 }) }),
  options: settings({}),
  async run(context, { arguments: { id } }) {
    const cluster = await context.cluster();
    let membership = await cluster.members({ timeoutMs: context.remainingMs() });
    const { voter } = requireMember(membership, id);
    if (membership.leaderId === id) {
      // Before leadership moves: a refusal leaves everything as it was.
      if (voter && membership.members.some((other) => other.voter && other.id !== id)) {
        requireQuorumWithout(membership, id);
      }
      const { leaderId } = await moveLeadership(context, { membership, target: undefined });
      context.talk(`node ${leaderId} leads now`);
      membership = await cluster.members({ timeoutMs: context.remainingMs() });
    }
    const changes = [memberChange("demote", id)];
    const { configurationIndex } = await changeMembers(context, { membership, changes });
    return {
      document: { id, leader: membership.leaderId, configurationIndex },
      text: `node ${id} neither leads nor votes: it may be stopped`,
    };
  },
});
