import { integer, optional, settings } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { checkHealth } from "../health_check.ts";
import { waitUntil } from "../wait_until.ts";

/** `raft wait healthy` */
export const waitHealthy = declareCommand({
  name: "wait healthy",
  group: "COORDINATION",
  summary: "Wait until the cluster is healthy",
  description: "Healthy means what raft health calls healthy. At the deadline: exit code 4.",
  examples: [
    { command: "raft wait healthy --timeout 1m", note: "before a deployment goes on" },
    { command: "raft wait healthy --voters 3", note: "and it has exactly three voters" },
  ],
  arguments: settings({}),
  options: settings({
    voters: optional(integer({
      placeholder: "N",
      summary: "And it has exactly so many voters",
      min: 1,
    })),
  }),
  run(context, { options: { voters: wanted } }) {
    const voters = wanted === undefined ? "" : ` with ${wanted} voters`;
    return waitUntil(context, {
      what: `a healthy cluster${voters}`,
      look: async () => {
        const { status, reasons, view } = await checkHealth(context);
        const count = view?.voters.count ?? 0;
        if (status !== "healthy") return { missing: `${status}: ${reasons.join("; ")}` };
        if (wanted !== undefined && count !== wanted) {
          return { missing: `it has ${count} voters, want ${wanted}` };
        }
        const document = { status, reasons, voters: count };
        return { result: { document, text: `healthy, ${count} voters` } };
      },
    });
  },
});
