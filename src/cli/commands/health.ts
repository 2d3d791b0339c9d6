import { settings } from "../../config.ts";
import { type Health, healthExit } from "../cluster_view.ts";
import { declareCommand } from "../command.ts";
import { checkHealth } from "../health_check.ts";
import type { Style } from "../style.ts";

function colored({ status }: Health, style: Style): string {
  if (status === "healthy") return style.green(status);
  return status === "degraded" ? style.yellow(status) : style.red(status);
}

/** `raft health` */
export const health = declareCommand({
  name: "health",
  group: "CLUSTER",
  summary: "Is the cluster healthy? The exit code says it too",
  description: "healthy (exit 0): a leader that a majority confirms, and every member answers " +
    "and follows it.\n" +
    "degraded (exit 4): it works, but a member is missing, far behind, or not reached by the " +
    "leader.\n" +
    "no_quorum (exit 6): no leader, or no majority: writes are refused.\n" +
    "unknown (exit 5): nobody answers.",
  examples: [
    { command: "raft health && echo fine", note: "for scripts" },
    { command: "raft health -o json", note: "with the reasons" },
  ],
  arguments: settings({}),
  options: settings({}),
  async run(context) {
    const { status, reasons } = await checkHealth(context);
    const lines = [
      colored({ status, reasons }, context.style),
      ...reasons.map((reason) => `  - ${reason}`),
    ];
    return {
      document: { status, reasons },
      text: lines.join("\n"),
      exit: healthExit({ status, reasons }),
    };
  },
});
