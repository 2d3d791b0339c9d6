/** Metrics say what the node says, in the text format of Prometheus; docs/METRICS.md has all. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { DurationHistogram } from "../../src/observability/duration_histogram.ts";
import { alarmNames, metricCatalogue } from "../../src/observability/metric_catalogue.ts";
import type { NodeReadings, SnapshotReadings } from "../../src/observability/node_readings.ts";
import { loadPrometheusMetrics } from "../../src/observability/prometheus_metrics.ts";
import { nodeReadings, raftReadings } from "./fake_readings.ts";
import { parsePrometheusText, sampleOf } from "./prometheus_text.ts";

const usage = { residentBytes: 2 ** 26, cpuSeconds: 1.25 };

async function textOf(readings: NodeReadings): Promise<string> {
  const metrics = await loadPrometheusMetrics(() => ({ ...readings, process: usage }));
  return await metrics.text();
}

function alarm(name: string): string {
  return `raft_alarm{alarm="${name}"}`;
}

function withSnapshots(fields: Partial<SnapshotReadings>): NodeReadings {
  const { snapshots } = raftReadings();
  return nodeReadings({ raft: raftReadings({ snapshots: { ...snapshots, ...fields } }) });
}

describe("loadPrometheusMetrics", () => {
  it("writes every metric of the catalogue with its type and help", async () => {
    const parsed = parsePrometheusText(await textOf(nodeReadings()));
    assert.deepEqual(
      [...parsed].map(([name, { type, help }]) => ({ name, type, help })),
      metricCatalogue.map(({ name, type, help }) => ({ name, type, help })),
    );
    for (const [name, { samples }] of parsed) assert.ok(samples.size > 0, `${name} has no value`);
  });

  it("says of a leader what it is, and of each peer how far it is", async () => {
    const text = await textOf(nodeReadings());
    const wanted: readonly [string, number][] = [
      ["raft_is_leader", 1],
      ["raft_has_leader", 1],
      ['raft_role{role="leader"}', 1],
      ['raft_role{role="follower"}', 0],
      ["raft_commit_index", 100],
      ["raft_log_segments", 2],
      ["raft_proposals_total", 90],
      ["raft_proposals_pending", 2],
      ["raft_proposals_refused_total", 3],
      ["raft_proposals_unknown_total", 4],
      ['raft_peer_connected{peer="2"}', 1],
      ['raft_peer_connected{peer="3"}', 0],
      ['raft_peer_match_index{peer="2"}', 90],
      ['raft_peer_lag_entries{peer="2"}', 10],
      ['raft_peer_lag_entries{peer="3"}', 100],
      ["raft_state_age_seconds", 0.25],
      ["raft_client_connections", 7],
      ["process_cpu_seconds_total", 1.25],
    ];
    for (const [sample, value] of wanted) {
      assert.equal(sampleOf(text, sample), value, sample);
    }
    assert.equal(sampleOf(text, 'raft_peer_connected{peer="1"}'), undefined, "no peer of itself");
  });

  it("says nothing of what is not known", async () => {
    const status = { role: "follower" as const, leaderId: 0 };
    const text = await textOf(nodeReadings({ status, raft: null, keys: null, log: null }));
    const silent = ["raft_keys", "raft_log_bytes", "raft_durable_index", "raft_proposals_total"];
    for (const name of [...silent, alarm("deviates"), 'raft_peer_lag_entries{peer="2"}']) {
      assert.equal(sampleOf(text, name), undefined, name);
    }
    assert.equal(sampleOf(text, "raft_has_leader"), 0);
  });

  it("reads anew for each text", async () => {
    let commitIndex = 1;
    const metrics = await loadPrometheusMetrics(() => ({
      ...nodeReadings({ status: { commitIndex } }),
      process: usage,
    }));
    assert.equal(sampleOf(await metrics.text(), "raft_commit_index"), 1);
    commitIndex = 2;
    assert.equal(sampleOf(await metrics.text(), "raft_commit_index"), 2);
    assert.equal(sampleOf(await metrics.text(), "raft_proposals_total"), 90, "not added up");
  });

  it("raises each alarm for what it is about, and no other", async () => {
    const raised: readonly [string, NodeReadings][] = [
      [
        "state_divergence",
        nodeReadings({ status: { alarms: [{ nodeId: 2, index: 7, message: "states differ" }] } }),
      ],
      ["deviates", nodeReadings({ raft: raftReadings({ deviates: true }) })],
      ["disk_full", nodeReadings({ raft: raftReadings({ isFull: true }) })],
      ["disk_stalled", nodeReadings({ raft: raftReadings({ isStalled: true }) })],
      ["snapshot_unusable", withSnapshots({ recentlyUnusable: true })],
      ["snapshot_failed", withSnapshots({ lastFailed: true })],
      ["snapshot_not_received", withSnapshots({ notReceived: true })],
    ];
    assert.deepEqual(raised.map(([name]) => name), alarmNames);
    for (const [about, readings] of raised) {
      const text = await textOf(readings);
      for (const name of alarmNames) {
        assert.equal(sampleOf(text, alarm(name)), Number(name === about), `${name} of ${about}`);
      }
    }
    const well = await textOf(nodeReadings());
    for (const name of alarmNames) assert.equal(sampleOf(well, alarm(name)), 0, name);
  });

  it("hands out durations as they were counted", async () => {
    const syncs = new DurationHistogram();
    for (const ms of [0.4, 0.5, 3, 9_000]) syncs.add(ms);
    const text = await textOf(nodeReadings({ raft: raftReadings({ syncs: syncs.read() }) }));
    const name = "raft_log_sync_duration_seconds";
    const wanted = { "0.0005": 2, "0.001": 2, "0.002": 2, "0.004": 3, "8": 3, "+Inf": 4 };
    for (const [le, count] of Object.entries(wanted)) {
      assert.equal(sampleOf(text, `${name}_bucket{le="${le}"}`), count, le);
    }
    assert.equal(sampleOf(text, `${name}_count`), 4);
    assert.ok(Math.abs(sampleOf(text, `${name}_sum`)! - 9.0039) < 1e-9);
  });

  it("escapes the name of a cluster", async () => {
    const text = await textOf(nodeReadings({ status: { clusterName: 'a "b"\\\nc' } }));
    const [sample] = parsePrometheusText(text).get("raft_build_info")!.samples.keys();
    assert.match(sample!, /cluster="a \\"b\\"\\\\\\nc"/);
  });
});

describe("docs/METRICS.md", () => {
  const page = readFileSync(new URL("../../docs/METRICS.md", import.meta.url), "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("| `")).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim().replaceAll("`", ""))
  );

  it("lists every metric with its labels, type and meaning", () => {
    const documented = rows.filter(([name]) => /^(?:raft|process)_/.test(name!));
    assert.deepEqual(
      documented.map(([name, type, , meaning]) => [name, type, meaning]),
      metricCatalogue.map(({ name, labels, type, help }) => [
        labels.length === 0 ? name : `${name}{${labels.join(", ")}}`,
        type,
        help,
      ]),
    );
    for (const [name, , , , worry] of documented) assert.ok(worry, `when to worry of ${name}`);
  });

  it("lists every alarm", () => {
    const documented = rows.map(([name]) => name!).filter((name) => alarmNames.includes(name));
    assert.deepEqual(documented, alarmNames);
  });
});
