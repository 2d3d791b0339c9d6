/**
 * Every metric of a node, as data: docs/METRICS.md is the same list with what to make of it.
 *
 * Names follow Prometheus: `raft_` in front, units in full at the end, `_total` for what only
 * grows. Indexes, terms and counts have no unit.
 *
 * @module
 */
import type { ProcessUsage } from "../runtime/process.ts";
import type { DurationReadings } from "./duration_histogram.ts";
import type { NodeReadings, RaftReadings } from "./node_readings.ts";

/** What is read for one answer. */
export interface MetricReadings extends NodeReadings {
  readonly process: ProcessUsage;
}

/** One value of a metric. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric of single values. */
export interface ValueMetric {
  readonly type: "gauge" | "counter";
  readonly name: string;
  /** What it says, in a sentence. */
  readonly help: string;
  readonly labels: readonly string[];
  /** The values now; none where there is nothing to say. */
  readonly read: (readings: MetricReadings) => readonly Sample[];
}

/** A metric of durations. */
export interface HistogramMetric {
  readonly type: "histogram";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly [];
  /** What was counted, or null where nothing was yet. */
  readonly read: (readings: MetricReadings) => DurationReadings | null;
}

/** A metric. */
export type Metric = ValueMetric | HistogramMetric;

type Value = number | boolean | null;

/** The alarms by their names, and whether each is raised. */
const alarms: readonly (readonly [
  string,
  (readings: MetricReadings, raft: RaftReadings) => boolean,
])[] = [
  ["state_divergence", ({ status }) => status.alarms.length > 0],
  ["deviates", (_, { deviates }) => deviates],
  ["disk_full", (_, { isFull }) => isFull],
  ["disk_stalled", (_, { isStalled }) => isStalled],
  ["snapshot_unusable", (_, { snapshots }) => snapshots.recentlyUnusable],
  ["snapshot_failed", (_, { snapshots }) => snapshots.lastFailed],
  ["snapshot_not_received", (_, { snapshots }) => snapshots.notReceived],
];

function samples(value: Value): Sample[] {
  return value === null ? [] : [{ labels: {}, value: Number(value) }];
}

/** What a metric says, and how it is read. */
interface Reader<Parts extends readonly unknown[]> {
  readonly help: string;
  readonly value: (...parts: Parts) => Value;
}

function gauge(name: string, { help, value }: Reader<[MetricReadings]>): Metric {
  return { type: "gauge", name, help, labels: [], read: (readings) => samples(value(readings)) };
}

/** What a node says only once it takes part in a cluster. */
function readRaft({ value }: Reader<[RaftReadings]>): ValueMetric["read"] {
  return ({ raft }) => raft === null ? [] : samples(value(raft));
}

function raftGauge(name: string, reader: Reader<[RaftReadings]>): Metric {
  return { type: "gauge", name, help: reader.help, labels: [], read: readRaft(reader) };
}

function raftCounter(name: string, reader: Reader<[RaftReadings]>): Metric {
  return { type: "counter", name, help: reader.help, labels: [], read: readRaft(reader) };
}

/** A value for each of the others. */
function ofPeers(
  name: string,
  { help, value }: Reader<[MetricReadings["status"]["members"][number], MetricReadings]>,
): Metric {
  const read: ValueMetric["read"] = (readings) =>
    readings.status.members.filter(({ id }) => id !== readings.status.nodeId).flatMap((peer) => {
      const labels = { peer: String(peer.id) };
      return samples(value(peer, readings)).map((sample) => ({ ...sample, labels }));
    });
  return { type: "gauge", name, help, labels: ["peer"], read };
}

function leads({ status }: MetricReadings): boolean {
  return status.role === "leader";
}

const aboutNode: readonly Metric[] = [
  {
    type: "gauge",
    name: "raft_build_info",
    help: "Always 1; the labels say which node and which program this is",
    labels: ["node", "cluster", "cluster_id", "version"],
    read: ({ status: { nodeId, clusterName, clusterId, version } }) => [{
      labels: { node: String(nodeId), cluster: clusterName, ["cluster_id"]: clusterId, version },
      value: 1,
    }],
  },
  gauge("raft_uptime_seconds", {
    help: "Since the node was started",
    value: ({ status }) => status.uptimeMs / 1000,
  }),
  {
    type: "gauge",
    name: "raft_alarm",
    help: "1 where somebody must act, else 0",
    labels: ["alarm"],
    read: (readings) => {
      const { raft } = readings;
      if (raft === null) return [];
      return alarms.map(([alarm, isRaised]) => ({
        labels: { alarm },
        value: Number(isRaised(readings, raft)),
      }));
    },
  },
  gauge("raft_notes", {
    help: "How many notes the node has for people; raft status shows them",
    value: ({ status }) => status.notes.length,
  }),
];

const aboutLeadership: readonly Metric[] = [
  gauge("raft_is_leader", { help: "1 where this node leads, else 0", value: leads }),
  gauge("raft_has_leader", {
    help: "1 where a leader is known, else 0",
    value: ({ status }) => status.leaderId !== 0,
  }),
  gauge("raft_leader_id", {
    help: "The id of the leader, 0 where none is known",
    value: ({ status }) => status.leaderId,
  }),
  raftCounter("raft_leader_changes_total", {
    help: "Leaders that were elected since the start, as far as this node heard of them",
    value: ({ leaderChanges }) => leaderChanges,
  }),
  gauge("raft_leader_contact_age_seconds", {
    help: "Since a leader was heard; 0 at a leader",
    value: ({ status }) => status.leaderContactAgeMs / 1000,
  }),
  gauge("raft_term", { help: "The current term", value: ({ status }) => status.term }),
  {
    type: "gauge",
    name: "raft_role",
    help: "1 for the role that this node has, 0 for the others",
    labels: ["role"],
    read: ({ status }) =>
      ["leader", "follower", "candidate", "learner"].map((role) => ({
        labels: { role },
        value: Number(role === status.role),
      })),
  },
];

const aboutLog: readonly Metric[] = [
  gauge("raft_commit_index", {
    help: "The last entry that is known to be committed",
    value: ({ status }) => status.commitIndex,
  }),
  gauge("raft_applied_index", {
    help: "The last entry that was applied to the state machine",
    value: ({ status }) => status.appliedIndex,
  }),
  raftGauge("raft_durable_index", {
    help: "The last entry that is durable here",
    value: ({ durableIndex }) => durableIndex,
  }),
  gauge("raft_log_first_index", {
    help: "The first entry that the log holds",
    value: ({ status }) => status.firstIndex,
  }),
  gauge("raft_log_last_index", {
    help: "The last entry that the log holds",
    value: ({ status }) => status.lastIndex,
  }),
  gauge("raft_log_segments", {
    help: "The files of the log",
    value: ({ log }) => log?.segments ?? null,
  }),
  gauge("raft_log_bytes", {
    help: "The bytes of these files, preallocated ones included",
    value: ({ log }) => log?.bytes ?? null,
  }),
  {
    type: "histogram",
    name: "raft_log_sync_duration_seconds",
    help: "How long it takes until a batch of entries is written and synced",
    labels: [],
    read: ({ raft }) => raft?.syncs ?? null,
  },
  raftGauge("raft_state_age_seconds", {
    help: "Since the state is known to have held everything that was committed",
    value: ({ stateAgeMs }) => stateAgeMs === null ? null : stateAgeMs / 1000,
  }),
];

const aboutProposals: readonly Metric[] = [
  raftCounter("raft_proposals_total", {
    help: "Commands of clients that came into the log while this node led",
    value: ({ proposals }) => proposals.logged,
  }),
  raftGauge("raft_proposals_pending", {
    help: "Commands that wait for the log, or in it to be applied",
    value: ({ proposals }) => proposals.pending,
  }),
  raftCounter("raft_proposals_refused_total", {
    help: "Commands that were not applied: no leader here, no room, or too many at once",
    value: ({ proposals }) => proposals.refused,
  }),
  raftCounter("raft_proposals_unknown_total", {
    help: "Commands whose outcome is unknown as leadership was lost meanwhile",
    value: ({ proposals }) => proposals.unknown,
  }),
];

const aboutMembers: readonly Metric[] = [
  gauge("raft_voters", {
    help: "The voters of the configuration",
    value: ({ status }) => status.members.filter(({ voter }) => voter).length,
  }),
  gauge("raft_learners", {
    help: "The members without a vote",
    value: ({ status }) => status.members.filter(({ voter }) => !voter).length,
  }),
  gauge("raft_configuration_index", {
    help: "The entry with the configuration in effect",
    value: ({ status }) => status.configurationIndex,
  }),
  ofPeers("raft_peer_connected", {
    help: "1 where a connection to the peer stands, else 0",
    value: ({ reachable }) => reachable,
  }),
  ofPeers("raft_peer_match_index", {
    help: "At a leader: the last entry that the peer is known to have",
    value: ({ matchIndex }, readings) => leads(readings) ? matchIndex : null,
  }),
  ofPeers("raft_peer_lag_entries", {
    help: "At a leader: how many entries the peer is behind",
    value: ({ matchIndex }, readings) =>
      leads(readings) ? Math.max(0, readings.status.lastIndex - matchIndex) : null,
  }),
];

const aboutSnapshots: readonly Metric[] = [
  gauge("raft_snapshot_index", {
    help: "The last entry that the newest snapshot covers, 0 for none",
    value: ({ status }) => status.snapshotIndex,
  }),
  gauge("raft_snapshot_bytes", {
    help: "The size of the newest snapshot",
    value: ({ snapshotBytes }) => snapshotBytes,
  }),
  raftCounter("raft_snapshots_taken_total", {
    help: "Snapshots that were taken here",
    value: ({ snapshots }) => snapshots.taken,
  }),
  raftCounter("raft_snapshots_taken_seconds_total", {
    help: "How long that took, while commands went on being applied",
    value: ({ snapshots }) => snapshots.takenSeconds,
  }),
  raftCounter("raft_snapshots_failed_total", {
    help: "Snapshots that could not be taken",
    value: ({ snapshots }) => snapshots.failed,
  }),
  raftCounter("raft_snapshots_received_total", {
    help: "Snapshots that came from a leader",
    value: ({ snapshots }) => snapshots.received,
  }),
  raftCounter("raft_snapshots_unusable_total", {
    help: "Snapshots that could not be read or had rotted, and were replaced",
    value: ({ snapshots }) => snapshots.unusable,
  }),
  raftGauge("raft_restoring", {
    help: "1 while a snapshot of the leader replaces the state, else 0",
    value: ({ isRestoring }) => isRestoring,
  }),
];

const aboutState: readonly Metric[] = [
  gauge("raft_keys", { help: "The keys of the key-value store", value: ({ keys }) => keys }),
  gauge("raft_leases", {
    help: "The leases of the key-value store",
    value: ({ leases }) => leases,
  }),
  raftGauge("raft_sessions", {
    help: "The sessions of clients",
    value: ({ sessions }) => sessions,
  }),
  raftGauge("raft_remembered_answers", {
    help: "The answers that are remembered, so that a retry is applied once",
    value: ({ rememberedAnswers }) => rememberedAnswers,
  }),
  gauge("raft_client_connections", {
    help: "The clients that are connected",
    value: ({ clientConnections }) => clientConnections,
  }),
];

const aboutProcess: readonly Metric[] = [
  gauge("process_resident_memory_bytes", {
    help: "The memory that the process occupies",
    value: (readings) => readings.process.residentBytes,
  }),
  {
    type: "counter",
    name: "process_cpu_seconds_total",
    help: "The processor time of the process, user and system, of all threads",
    labels: [],
    read: (readings) => samples(readings.process.cpuSeconds),
  },
];

/** Every metric. */
export const metricCatalogue: readonly Metric[] = [
  ...aboutNode,
  ...aboutLeadership,
  ...aboutLog,
  ...aboutProposals,
  ...aboutMembers,
  ...aboutSnapshots,
  ...aboutState,
  ...aboutProcess,
];

/** The alarms that `raft_alarm` tells of. */
export const alarmNames: readonly string[] = alarms.map(([name]) => name);
