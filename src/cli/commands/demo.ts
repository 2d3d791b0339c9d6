import { integer, optional, settings, text, toggle } from "../../config.ts";
import type { SignalName } from "../../runtime/process.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Address } from "../../types.ts";
import { CommandFailure } from "../command_failure.ts";
import { type CommandContext, type CommandResult, declareCommand } from "../command.ts";
import { connectCluster } from "../connect_cluster.ts";
import { type DemoStep, tellStory } from "../demo/demo_story.ts";
import { findFreeAddresses } from "../demo/free_addresses.ts";
import { LocalCluster } from "../demo/local_cluster.ts";
import { ExitCode } from "../exit_codes.ts";
import type { Style } from "../style.ts";
import { onStopSignals, signalExitCode } from "../terminal.ts";

const NODES_MIN = 3;
const NODES_MAX = 9;
const NAME_COLUMN = 15;

interface DemoFlags {
  readonly nodes: number;
  readonly keep: string | undefined;
  readonly headless: boolean;
}

/** Where the nodes keep their data, and how it is cleared away. */
interface Workspace {
  readonly directory: string;
  readonly remove: () => void;
}

async function openWorkspace(
  context: CommandContext,
  keep: string | undefined,
): Promise<Workspace> {
  const { files } = context.host;
  if (keep !== undefined) {
    await files.makeDirectory(keep);
    return { directory: keep, remove: () => {} };
  }
  const directory = await files.makeTemporaryDirectory("raft-demo-");
  return { directory, remove: () => files.removeDirectory(directory) };
}

function stepLine(step: DemoStep, { position, style }: { position: number; style: Style }): string {
  const { name, detail, millis } = step;
  const label = `${position}. ${name}`.padEnd(NAME_COLUMN);
  return `  ${style.green("ok")}  ${style.bold(label)}  ${detail}  ${style.dim(`${millis}ms`)}`;
}

/** What to try while the cluster runs. */
function invitation(cluster: LocalCluster, { style }: CommandContext): string[] {
  const endpoints = cluster.endpoints.join(",");
  const isDefault = cluster.endpoints[0] === "127.0.0.1:7238";
  const commands = [
    ...(isDefault ? [] : [`export RAFT_ENDPOINTS=${endpoints}`]),
    "raft get greeting",
    "raft put color green",
    "raft status",
    "raft bench put --for 5s",
    "raft shell",
  ];
  return [
    "",
    `The cluster runs at ${style.bold(endpoints)}. Try, in another terminal:`,
    ...commands.map((command) => `  ${style.cyan(command)}`),
    "",
    `Ctrl-C stops it.`,
  ];
}

/** The failure of the demo, with what the nodes said last. */
async function explain(error: unknown, cluster: LocalCluster): Promise<unknown> {
  if (error instanceof CommandFailure) return error;
  const logs = await Promise.all(cluster.nodes.map(({ id }) => cluster.lastLogLines(id)));
  return new CommandFailure(`the demo failed: ${error instanceof Error ? error.message : error}`, {
    exit: ExitCode.failed,
    why: logs.flat(),
    fix: ["keep the data and logs to look at them: raft demo --keep DIR"],
    cause: error,
  });
}

/** Resolves or rejects with the first signal; a second one ends everything at once. */
function watchSignals(
  context: CommandContext,
  { cluster, workspace }: { cluster: LocalCluster; workspace: Workspace },
): { readonly signaled: Promise<SignalName>; readonly release: () => void } {
  let stop: (signal: SignalName) => void = () => {};
  const signaled = new Promise<SignalName>((resolve) => stop = resolve);
  const release = onStopSignals(context.host, {
    onStop: (signal) => stop(signal),
    onStopNow: (signal) => {
      cluster.killAll();
      workspace.remove();
      context.host.exitNow(signalExitCode(signal));
    },
  });
  // The terminal has gone away: nobody will press Ctrl-C any more.
  const releaseHangUp = context.host.onSignal("SIGHUP", () => stop("SIGHUP"));
  return {
    signaled,
    release: () => {
      release();
      releaseHangUp();
    },
  };
}

function documentOf(cluster: LocalCluster, steps: readonly DemoStep[]): CommandResult["document"] {
  return {
    ok: true,
    nodes: cluster.nodes.map(({ id, address }) => ({ id, address, pid: cluster.pidOf(id) })),
    steps: steps.map(({ name, detail, millis }) => ({ name, detail, millis })),
  };
}

async function play(
  context: CommandContext,
  { cluster, runtime, spareAddress, headless, signaled }: {
    cluster: LocalCluster;
    spareAddress: Address;
    runtime: Runtime;
    headless: boolean;
    signaled: Promise<SignalName>;
  },
): Promise<CommandResult> {
  const { style } = context;
  const client = connectCluster({ runtime, endpoints: cluster.endpoints });
  let position = 0;
  const interrupted = signaled.then((signal) => {
    throw new CommandFailure(`the demo was stopped by ${signal}`, { exit: ExitCode.failed });
  });
  const died = cluster.endedByItself.then((id) => {
    throw new Error(`node ${id} ended by itself`);
  });
  try {
    const story = tellStory({
      runtime,
      nodes: cluster,
      cluster: client,
      spareAddress,
      onStep: (step) => context.show(stepLine(step, { position: ++position, style })),
    });
    const steps = await Promise.race([story, interrupted, died]);
    const document = documentOf(cluster, steps);
    if (headless) return { document, text: "" };
    const isJson = context.globals.json || context.globals.output === "json";
    if (isJson) await context.emit(document);
    invitation(cluster, context).forEach(context.show);
    await signaled;
    return { document, isPrinted: true };
  } finally {
    for (const promise of [interrupted, died]) promise.catch(() => {});
    client.close();
  }
}

/** `raft demo` */
export const demo = declareCommand({
  name: "demo",
  group: "GETTING STARTED",
  summary: "Three nodes on this machine, a crash, and nothing lost",
  description: "Starts real processes of this same program on loopback, writes, reads through " +
    "every node, kills the leader, shows that nothing is lost, brings the node back, hands " +
    "leadership over, takes one more node in and lets it go. Then the cluster stays for you to " +
    "try until Ctrl-C. Everything is removed at the end.",
  examples: [
    { command: "raft demo", note: "the cluster stays until Ctrl-C" },
    { command: "raft demo --headless", note: "the same, then exit 0, or not if a step failed" },
    { command: "raft demo --nodes 5 --keep ./demo", note: "five nodes; data and logs are kept" },
  ],
  isForShell: false,
  hasNoFields: true,
  arguments: settings({}),
  options: settings({
    nodes: integer({
      placeholder: "N",
      summary: "How many nodes",
      min: NODES_MIN,
      max: NODES_MAX,
      defaultText: "3",
    }),
    keep: optional(text({ placeholder: "DIR", summary: "Keep data and logs in this directory" })),
    headless: toggle({ summary: "Do not stay: exit 0, or non-zero if any step failed" }),
  }),
  run: (context, { options }) => runDemo(context, options),
});

async function runDemo(context: CommandContext, flags: DemoFlags): Promise<CommandResult> {
  const { host } = context;
  const runtime = await context.runtime();
  const found = await findFreeAddresses(runtime, flags.nodes + 1);
  const addresses = found.slice(0, flags.nodes);
  const spareAddress = found[flags.nodes]!;
  const workspace = await openWorkspace(context, flags.keep);
  const { directory } = workspace;
  const cluster = new LocalCluster({ host, runtime, directory, addresses });
  const releaseExit = host.onExit(workspace.remove);
  const { signaled, release } = watchSignals(context, { cluster, workspace });
  context.show(`${flags.nodes} nodes of this same program on this machine:\n`);
  try {
    return await play(context, {
      ...{ cluster, runtime, spareAddress, signaled },
      headless: flags.headless,
    });
  } catch (error) {
    throw await explain(error, cluster);
  } finally {
    await cluster.stop();
    workspace.remove();
    release();
    releaseExit();
  }
}
