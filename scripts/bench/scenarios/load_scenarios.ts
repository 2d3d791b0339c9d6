/**
 * Scenarios of puts and gets: what a cluster takes, and how long it takes for each.
 *
 * @module
 */
import { fill, load, loadFigures, type Scenario } from "../scenario.ts";

const MIB = 1024 * 1024;
const LARGE_KEYS = 64;
const PEAK_IN_FLIGHT = 1_000;
/** An open loop needs room for what is under way during a stall. */
const OPEN_IN_FLIGHT = 20_000;

/** Puts, closed loop. */
export const puts: Scenario = {
  name: "put",
  summary: "puts, each answer starts the next",
  compaction: true,
  measure: async (cluster, settings) => {
    const measurements = [];
    for (const inFlight of settings.inFlight) {
      const result = await load(cluster, settings, { operation: "put", inFlight });
      measurements.push({ name: `put, ${inFlight} in flight`, figures: loadFigures(result) });
    }
    return measurements;
  },
};

/** Linearizable gets, closed loop. */
export const gets: Scenario = {
  name: "get",
  summary: "linearizable gets, each answer starts the next",
  compaction: true,
  measure: async (cluster, settings) => {
    const measurements = [];
    for (const inFlight of settings.inFlight) {
      const skipPreload = measurements.length > 0;
      const result = await load(cluster, settings, { operation: "get", inFlight, skipPreload });
      measurements.push({ name: `get, ${inFlight} in flight`, figures: loadFigures(result) });
    }
    return measurements;
  },
};

/** Puts of 1 MiB; etcd takes no more than 1.5. */
export const large: Scenario = {
  name: "large",
  summary: "puts of 1 MiB",
  compaction: true,
  measure: async (cluster, settings) => {
    const measurements = [];
    for (const inFlight of [1, 8]) {
      const plan = { operation: "put", inFlight, valueBytes: MIB, keys: LARGE_KEYS } as const;
      const result = await load(cluster, settings, plan);
      const { opsPerSecond: _, ...figures } = loadFigures(result);
      const mebibytesPerSecond = Math.round(10 * result.operations / result.seconds) / 10;
      const name = `put 1 MiB, ${inFlight} in flight`;
      measurements.push({ name, figures: { mebibytesPerSecond, ...figures } });
    }
    return measurements;
  },
};

/** Puts and gets at a fixed rate; latency counts from the intended start. */
export const openLoop: Scenario = {
  name: "open",
  summary: "puts and gets at a fixed rate, half of the peak unless --rate says otherwise",
  compaction: true,
  measure: async (cluster, settings) => {
    const measurements = [];
    for (const operation of ["put", "get"] as const) {
      const peak = await load(cluster, settings, { operation, inFlight: PEAK_IN_FLIGHT });
      const rate = settings.rate ?? Math.max(1, Math.round(peak.opsPerSecond / 2));
      const plan = { operation, inFlight: OPEN_IN_FLIGHT, rate, skipPreload: true };
      const result = await load(cluster, settings, plan);
      const share = settings.rate === null ? "half of the peak" : `${rate}/s`;
      measurements.push({
        name: `${operation} at ${share}`,
        figures: { rate, ...loadFigures(result), unstarted: result.unstarted ?? 0 },
      });
    }
    return measurements;
  },
};

/** What a node holds in memory after many puts. */
export const memory: Scenario = {
  name: "memory",
  summary: "memory of a node after --entries puts on 10,000 keys, logs compacted",
  compaction: true,
  measure: async (cluster, settings) => {
    const result = await fill(cluster, settings);
    return [{ name: `memory after ${settings.entries} puts`, figures: loadFigures(result) }];
  },
};
