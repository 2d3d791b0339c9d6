import { settings } from "../../config.ts";
import { parseAddress } from "../../config/address.ts";
import { startSettings } from "../../config/start_settings.ts";
import { readKnownAs } from "../../log/identity_file.ts";
import { startNode } from "../../node/node.ts";
import { createLogtapeLogger, type LogtapeLogger } from "../../observability/logtape_logger.ts";
import { TraceWriter } from "../../observability/trace_writer.ts";
import { type CommandContext, type CommandResult, declareCommand } from "../command.ts";
import {
  dataPathOf,
  type Formation,
  type NodePlan,
  planNode,
  type StartValues,
} from "../node_plan.ts";
import { type HttpPages, openHttpPages } from "../http_pages.ts";
import { parseConfigurationFile, resolveSettings } from "../resolve_settings.ts";
import { styleFor } from "../style.ts";
import { onStopSignals, signalExitCode } from "../terminal.ts";

/** A started node. */
type RunningNode = Awaited<ReturnType<typeof startNode>>;

/** How long a stop in good order may take before the process ends anyway, in milliseconds. */
const STOP_TIMEOUT_MS = 4_500;

/** Whether people read the log: then the next commands to type are printed between its lines. */
function isTextLog(context: CommandContext, { logFormat }: StartValues): boolean {
  if (logFormat === "auto") return context.host.standardError.isTerminal;
  return logFormat === "text";
}

function createLogger(context: CommandContext, values: StartValues): LogtapeLogger {
  const { standardError, environment } = context.host;
  const { isColored } = styleFor(standardError, { color: context.globals.color, environment });
  return createLogtapeLogger({
    level: values.logLevel,
    format: isTextLog(context, values) ? "text" : "json",
    isColored,
    write: (line) => void standardError.write(line).catch(() => {}),
  });
}

/** Where the cluster is reached, as far as the command line says. */
function endpointsOf(formation: Formation, node: RunningNode): readonly string[] {
  if (formation.kind === "peers") return formation.peers.map(({ address }) => address);
  return formation.kind === "join" ? [...formation.endpoints, node.address] : [node.address];
}

/** What to type next, for a person who has just started a node. */
function nextSteps(plan: NodePlan, node: RunningNode): string[] {
  const { formation } = plan;
  const endpoints = endpointsOf(formation, node).join(",");
  const isDefault = endpoints === "127.0.0.1:7238";
  return [
    `node ${node.nodeId} is ready at ${node.address}; next, in another terminal:`,
    ...(isDefault ? [] : [`  export RAFT_ENDPOINTS=${endpoints}`]),
    "  raft put greeting hello",
    "  raft get greeting",
    "  raft status",
  ];
}

/** What is told where a node is ready. */
interface Announcement {
  readonly node: RunningNode;
  readonly values: StartValues;
  readonly http: HttpPages;
}

async function announce(
  context: CommandContext,
  { node, values, http }: Announcement,
): Promise<void> {
  const { nodeId, address, clusterId } = node;
  const document = {
    ...{ ready: values.ready, nodeId, address, clusterId, pid: context.host.pid },
    ...(http.address === null ? {} : { http: http.address }),
  };
  if (values.readyFile !== undefined) {
    await context.host.files.replace(values.readyFile, `${JSON.stringify(document)}\n`);
  }
  if (context.globals.json || context.globals.output === "json") await context.emit(document);
}

/** Says what to type next once that works: a node that listens may still be refused. */
async function guide(
  context: CommandContext,
  { plan, node, values }: { plan: NodePlan; node: RunningNode; values: StartValues },
): Promise<void> {
  if (!isTextLog(context, values)) return;
  await node.ready("leader");
  nextSteps(plan, node).forEach(context.talk);
}

/** SIGHUP: reads the level from the configuration file again. */
async function reloadLogLevel(context: CommandContext, logger: LogtapeLogger): Promise<void> {
  const { host, globals } = context;
  const path = globals.config ?? host.environment["RAFT_CONFIG"];
  if (path === undefined || path === "") {
    logger.info("SIGHUP: there is no configuration file to read again");
    return;
  }
  try {
    const content = new TextDecoder().decode(await host.files.read(path));
    const file = parseConfigurationFile(path, content);
    const { logLevel } = startSettings.shape;
    const values = resolveSettings(settings({ logLevel }), { flags: {}, environment: {}, file });
    logger.setLevel(values.logLevel);
    logger.info("SIGHUP: log level read again", { logLevel: values.logLevel });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    logger.error("SIGHUP: cannot read the configuration again", { reason });
  }
}

/** Stops the node in good order, and the process anyway when that takes too long. */
function stopInTime(
  context: CommandContext,
  { node, logger }: { node: RunningNode; logger: LogtapeLogger },
): void {
  context.runtime().then(({ clock }) => {
    const timer = clock.setTimer(() => {
      logger.error("The node did not stop in time", { timeoutMs: STOP_TIMEOUT_MS });
      context.host.exitNow(1);
    }, STOP_TIMEOUT_MS);
    return node.stop({ handOver: true }).finally(() => clock.clearTimer(timer));
  }).catch((error) => {
    const reason = error instanceof Error ? error.message : String(error);
    logger.error("The node did not stop cleanly", { reason });
  });
}

/** Runs the node with its pages: they can be asked before it is there, and are gone with it. */
async function runWithPages(
  context: CommandContext,
  values: StartValues,
): Promise<CommandResult> {
  const logger = createLogger(context, values);
  const http = await openHttpPages(context.host, { listen: values.http, logger });
  try {
    return await runNode(context, { values, logger, http });
  } finally {
    await http.close();
  }
}

/** Runs the node until a signal or a failure stops it. */
async function runNode(
  context: CommandContext,
  { values, logger, http }: {
    readonly values: StartValues;
    readonly logger: LogtapeLogger;
    readonly http: HttpPages;
  },
): Promise<CommandResult> {
  const { host, program } = context;
  const runtime = await context.runtime();
  const plan = planNode(values, await readKnownAs(runtime, dataPathOf(values)));
  const trace = values.trace === undefined
    ? null
    : await TraceWriter.open(runtime, values.trace, logger);
  const node = await startNode(runtime, {
    ...plan,
    listen: parseAddress(plan.listen),
    heartbeatMs: values.heartbeatMs,
    electionTimeoutMs: values.electionTimeoutMs,
    leaseReads: values.leaseReads,
    snapshotEvery: values.snapshotEvery,
    snapshotBytes: values.snapshotBytes,
    trailingEntries: values.trailingEntries,
    segmentBytes: values.segmentBytes,
    logger,
    version: program.version,
    ...(trace === null ? {} : { tracer: trace.tracer }),
  });
  http.shows(node);
  const releaseSignals = onStopSignals(host, {
    onStop: (signal) => {
      logger.info("Stopping", { signal });
      stopInTime(context, { node, logger });
    },
    onStopNow: (signal) => host.exitNow(signalExitCode(signal)),
  });
  const releaseReload = host.onSignal("SIGHUP", () => void reloadLogLevel(context, logger));
  if (values.stopWithInput) {
    host.standardInput.onEnd(() => stopInTime(context, { node, logger }));
  }
  const ready = node.ready(values.ready).then(() => {
    logger.info("READY", { node: node.nodeId, address: node.address, kind: values.ready });
    return announce(context, { node, values, http });
  });
  const guided = ready.then(() => guide(context, { plan, node, values }));
  try {
    // A node that stops before it is ready never becomes ready.
    await Promise.race([ready, node.stopped]);
    const { error } = await node.stopped;
    if (error !== null) throw error;
    return { document: { nodeId: node.nodeId, stopped: true }, isPrinted: true };
  } catch (error) {
    await node.stop();
    throw error;
  } finally {
    ready.catch(() => {});
    guided.catch(() => {});
    releaseSignals();
    releaseReload();
    await trace?.close();
  }
}

/** `raft start` */
export const start = declareCommand({
  name: "start",
  group: "GETTING STARTED",
  summary: "Run a node",
  description:
    "The first start of a cluster says how it comes about: --bootstrap for a cluster of " +
    "this one node, or --peers with every node, the same list on each of them. A node that " +
    "comes later says --join with nodes of the cluster: it gets the log as a learner, and " +
    "becomes a voter once it has caught up (never with --learner). Later starts need none " +
    "of these: the data directory knows the cluster and this node's address.\n\n" +
    "One port serves the other nodes and clients. SIGTERM or Ctrl-C stops in good order " +
    "within 5 seconds, and a leader hands over first; a second one at once. An id belongs to " +
    "its data directory for ever.",
  examples: [
    { command: "raft start --id 1 --bootstrap", note: "a cluster of one node" },
    {
      command: "raft start --id 1 --peers 1=10.0.0.1:7238,2=10.0.0.2:7238,3=10.0.0.3:7238",
      note: "the first of three; the same on the others with --id 2 and --id 3",
    },
    {
      command: "raft start --id 4 --listen 10.0.0.4:7238 --join 10.0.0.1:7238,10.0.0.2:7238",
      note: "a fourth, while the others run",
    },
    { command: "raft start --id 1", note: "again, after a stop or a crash" },
  ],
  isForShell: false,
  hasNoFields: true,
  arguments: settings({}),
  options: startSettings,
  run: (context, { options }) => runWithPages(context, options),
});
