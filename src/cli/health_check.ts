import type { ReadConsistency } from "../config.ts";
import { RaftError } from "../errors.ts";
import { type ClusterView, type Health, judgeHealth, viewCluster } from "./cluster_view.ts";
import { CommandFailure } from "./command_failure.ts";
import type { CommandContext } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { statusTimeoutMs } from "./status_timeout.ts";

/** What was seen and what it means. */
export interface HealthCheck extends Health {
  /** The cluster, or null where nobody answered. */
  readonly view: ClusterView | null;
}

/** Any key will do: the read proves that a majority still confirms the leader. */
const PROBE_KEY = "health";

const PROBE_CONSISTENCY: ReadConsistency["level"] = "linearizable";

/**
 * Asks every member how it is, and proves the leader by a linearizable read. Only a refusal of this
 * client is an error: silence is an answer here.
 */
export async function checkHealth(context: CommandContext): Promise<HealthCheck> {
  const cluster = await context.cluster();
  let view: ClusterView;
  try {
    view = viewCluster(await cluster.statusOfAll({ timeoutMs: statusTimeoutMs(context) }));
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.exit === ExitCode.denied) throw error;
    return { status: "unknown", reasons: [error.message, ...error.why], view: null };
  }
  const health = judgeHealth(view);
  if (health.status === "no_quorum") return { ...health, view };
  try {
    const timeoutMs = statusTimeoutMs(context);
    await cluster.keyValue.get(PROBE_KEY, { timeoutMs, consistency: PROBE_CONSISTENCY });
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    const reasons = [`a linearizable read failed: ${error.message}`, ...health.reasons];
    return { status: "no_quorum", reasons, view };
  }
  return { ...health, view };
}
