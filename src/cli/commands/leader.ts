import { settings } from "../../config.ts";
import { declareCommand } from "../command.ts";

/** `raft leader` */
export const leader = declareCommand({
  name: "leader",
  group: "CLUSTER",
  summary: "Who leads",
  description: "Asks until a node says that it leads itself, or the deadline passes (exit code 6).",
  examples: [
    { command: "raft leader", note: "id and address" },
    { command: "raft leader --field id", note: "the id alone" },
  ],
  arguments: settings({}),
  options: settings({}),
  async run(context) {
    const cluster = await context.cluster();
    const { leaderId: id, term, members, transferTarget } = await cluster.members({
      timeoutMs: context.remainingMs(),
    });
    const address = members.find((member) => member.id === id)?.address ?? "";
    return {
      document: { id, address, term, transferTarget: transferTarget || null },
      text: `${id} ${address} (term ${term})`,
      notes: transferTarget === 0 ? [] : [`leadership is being handed to node ${transferTarget}`],
    };
  },
});
