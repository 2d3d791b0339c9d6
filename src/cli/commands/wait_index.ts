import { integer, settings } from "../../config.ts";
import { viewCluster } from "../cluster_view.ts";
import { declareCommand } from "../command.ts";
import { statusTimeoutMs } from "../status_timeout.ts";
import { waitUntil } from "../wait_until.ts";

/** `raft wait index N` */
export const waitIndex = declareCommand({
  name: "wait index",
  group: "COORDINATION",
  summary: "Wait until an entry of the log is committed",
  description: "The index is what put prints as its revision. At the deadline: exit code 4.",
  examples: [{ command: "raft wait index 1042", note: "until entry 1042 is committed" }],
  arguments: settings({
    index: integer({ placeholder: "N", summary: "The index of the entry", min: 1 }),
  }),
  options: settings({}),
  async run(context, { arguments: { index } }) {
    const cluster = await context.cluster();
    return waitUntil(context, {
      what: `entry ${index} to be committed`,
      look: async () => {
        const statuses = await cluster.statusOfAll({ timeoutMs: statusTimeoutMs(context) });
        const { commitIndex } = viewCluster(statuses);
        if (commitIndex < index) return { missing: `the commit index is ${commitIndex}` };
        return { result: { document: { index, commitIndex }, text: `committed ${commitIndex}` } };
      },
    });
  },
});
