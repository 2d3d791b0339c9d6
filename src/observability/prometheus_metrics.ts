/**
 * Metrics by prom-client, in the text format of Prometheus. Nothing is counted here: each metric is
 * read off the node when it is asked for.
 *
 * @module
 */
import type * as PrometheusClient from "prom-client";
import {
  type HistogramMetric,
  metricCatalogue,
  type MetricReadings,
  type ValueMetric,
} from "./metric_catalogue.ts";

/** The metrics of one node. */
export interface PrometheusMetrics {
  /** The type of the text. */
  readonly contentType: string;
  /** The metrics as they are now. */
  text(): Promise<string>;
}

/** Loads prom-client and declares every metric; `read` is called once for each text. */
export async function loadPrometheusMetrics(read: () => MetricReadings): Promise<
  PrometheusMetrics
> {
  const client = await loadClient();
  const registry = new client.Registry();
  const latest: Latest = { readings: null };
  for (const metric of metricCatalogue) {
    if (metric.type === "histogram") declareHistogram(registry, metric, latest);
    else declareValues(client, { registry, metric, latest });
  }
  return {
    contentType: registry.contentType,
    text: async () => {
      latest.readings = read();
      return await registry.metrics();
    },
  };
}

/** What the text under way is made of. */
interface Latest {
  readings: MetricReadings | null;
}

/** A CommonJS module: some runtimes hand out its names, others its default. */
async function loadClient(): Promise<typeof PrometheusClient> {
  const module: object = await import("prom-client");
  return ("default" in module ? module.default : module) as typeof PrometheusClient;
}

function declareValues(
  client: typeof PrometheusClient,
  { registry, metric, latest }: {
    readonly registry: PrometheusClient.Registry;
    readonly metric: ValueMetric;
    readonly latest: Latest;
  },
): void {
  const { name, help, labels } = metric;
  const configuration = { name, help, labelNames: [...labels], registers: [registry] };
  const values = () => latest.readings === null ? [] : metric.read(latest.readings);
  if (metric.type === "gauge") {
    new client.Gauge({
      ...configuration,
      collect() {
        this.reset();
        // Without labels a reset leaves a 0, also where there is nothing to say.
        if (labels.length === 0 && values().length === 0) this.remove();
        for (const sample of values()) this.set(sample.labels, sample.value);
      },
    });
    return;
  }
  new client.Counter({
    ...configuration,
    collect() {
      this.reset();
      if (labels.length === 0 && values().length === 0) this.remove();
      for (const sample of values()) this.inc(sample.labels, sample.value);
    },
  });
}

/** prom-client would count itself: what is counted already is handed out as it does it. */
function declareHistogram(
  registry: PrometheusClient.Registry,
  { name, help, read }: HistogramMetric,
  latest: Latest,
): void {
  const get = () => {
    const readings = latest.readings === null ? null : read(latest.readings);
    const values = readings === null ? [] : [
      ...readings.buckets.map(({ seconds, count }) => bucket(String(seconds), count)),
      bucket("+Inf", readings.count),
      { metricName: `${name}_sum`, labels: {}, value: readings.totalSeconds },
      { metricName: `${name}_count`, labels: {}, value: readings.count },
    ];
    return Promise.resolve({ name, help, type: "histogram", aggregator: "sum", values });
  };
  const bucket = (le: string, value: number) => ({
    metricName: `${name}_bucket`,
    labels: { le },
    value,
  });
  // Of a metric a registry uses its name, and what it is when it is asked for.
  registry.registerMetric({ name, get } as unknown as PrometheusClient.Metric);
}
