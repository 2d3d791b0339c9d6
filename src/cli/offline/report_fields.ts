/**
 * What a data directory holds, as the fields and the lines of `raft log info` and `log verify`.
 *
 * @module
 */
import { formatDuration, formatSize } from "../../config/units.ts";
import { type FoundSnapshot, latestConfiguration } from "../../log/offline/directory_contents.ts";
import type { LogTail } from "../../log/offline/log_walk.ts";
import type { DirectoryReport } from "../../log/offline/verify_directory.ts";
import type { JsonObject } from "../json.ts";
import { alignColumns } from "../text_table.ts";
import { problemFields, problemText, problemWord } from "./data_directory.ts";
import { configurationFields, configurationText } from "./decode_command.ts";

const LABEL_WIDTH = 9;

/** The bytes of the files of all segments, and how many of them hold something. */
function logBytes(
  { log }: DirectoryReport,
): { readonly bytes: number; readonly usedBytes: number } {
  const { segments } = log;
  return {
    bytes: segments.reduce((sum, { fileBytes }) => sum + fileBytes, 0),
    usedBytes: segments.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
  };
}

/** The fields that `raft log verify` promises to scripts, and what goes with them. */
export function verdictFields(report: DirectoryReport): JsonObject {
  const { log, problems, tornTail, holder, snapshots } = report;
  return {
    ok: problems.length === 0,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    segments: log.segments.length,
    tornTail,
    problems: problems.map(problemFields),
    entries: log.entries,
    ...logBytes(report),
    lastSoundIndex: log.lastSoundIndex,
    tail: tailFields(log.tail),
    snapshots: snapshots.length,
    inUse: holder !== null,
  };
}

function tailFields({ state, segment, offset, bytes }: LogTail): JsonObject {
  return { state, segment, offset, bytes };
}

function snapshotFields({ fileName, name, fileBytes, snapshot }: FoundSnapshot): JsonObject {
  return {
    file: fileName,
    state: name.state === "snapshot" ? "complete" : name.state,
    index: name.lastIncludedIndex,
    term: snapshot?.meta.lastIncludedTerm,
    timestampMs: snapshot?.meta.logTimeMs,
    bytes: fileBytes,
  };
}

/** The document of `raft log info`. */
export function infoFields(report: DirectoryReport): JsonObject {
  const { identity, hardState, log, holder, snapshots } = report;
  const configuration = latestConfiguration(log, snapshots);
  return {
    id: identity?.nodeId ?? null,
    cluster: identity?.clusterName ?? null,
    clusterId: identity?.clusterId ?? null,
    instanceId: identity?.instanceId ?? null,
    born: identity?.born ?? null,
    removed: identity?.removed ?? null,
    inUse: holder !== null,
    pid: holder?.pid ?? null,
    currentTerm: hardState?.currentTerm ?? null,
    votedFor: hardState === null || hardState.votedFor === 0 ? null : hardState.votedFor,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    firstTerm: log.termRuns[0]?.term ?? 0,
    lastTerm: log.lastTerm,
    timestampMs: log.lastTimestampMs,
    entries: log.entries,
    ...logBytes(report),
    segments: log.segments.map((segment) => ({ ...segment })),
    obsolete: log.obsolete,
    configuration: configuration === null
      ? null
      : { index: configuration.index, ...configurationFields(configuration.configuration) },
    snapshots: snapshots.map(snapshotFields),
    tail: tailFields(log.tail),
    ok: report.problems.length === 0,
    problems: report.problems.map(problemFields),
  };
}

/** The lines of `raft log info`. */
export function infoLines(report: DirectoryReport): string[] {
  const { hardState, log, holder, snapshots } = report;
  const configuration = latestConfiguration(log, snapshots);
  const vote = hardState === null || hardState.votedFor === 0
    ? "voted for nobody"
    : `voted for ${hardState.votedFor}`;
  const pid = holder?.pid ?? null;
  const user = holder === null ? "nobody" : pid === null ? "another process" : `process ${pid}`;
  const rows: (readonly [string, string])[] = [
    ["node", nodeText(report)],
    ["in use", `by ${user}`],
    ["term", hardState === null ? "unknown" : `${hardState.currentTerm}, ${vote}`],
    ["log", logText(report)],
    ["segments", segmentsText(report)],
    ["tail", tailText(report)],
    ...snapshots.map((snapshot) => ["snapshot", snapshotText(snapshot)] as const),
    ...(snapshots.length === 0 ? [["snapshot", "none"] as const] : []),
    [
      "members",
      configuration === null
        ? "unknown: no configuration in log or snapshots"
        : `${configurationText(configuration.configuration)} (of index ${configuration.index})`,
    ],
  ];
  return rows.map(([label, text]) => `${label.padEnd(LABEL_WIDTH)} ${text}`);
}

/** A table of the segments. */
export function segmentTable({ log }: DirectoryReport): string {
  const rows = log.segments.map((segment) => [
    segment.name,
    segment.lastIndex < segment.firstIndex ? "-" : String(segment.firstIndex),
    segment.lastIndex < segment.firstIndex ? "-" : String(segment.lastIndex),
    segment.lastTerm === 0
      ? "-"
      : segment.firstTerm === segment.lastTerm
      ? String(segment.lastTerm)
      : `${segment.firstTerm}-${segment.lastTerm}`,
    formatSize(segment.usedBytes),
    formatSize(segment.fileBytes),
    segment.isSealed ? "sealed" : "open",
  ]);
  return alignColumns([["SEGMENT", "FIRST", "LAST", "TERM", "USED", "SIZE", "STATE"], ...rows]);
}

/** What is wrong, a line each. */
export function problemLines({ problems }: DirectoryReport): string[] {
  return problems.map((problem) => `${problemWord(problem)}: ${problemText(problem)}`);
}

function nodeText({ identity }: DirectoryReport): string {
  if (identity === null) return "unknown: its identity cannot be read";
  const { nodeId, clusterName, clusterId, instanceId, born, removed } = identity;
  const cluster = clusterName === "" ? "no name" : `"${clusterName}"`;
  const state = removed ? "removed" : born ? "born" : "not born yet";
  const where = clusterId === "" ? "no cluster yet" : `cluster ${cluster} (${clusterId})`;
  return `${nodeId} of ${where}, instance ${instanceId}, ${state}`;
}

/** The log in a line. */
export function logText({ log }: DirectoryReport): string {
  if (log.entries === 0) return `no entries, the next index is ${log.lastIndex + 1}`;
  const { firstIndex, lastIndex, lastTerm, termRuns, entries, lastTimestampMs } = log;
  const firstTerm = termRuns[0]?.term ?? lastTerm;
  const terms = firstTerm === lastTerm ? `term ${lastTerm}` : `terms ${firstTerm} to ${lastTerm}`;
  return `${entries} entries, indexes ${firstIndex} to ${lastIndex}, ${terms}, ` +
    `log time ${formatDuration(lastTimestampMs)}`;
}

function segmentsText(report: DirectoryReport): string {
  const { bytes, usedBytes } = logBytes(report);
  const { segments, obsolete } = report.log;
  const rest = obsolete.length === 0 ? "" : `, and ${obsolete.length} obsolete`;
  return `${segments.length}${rest}, ${formatSize(bytes)}, ${formatSize(usedBytes)} in use`;
}

/** What is at the end of the log, in a line. */
export function tailText({ log, tornTail }: DirectoryReport): string {
  const { state, segment, offset, bytes, fault } = log.tail;
  const where = `${bytes} bytes from offset ${offset} of ${segment} on`;
  if (state === "clean") return "clean";
  if (state === "torn" && !tornTail) return `being written: ${where}`;
  if (state === "torn") {
    return `torn: ${where}; nobody was told of them, and a node cuts them when it starts`;
  }
  if (state === "damaged") return `damaged: ${where}: ${fault}`;
  return `missing: ${fault}`;
}

function snapshotText({ fileName, name, fileBytes, snapshot, error }: FoundSnapshot): string {
  const term = snapshot === null ? "" : ` of term ${snapshot.meta.lastIncludedTerm}`;
  const state = error !== null
    ? ", damaged"
    : name.state === "snapshot"
    ? ""
    : `, being ${name.state === "writing" ? "written" : "received"}`;
  return `up to index ${name.lastIncludedIndex}${term}, ${
    formatSize(fileBytes)
  }${state}: ${fileName}`;
}
