/** A small reader of the text format of Prometheus, strict about what it knows. */
import assert from "node:assert/strict";

/** A metric of a text. */
export interface ParsedMetric {
  readonly help: string;
  readonly type: string;
  /** By what stands before the value: the name with its labels. */
  readonly samples: Map<string, number>;
}

const SAMPLE = /^([a-z_]+)((?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (-?[\d.e+-]+|NaN)$/;
const SUFFIXES = /_(?:bucket|sum|count)$/;

/** The metrics of a text by their names; every line must be right. */
export function parsePrometheusText(text: string): Map<string, ParsedMetric> {
  const metrics = new Map<string, ParsedMetric>();
  let help = { name: "", text: "" };
  assert.ok(text.endsWith("\n"), "the last line ends");
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, comment, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (comment === "HELP") help = { name, text: rest };
    else if (comment === "TYPE") {
      assert.equal(help.name, name, `no help before ${line}`);
      assert.ok(!metrics.has(name), `${name} comes twice`);
      metrics.set(name, { help: help.text, type: rest, samples: new Map() });
    } else {
      const [, full = "", labels = "", value = ""] = SAMPLE.exec(line) ?? [];
      assert.ok(full !== "", `cannot read ${JSON.stringify(line)}`);
      const metric = metrics.get(full) ?? metrics.get(full.replace(SUFFIXES, ""));
      assert.ok(metric !== undefined, `no type before ${line}`);
      assert.ok(!metric.samples.has(full + labels), `${full}${labels} comes twice`);
      metric.samples.set(full + labels, Number(value));
    }
  }
  return metrics;
}

/** The value of one sample of a text, or undefined. */
export function sampleOf(text: string, sample: string): number | undefined {
  for (const { samples } of parsePrometheusText(text).values()) {
    if (samples.has(sample)) return samples.get(sample);
  }
  return undefined;
}
