import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  checkConfigurationFile,
  parseConfigurationFile,
  resolveFields,
  resolveSettings,
  type SettingSources,
  unknownVariables,
} from "../../src/cli/resolve_settings.ts";
import type { Settings } from "../../src/config.ts";
import { configurationJsonSchema } from "../../src/config/configuration_file.ts";
import { globalSettings } from "../../src/config/global_settings.ts";
import { startSettings } from "../../src/config/start_settings.ts";
import {
  SNAPSHOT_BYTES_DEFAULT,
  SNAPSHOT_EVERY_DEFAULT,
  TRAILING_ENTRIES_DEFAULT,
} from "../../src/limits.ts";

function sources(fields: Partial<SettingSources> = {}): SettingSources {
  return { flags: {}, environment: {}, file: null, ...fields };
}

const file = parseConfigurationFile("raft.json", '{"timeout":"3s","endpoints":["c:3","d:4"]}');

describe("resolveSettings", () => {
  it("uses defaults where nobody says anything", () => {
    const values = resolveSettings(globalSettings, sources());
    assert.deepEqual(values.endpoints, ["127.0.0.1:7238"]);
    assert.equal(values.timeoutMs, 5000);
    assert.equal(values.output, "text");
    assert.deepEqual(values.consistency, { level: "linearizable", maxAgeMs: 0 });
    assert.equal(values.field, undefined);
    assert.equal(values.quiet, false);
  });

  it("takes flag before environment before file before default", () => {
    const environment = { RAFT_TIMEOUT: "2s", RAFT_ENDPOINTS: "b:2" };
    const flags = { timeoutMs: "1s" };
    const timeout = (fields: Partial<SettingSources>): number =>
      resolveSettings(globalSettings, sources(fields)).timeoutMs;
    assert.equal(timeout({ flags, environment, file }), 1000);
    assert.equal(timeout({ environment, file }), 2000);
    assert.equal(timeout({ file }), 3000);
    assert.equal(timeout({}), 5000);
  });

  it("takes a list from a file as an array", () => {
    assert.deepEqual(resolveSettings(globalSettings, sources({ file })).endpoints, ["c:3", "d:4"]);
  });

  it("ignores an empty variable", () => {
    const environment = { RAFT_TIMEOUT: "" };
    assert.equal(resolveSettings(globalSettings, sources({ environment })).timeoutMs, 5000);
  });

  it("names the place of a wrong value", () => {
    const resolve = (fields: Partial<SettingSources>) => () =>
      resolveSettings(globalSettings, sources(fields));
    assert.throws(resolve({ flags: { timeoutMs: "5" } }), /--timeout: .*the unit is missing/);
    assert.throws(resolve({ environment: { RAFT_TIMEOUT: "x" } }), /RAFT_TIMEOUT: /);
    const wrong = parseConfigurationFile("f.json", '{"timeout":7}');
    assert.throws(resolve({ file: wrong }), /f.json: timeout: .*the unit is missing/);
  });

  it("reads every form of a consistency", () => {
    const read = (consistency: string) =>
      resolveSettings(globalSettings, sources({ flags: { consistency } })).consistency;
    assert.deepEqual(read("stale"), { level: "stale", maxAgeMs: 0 });
    assert.deepEqual(read("stale:500ms"), { level: "stale", maxAgeMs: 500 });
    assert.deepEqual(read("lease"), { level: "lease", maxAgeMs: 0 });
    assert.throws(() => read("fresh"), /Cannot use "fresh" as a consistency/);
    assert.throws(() => read("lease:5s"), /Cannot use/);
    for (const age of ["0ms", "0s"]) {
      assert.throws(() => read(`stale:${age}`), /Cannot use "stale:0m?s" .*no copy is that fresh/);
    }
  });

  it("asks for a setting that is missing", () => {
    assert.throws(() => resolveSettings(startSettings, sources()), /--id is missing/);
  });

  it("reads the settings of a node from the environment", () => {
    const environment = { RAFT_ID: "3", RAFT_BOOTSTRAP: "true", RAFT_SEGMENT_BYTES: "1MiB" };
    const values = resolveSettings(startSettings, sources({ environment }));
    assert.equal(values.id, 3);
    assert.equal(values.bootstrap, true);
    assert.equal(values.segmentBytes, 2 ** 20);
  });
});

describe("the settings of snapshots", () => {
  it("have the defaults of the library, and a smallest value", () => {
    const values = resolveSettings(startSettings, sources({ flags: { id: "1" } }));
    assert.equal(values.snapshotEvery, SNAPSHOT_EVERY_DEFAULT);
    assert.equal(values.snapshotBytes, SNAPSHOT_BYTES_DEFAULT);
    const read = (flags: Record<string, string>) =>
      resolveSettings(startSettings, sources({ flags: { id: "1", ...flags } }));
    assert.equal(read({ snapshotEvery: "500" }).snapshotEvery, 500);
    assert.equal(values.trailingEntries, TRAILING_ENTRIES_DEFAULT);
    assert.equal(read({ trailingEntries: "0" }).trailingEntries, 0);
    assert.equal(read({ snapshotBytes: "1MiB" }).snapshotBytes, 2 ** 20);
    assert.throws(() => read({ snapshotEvery: "0" }), /Cannot use "0"/);
    assert.throws(() => read({ snapshotBytes: "1KiB" }), /Cannot use "1KiB"/);
  });
});

describe("resolveFields", () => {
  it("says where each value comes from", () => {
    const all = resolveFields(
      globalSettings as unknown as Settings,
      sources({ flags: { output: "json" }, environment: { RAFT_CONSISTENCY: "lease" }, file }),
    );
    const bySource = Object.fromEntries(all.map(({ field, source }) => [field.key, source]));
    assert.equal(bySource["output"], "flag");
    assert.equal(bySource["consistency"], "environment");
    assert.equal(bySource["timeoutMs"], "file");
    assert.equal(bySource["color"], "default");
    assert.equal(bySource["field"], "unset");
  });
});

describe("unknownVariables", () => {
  it("names the nearest variable", () => {
    const [line, ...rest] = unknownVariables({ RAFT_ENDPOINT: "x", RAFT_TIMEOUT: "5s", HOME: "/" });
    assert.match(line ?? "", /RAFT_ENDPOINT is not a variable.*did you mean RAFT_ENDPOINTS\?/);
    assert.deepEqual(rest, []);
  });

  it("knows the variables that raft gives to its children", () => {
    assert.deepEqual(unknownVariables({ RAFT_LOCK_TOKEN: "1", RAFT_CONFIG: "f" }), []);
  });
});

describe("parseConfigurationFile", () => {
  it("refuses what is not a JSON object of known settings", () => {
    assert.throws(() => parseConfigurationFile("f", "{"), /as JSON/);
    assert.throws(() => parseConfigurationFile("f", "[]"), /want a JSON object/);
    assert.throws(() => parseConfigurationFile("f", '{"timout":"5s"}'), /no setting "timout"/);
  });
});

describe("checkConfigurationFile", () => {
  it("checks every value", () => {
    const good =
      '{"$schema":"x","id":1,"heartbeat":"50ms","peers":"1=a:1,2=b:2","bootstrap":false}';
    assert.deepEqual(
      checkConfigurationFile(parseConfigurationFile("f", good)),
      ["id", "bootstrap", "peers", "heartbeat"],
    );
    const bad = parseConfigurationFile("f", '{"id":1,"heartbeat":50}');
    assert.throws(() => checkConfigurationFile(bad), /f: heartbeat: /);
  });
});

describe("configurationJsonSchema", () => {
  it("has every configurable setting with its default", () => {
    const schema = configurationJsonSchema() as {
      properties: Record<string, { default?: string; enum?: string[]; description?: string }>;
    };
    assert.equal(schema.properties["timeout"]?.default, "5s");
    assert.deepEqual(schema.properties["output"]?.enum, ["text", "json", "table"]);
    assert.ok(schema.properties["electionTimeout"]?.description);
    assert.equal(schema.properties["json"], undefined);
  });
});
