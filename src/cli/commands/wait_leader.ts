import { settings } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { statusTimeoutMs } from "../status_timeout.ts";
import { waitUntil } from "../wait_until.ts";

/** `raft wait leader` */
export const waitLeader = declareCommand({
  name: "wait leader",
  group: "COORDINATION",
  summary: "Wait until there is a leader",
  description: "Nodes that cannot be reached are tried again until the deadline; then exit code 4.",
  examples: [{ command: "raft wait leader --timeout 30s", note: "after starting the nodes" }],
  arguments: settings({}),
  options: settings({}),
  async run(context) {
    const cluster = await context.cluster();
    return waitUntil(context, {
      what: "a leader",
      look: async () => {
        const { id, address, term } = await cluster.leader({
          timeoutMs: statusTimeoutMs(context),
        });
        return { result: { document: { id, address, term }, text: `${id} ${address}` } };
      },
    });
  },
});
