import { settings, texts } from "../../config.ts";
import { UsageError } from "../../config/usage_error.ts";
import {
  planRecovery,
  readSurvivor,
  type RecoveryPlan,
  type Survivor,
  votersOf,
} from "../../log/offline/survivors.ts";
import { type CommandContext, declareCommand } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import type { JsonObject } from "../json.ts";
import { requireDirectory } from "../offline/data_directory.ts";
import { startProgress } from "../progress_bar.ts";
import { alignColumns } from "../text_table.ts";

/** Reads one directory after the other. */
async function readAll(context: CommandContext, paths: readonly string[]): Promise<Survivor[]> {
  const runtime = await context.runtime();
  const survivors: Survivor[] = [];
  for (const path of paths) {
    await requireDirectory(runtime, path);
    const progress = await startProgress(context, `reading ${path}`);
    const read = readSurvivor(runtime, path, (done, total) => progress.update(done, total));
    survivors.push(await read.finally(() => progress.end()));
  }
  return survivors;
}

/** Refuses what cannot be compared. */
function checkTogether(survivors: readonly Survivor[]): void {
  const [first] = survivors;
  if (first === undefined) throw new UsageError("Cannot compare nothing: want a data directory");
  for (const survivor of survivors) {
    const { path, identity } = survivor;
    const twin = survivors.find((other) =>
      other !== survivor && other.identity.nodeId === identity.nodeId
    );
    if (identity.clusterId !== first.identity.clusterId) throw mixedClusters(first, path, identity);
    if (twin === undefined) continue;
    throw new UsageError(
      `Cannot compare "${path}" with "${twin.path}": both are of node ${identity.nodeId}`,
      { fix: ["give one directory a node: the one that the node used last"] },
    );
  }
}

function mixedClusters(
  first: Survivor,
  path: string,
  identity: Survivor["identity"],
): UsageError {
  const { clusterId } = first.identity;
  const isSuccessor = identity.formerClusterIds.includes(clusterId) ||
    first.identity.formerClusterIds.includes(identity.clusterId);
  return new UsageError(
    `Cannot compare "${first.path}" with "${path}": they belong to different clusters`,
    {
      why: [
        `${clusterId} and ${identity.clusterId}`,
        ...(isSuccessor ? ["one of them was recovered from the other before"] : []),
      ],
      fix: [
        isSuccessor
          ? "start the one that was recovered: the others join it with empty directories"
          : "give the directories of one cluster only",
      ],
    },
  );
}

/** What speaks against a directory, in words; empty where nothing does. */
function faultsOf({ problems, excluded, isInUse }: Survivor): string[] {
  return [
    ...problems,
    ...(excluded === null ? [] : [excluded]),
    ...(isInUse ? ["a process uses it: stop the node, for what it holds may change"] : []),
  ];
}

function stateOf(survivor: Survivor, { keep }: RecoveryPlan): string {
  if (survivor.problems.length > 0) return "damaged";
  if (survivor.excluded !== null) return "no candidate";
  return survivor === keep ? "keep" : "whole";
}

function rowOf(survivor: Survivor, plan: RecoveryPlan): string[] {
  const { identity, path, term, votedFor, lastIndex, lastTerm } = survivor;
  const { snapshotIndex, configuration } = survivor;
  const voters = configuration === null
    ? "none"
    : `${votersOf(configuration.configuration).join(",")} at ${configuration.index}`;
  return [
    String(identity.nodeId),
    path,
    String(term),
    votedFor === 0 ? "-" : String(votedFor),
    `${lastIndex} of term ${lastTerm}`,
    String(snapshotIndex),
    voters,
    stateOf(survivor, plan),
  ];
}

const COLUMNS = ["ID", "DIR", "TERM", "VOTE", "LAST ENTRY", "SNAPSHOT", "VOTERS", "STATE"];

/** The command that carries the plan out, or those that need no recovery. */
function nextCommands(survivors: readonly Survivor[], plan: RecoveryPlan): string[] {
  const { keep } = plan;
  if (keep === null) return [];
  const { nodeId, clusterId } = keep.identity;
  if (!plan.hasQuorum) {
    return [`raft recover apply --data ${keep.path} --id ${nodeId} --confirm ${clusterId}`];
  }
  const voters = votersOf(plan.configuration!.configuration);
  return survivors
    .filter(({ identity, problems, excluded }) =>
      voters.includes(identity.nodeId) && problems.length === 0 && excluded === null
    )
    .map(({ identity, path }) => `raft start --id ${identity.nodeId} --data ${path}`);
}

function advice(plan: RecoveryPlan, commands: readonly string[]): string[] {
  const { keep, missing } = plan;
  if (keep === null) {
    return ["none of these can be gone on with: see what is wrong above, or restore a backup"];
  }
  const { identity: { nodeId }, lastIndex, lastTerm } = keep;
  if (plan.hasQuorum) {
    return [
      "do not recover: these are a quorum. Start them, then replace the others:",
      ...commands.map((command) => `  ${command}`),
    ];
  }
  const gone = `${missing.length === 1 ? "voter" : "voters"} ${missing.join(", ")}`;
  return [
    `keep node ${nodeId}: its log is the most up to date, up to ${lastIndex} of term ${lastTerm}`,
    plan.mayLose
      ? `may be lost: writes behind ${lastIndex} that ${gone} acknowledged and nobody here has`
      : `nothing that was acknowledged is lost: too few voters are missing (${missing.join(", ")})`,
    `if ${gone} can come back with their disks, start them instead; if not, this gives them up:`,
    ...commands.map((command) => `  ${command}`),
  ];
}

function documentOf(survivor: Survivor, plan: RecoveryPlan): JsonObject {
  const { identity, path, term, votedFor, lastIndex, lastTerm } = survivor;
  const { snapshotIndex, configuration, problems, excluded, isInUse } = survivor;
  return {
    id: identity.nodeId,
    data: path,
    term,
    votedFor,
    lastIndex,
    lastTerm,
    snapshotIndex,
    voters: configuration === null ? [] : votersOf(configuration.configuration),
    configurationIndex: configuration?.index ?? 0,
    state: stateOf(survivor, plan),
    problems,
    excluded,
    inUse: isInUse,
  };
}

/** `raft recover plan DIR…` */
export const recoverPlan = declareCommand({
  name: "recover plan",
  group: "BACKUP AND REPAIR",
  summary: "Compare what is left of a cluster that lost its quorum",
  description: "Reads the data directories of the survivors, all of one cluster, and changes " +
    "nothing: says which of them is the most up to date, whether acknowledged writes may be " +
    "lost with it, and the command that makes it the start of a new cluster. Stop the nodes " +
    "first.\n\nWhere the survivors are a quorum, it says so: then there is nothing to recover.",
  examples: [
    { command: "raft recover plan raft-data/1", note: "one of three is left" },
    { command: "raft recover plan a/data b/data -o json", note: "copies from two machines" },
  ],
  isForShell: false,
  arguments: settings({
    directories: texts({ placeholder: "DIR", summary: "A data directory of each survivor" }),
  }),
  options: settings({}),
  async run(context, { arguments: { directories } }) {
    const survivors = await readAll(context, directories);
    checkTogether(survivors);
    const plan = planRecovery(survivors);
    const { clusterId, clusterName: cluster } = survivors[0]!.identity;
    const rows = survivors.map((survivor) => rowOf(survivor, plan));
    const commands = nextCommands(survivors, plan);
    const faults = survivors.flatMap((survivor) =>
      faultsOf(survivor).map((fault) => `node ${survivor.identity.nodeId}: ${fault}`)
    );
    return {
      document: {
        cluster,
        clusterId,
        survivors: survivors.map((survivor) => documentOf(survivor, plan)),
        keep: plan.keep?.identity.nodeId ?? null,
        hasQuorum: plan.hasQuorum,
        mayLose: plan.mayLose,
        missing: plan.missing,
        commands,
      },
      text: [
        `cluster ${cluster} ${clusterId}`,
        "",
        alignColumns([COLUMNS, ...rows]),
        "",
        ...faults,
        ...advice(plan, commands),
      ].join("\n"),
      table: { columns: COLUMNS, rows },
      exit: plan.keep === null ? ExitCode.badData : ExitCode.ok,
    };
  },
});
