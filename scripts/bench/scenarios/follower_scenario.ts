import { positionOf } from "../node_events.ts";
import { load, loadFigures, type Measurement, type Scenario } from "../scenario.ts";

/**
 * Linearizable gets at every node against the same load at the leader alone. A follower asks the
 * leader for an index (ReadIndex) once for all reads that wait, and answers them itself.
 */
export const followers: Scenario = {
  name: "followers",
  summary: "linearizable gets at the leader alone, and spread over all nodes",
  compaction: true,
  nodesMin: 3,
  isFor: ({ readsAtFollowers }) => readsAtFollowers === true,
  measure: async (cluster, settings) => {
    const measurements: Measurement[] = [];
    const leader = (await cluster.leader()).address;
    const nodes = cluster.nodes.length;
    const everyNode = cluster.nodes.map(({ address }) => address);
    // As many connections to each node as to every other one.
    const clients = nodes * Math.ceil(settings.clients / nodes);
    for (const inFlight of settings.inFlight.filter((underWay) => underWay >= clients)) {
      for (
        const [where, boundTo] of [["the leader", [leader]], ["all nodes", everyNode]] as const
      ) {
        const skipPreload = measurements.length > 0;
        const plan = { operation: "get", inFlight, clients, boundTo, skipPreload } as const;
        const result = await load(cluster, settings, plan);
        const shares = [...result.nodeShares];
        const [leaderShare] = shares.splice(positionOf(cluster, leader), 1);
        measurements.push({
          name: `get at ${where}, ${inFlight} in flight`,
          figures: {
            ...loadFigures(result),
            leaderShare: leaderShare!,
            followerShare: shares.reduce((sum, share) => sum + share, 0) / shares.length,
          },
        });
      }
    }
    return measurements;
  },
};
