import { DurationHistogram } from "../../src/observability/duration_histogram.ts";
import type { NodeReadings, RaftReadings } from "../../src/observability/node_readings.ts";
import { memberOf, statusOf } from "../cli/fake_status.ts";

/** What a node that is well has counted. */
export function raftReadings(fields: Partial<RaftReadings> = {}): RaftReadings {
  return {
    durableIndex: 100,
    leaderChanges: 1,
    stateAgeMs: 250,
    syncs: new DurationHistogram().read(),
    proposals: { logged: 90, pending: 2, refused: 3, unknown: 4 },
    snapshots: {
      taken: 1,
      takenSeconds: 0.5,
      failed: 0,
      lastFailed: false,
      received: 0,
      notReceived: false,
      unusable: 0,
      recentlyUnusable: false,
    },
    deviates: false,
    isStalled: false,
    isFull: false,
    isRestoring: false,
    sessions: 5,
    rememberedAnswers: 6,
    ...fields,
  };
}

/** What is read off node 1 of three, which leads and is well. */
export function nodeReadings(
  { status = {}, ...fields }: Partial<Omit<NodeReadings, "status">> & {
    readonly status?: Partial<NodeReadings["status"]>;
  } = {},
): NodeReadings {
  const members = [memberOf(1), memberOf(2, { matchIndex: 90 }), memberOf(3, { reachable: false })];
  return {
    status: statusOf({ nodeId: 1, role: "leader", members, ...status }).status!,
    raft: raftReadings(),
    log: { segments: 2, bytes: 32 * 2 ** 20 },
    snapshotBytes: 4_096,
    clientConnections: 7,
    keys: 8,
    leases: 9,
    ...fields,
  };
}
