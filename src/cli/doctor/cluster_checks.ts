/**
 * The nodes at the endpoints, and those that they name: reached or not, of one cluster and version,
 * with clocks that agree, and a quorum among them.
 *
 * @module
 */
import type { MemberStatus } from "../../client/ask_every_member.ts";
import { formatDuration } from "../../config/units.ts";
import { DeniedError } from "../../errors.ts";
import type { StatusAnswer } from "../../wire/client_messages.ts";
import { judgeHealth, viewCluster } from "../cluster_view.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import { statusTimeoutMs } from "../status_timeout.ts";
import { type Check, fine, problem, warning } from "./check.ts";

/** A heartbeat is due every 100 ms unless told otherwise: it should not travel for longer. */
const ROUND_TRIP_MS_HIGH = 100;
/** Logs that end alike end at one time; the nodes are not asked at one moment. */
const LOG_TIME_MS_HIGH = 2_000;

/** What a node answered, and how long that took. */
interface Answer {
  readonly status: StatusAnswer;
  readonly address: string;
  readonly roundTripMs: number;
}

/** Asks every node; `clusterId` is that of the data directory, where it is known. */
export async function checkCluster(
  context: CommandContext,
  clusterId: string | null,
): Promise<Check[]> {
  const cluster = await context.cluster();
  // Twice: the first answer has the time for dialing in it.
  await cluster.statusOfAll({ timeoutMs: statusTimeoutMs(context) });
  const statuses = await cluster.statusOfAll({ timeoutMs: statusTimeoutMs(context) });
  const answers = statuses.flatMap(({ status, address, roundTripMs }) =>
    status === null ? [] : [{ status, address, roundTripMs: roundTripMs ?? 0 }]
  );
  const silent = statuses.filter(({ status }) => status === null);
  if (answers.length === 0) return [nobody(context, silent)];
  return [
    ...answers.map(checkAnswer),
    ...silent.map(checkSilence),
    checkIdentity(answers, clusterId),
    checkVersions(answers),
    checkLogTime(answers),
    checkQuorum(statuses),
  ];
}

/** Nobody answered: bad where nodes were named, and no wonder where none were. */
function nobody(context: CommandContext, silent: readonly MemberStatus[]): Check {
  const reasons = silent.map(({ address, error }) => error?.message ?? `${address}: no answer`);
  const message = `no endpoint answers: ${reasons.join("; ")}`;
  const named = context.resolved.find(({ field }) => field.flag === "endpoints");
  if (named?.source === "default") {
    return warning("endpoints", message, ["name the nodes to look at: -e HOST:PORT,…"]);
  }
  const isDenied = silent.some(({ error }) => error instanceof DeniedError);
  return problem("endpoints", {
    message,
    fix: ["check the addresses, and start the nodes"],
    exit: isDenied ? ExitCode.denied : ExitCode.unreachable,
  });
}

function checkAnswer({ status, address, roundTripMs }: Answer): Check {
  const name = `node ${status.nodeId}`;
  const time = formatDuration(roundTripMs);
  const text = `${address} answers as ${status.role} within ${time}, version ${status.version}`;
  if (roundTripMs <= ROUND_TRIP_MS_HIGH) return fine(name, text);
  return warning(name, text, [
    "a longer way needs a longer --heartbeat and --election-timeout, on all nodes",
  ]);
}

function checkSilence({ nodeId, address, voter, error }: MemberStatus): Check {
  const name = nodeId === 0 ? "endpoint" : `node ${nodeId}`;
  const what = voter === null ? "" : voter ? ", a voter," : ", a learner,";
  const message = `${address}${what} does not answer: ${error?.message ?? "no reason is known"}`;
  return warning(name, message, ["start it, or see to the network between"]);
}

/** Whether all nodes, and the data directory, are of one cluster. */
function checkIdentity(answers: readonly Answer[], own: string | null): Check {
  const ids = new Map(answers.map(({ status }) => [status.clusterId, status.nodeId]));
  const name = answers[0]!.status.clusterName;
  const [first] = ids.keys();
  if (ids.size > 1) {
    const list = [...ids].map(([id, node]) => `node ${node}: ${id}`).join(", ");
    return problem("cluster", {
      message: `the endpoints are of ${ids.size} clusters: ${list}`,
      fix: ["name the nodes of one cluster only"],
      exit: ExitCode.denied,
    });
  }
  if (own !== null && own !== first) {
    return problem("cluster", {
      message: `the data directory is of cluster ${own}, the endpoints are of ${first}`,
      fix: ["check --data and --endpoints"],
      exit: ExitCode.denied,
    });
  }
  return fine("cluster", `one: "${name}" (${first})`);
}

function checkVersions(answers: readonly Answer[]): Check {
  const versions = [...new Set(answers.map(({ status }) => status.version))];
  if (versions.length === 1) return fine("versions", `all ${versions[0]}`);
  return warning("versions", `nodes run ${versions.join(" and ")}`, [
    "fine during an upgrade; finish it node by node",
  ]);
}

/**
 * The clock of the log runs at a leader, and stands at the last entry everywhere else: nodes whose
 * logs end alike have the same time, and a leader none that is before theirs.
 */
function checkLogTime(answers: readonly Answer[]): Check {
  const statuses = answers.map(({ status }) => status);
  const lastIndex = Math.max(...statuses.map((status) => status.lastIndex));
  const alike = statuses.filter((status) => status.lastIndex === lastIndex);
  const standing = alike.filter(({ role }) => role !== "leader").map((each) => each.logTimeMs);
  const running = alike.filter(({ role }) => role === "leader").map((each) => each.logTimeMs);
  const newestMs = Math.max(...standing);
  const differenceMs = newestMs - Math.min(...standing, ...running);
  if (standing.length === 0 || differenceMs <= LOG_TIME_MS_HIGH) {
    return fine("log time", "the nodes whose logs end alike have the same");
  }
  const text = `nodes whose logs end alike differ in its time by ${formatDuration(differenceMs)}`;
  return warning("log time", text, ["compare their logs: raft log ls DIR --from INDEX"]);
}

function checkQuorum(statuses: readonly MemberStatus[]): Check {
  const view = viewCluster(statuses);
  const { status, reasons } = judgeHealth(view);
  const { reachable, count, needed } = view.voters;
  const text = `${reachable} of ${count} voters answer, ${needed} are needed`;
  if (status === "healthy") return fine("quorum", `${text}; leader ${view.leader?.id}`);
  const message = `${text}: ${reasons.join("; ")}`;
  if (status === "degraded") return warning("quorum", message, ["see: raft status"]);
  return problem("quorum", {
    message,
    fix: ["start voters that are down; are their disks lost? compare the survivors: raft recover"],
    exit: ExitCode.noQuorum,
  });
}
