import { integer, optional, settings } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { moveLeadership } from "../leadership.ts";

/** `raft transfer [ID]` */
export const transfer = declareCommand({
  name: "transfer",
  group: "CLUSTER",
  isWrite: true,
  summary: "Hand leadership to another node",
  description:
    "The leader brings the other node up to date and asks it to take over: writes wait " +
    "for some milliseconds, and none is lost. Without ID the voter that is furthest takes over.",
  examples: [
    { command: "raft transfer", note: "away from the node that leads" },
    { command: "raft transfer 2", note: "to node 2" },
  ],
  arguments: settings({
    id: optional(integer({ placeholder: "ID", summary: "Who is to lead", min: 1 })),
  }),
  options: settings({}),
  async run(context, { arguments: { id } }) {
    const cluster = await context.cluster();
    const membership = await cluster.members({ timeoutMs: context.remainingMs() });
    const { leaderId, term } = await moveLeadership(context, { membership, target: id });
    const address = membership.members.find((member) => member.id === leaderId)?.address ?? "";
    const before = membership.leaderId;
    return {
      document: { leader: { id: leaderId, address }, term, previous: before },
      text: leaderId === before
        ? `node ${leaderId} leads already, in term ${term}`
        : `node ${leaderId} at ${address} leads now, in term ${term}`,
    };
  },
});
