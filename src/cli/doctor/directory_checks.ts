/**
 * A data directory, without changing it: whose it is, whether a node could use it, whether it is
 * sound.
 *
 * @module
 */
import { type DirectoryReport, verifyDirectory } from "../../log/offline/verify_directory.ts";
import type { HostProcess } from "../../runtime/process.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { reportError } from "../error_report.ts";
import { ExitCode } from "../exit_codes.ts";
import { problemText, requireDirectory } from "../offline/data_directory.ts";
import { obstacleOf } from "../offline/directory_advice.ts";
import { logText, tailText } from "../offline/report_fields.ts";
import { startProgress } from "../progress_bar.ts";
import type { CommandContext } from "../command.ts";
import { type Check, fine, problem, warning } from "./check.ts";

/** The bits of a mode that let others in. */
const OTHERS = 0o077;

/** What was found, and the cluster that the directory belongs to, where it says so. */
export interface DirectoryChecks {
  readonly checks: readonly Check[];
  readonly clusterId: string | null;
  /** Whether there is a directory at all. */
  readonly isThere: boolean;
}

/** Looks at the data directory at `path`. */
export async function checkDirectory(
  context: CommandContext,
  runtime: Runtime,
  path: string,
): Promise<DirectoryChecks> {
  let report: DirectoryReport;
  try {
    await requireDirectory(runtime, path);
    report = await read(context, runtime, path);
  } catch (error) {
    const { exit, message, fix } = reportError(error);
    if (exit === ExitCode.failed) throw error;
    const check = problem("data directory", { message, fix, exit });
    return { checks: [check], clusterId: null, isThere: exit !== ExitCode.notFound };
  }
  const owner = await checkOwner(context.host, path);
  const checks = [checkUse(report, path), ...owner, checkContents(report, path)];
  return { checks, clusterId: report.identity?.clusterId || null, isThere: true };
}

async function read(
  context: CommandContext,
  runtime: Runtime,
  path: string,
): Promise<DirectoryReport> {
  const progress = await startProgress(context, "reading");
  try {
    return await verifyDirectory(runtime, path, {
      isThorough: true,
      onProgress: (done, total) => progress.update(done, total),
    });
  } finally {
    progress.end();
  }
}

/** Who the directory belongs to, and who uses it. */
function checkUse({ identity, holder }: DirectoryReport, path: string): Check {
  const pid = holder?.pid ?? null;
  const by = pid === null ? "another process" : `process ${pid}`;
  const use = holder === null ? "in use by nobody" : `in use by ${by}`;
  if (identity === null) {
    return problem("data directory", {
      message: `"${path}" has no readable identity, ${use}`,
      fix: [`see what is damaged: raft log verify ${path}`],
      exit: ExitCode.badData,
    });
  }
  const { nodeId, clusterName, removed, born, formatVersion } = identity;
  const text = `node ${nodeId} of cluster "${clusterName}", format ${formatVersion}, ${use}`;
  if (removed) {
    return problem("data directory", {
      message: `${text}: the node was removed from its cluster`,
      fix: ["join again with an empty directory: raft start --join"],
      exit: ExitCode.denied,
    });
  }
  if (born) return fine("data directory", text);
  return warning("data directory", `${text}: it has not formed or joined a cluster yet`, [
    "start the other nodes that it was told of",
  ]);
}

async function checkOwner(host: HostProcess, path: string): Promise<Check[]> {
  const owner = await host.machine.ownership(path);
  if (owner === null) return [];
  if (!owner.isOwn) {
    return [warning("owner", `"${path}" belongs to another user`, [
      "run the node, and this command, as the user that the directory belongs to",
    ])];
  }
  if ((owner.mode & OTHERS) === 0) return [fine("owner", "this user, and nobody else may read it")];
  return [warning("owner", `other users may enter "${path}" (mode ${owner.mode.toString(8)})`, [
    `keep them out: chmod 700 ${path}`,
  ])];
}

/** Whether all that is stored is sound: every record, and every byte of the snapshots. */
function checkContents(report: DirectoryReport, path: string): Check {
  const { problems, tornTail } = report;
  const [first] = problems;
  if (first !== undefined) {
    const more = problems.length === 1 ? "" : `, and ${problems.length - 1} more`;
    const obstacle = obstacleOf(report);
    if (obstacle !== null) {
      const { verdict, fix } = obstacle;
      const exit = obstacle.exit === ExitCode.failed ? ExitCode.condition : obstacle.exit;
      const message = `${verdict}: ${problemText(obstacle.problem)}${more}`;
      return problem("stored data", { message, fix, exit });
    }
    return problem("stored data", {
      message: `damaged: ${problemText(first)}${more}`,
      fix: [`see all of it, and what to do: raft log verify ${path}`],
      exit: ExitCode.badData,
    });
  }
  if (!tornTail) return fine("stored data", `sound: ${logText(report)}`);
  return warning("stored data", tailText(report), [
    "nothing to do: the node cuts it when it starts",
  ]);
}
