import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type NodePlan, planNode } from "../../src/cli/node_plan.ts";
import { resolveSettings } from "../../src/cli/resolve_settings.ts";
import { startSettings } from "../../src/config/start_settings.ts";
import type { KnownAs } from "../../src/log/identity_file.ts";

function plan(flags: Record<string, unknown>, known: KnownAs | null = null): NodePlan {
  return planNode(
    resolveSettings(startSettings, { flags: { id: "1", ...flags }, environment: {}, file: null }),
    known,
  );
}

const known: KnownAs = { clusterName: "blue", address: "10.0.0.2:7248" };
const peers = "1=10.0.0.1:7238,2=10.0.0.2:7238";

describe("planNode", () => {
  it("has a default for everything but the id", () => {
    assert.deepEqual(plan({}), {
      nodeId: 1,
      dataPath: "raft-data/1",
      clusterName: "raft",
      listen: "127.0.0.1:7238",
      advertise: "127.0.0.1:7238",
      formation: { kind: "existing" },
    });
  });

  it("takes both addresses from its own entry in --peers", () => {
    const { listen, advertise, formation } = plan({ id: "2", peers });
    assert.deepEqual([listen, advertise], ["10.0.0.2:7238", "10.0.0.2:7238"]);
    assert.equal(formation.kind, "peers");
  });

  it("joins the cluster of some endpoints, as a learner that stays one if told", () => {
    const join = "10.0.0.1:7238,10.0.0.2:7238";
    const endpoints = ["10.0.0.1:7238", "10.0.0.2:7238"];
    const listen = "10.0.0.4:7238";
    assert.deepEqual(plan({ id: "4", join, listen }).formation, {
      kind: "join",
      endpoints,
      learner: false,
    });
    const learner = plan({ id: "4", join, listen, learner: true });
    assert.deepEqual(learner.formation, { kind: "join", endpoints, learner: true });
    // A node that has a cluster keeps it.
    assert.equal(plan({ id: "2", join }, known).formation.kind, "existing");
  });

  it("refuses to join where it cannot be meant", () => {
    const cases: readonly (readonly [Record<string, unknown>, RegExp])[] = [
      [{ join: "a:1", bootstrap: true }, /Cannot use --bootstrap together with --join/],
      [{ join: "a:1", peers }, /Cannot use --peers together with --join/],
      [{ learner: true }, /Cannot use --learner without --join/],
      [{ join: "a:1", listen: "a:1" }, /this node itself is to be there/],
      [{ join: "10.0.0.1:7238" }, /only this machine reaches it/],
      [{ join: "a" }, /the port is missing/],
    ];
    for (const [flags, message] of cases) assert.throws(() => plan({ id: "4", ...flags }), message);
    const advertised = plan({ id: "4", join: "10.0.0.1:7238", advertise: "10.0.0.4:7238" });
    assert.equal(advertised.advertise, "10.0.0.4:7238");
  });

  it("listens on a wildcard and advertises its entry", () => {
    const { listen, advertise } = plan({ peers, listen: "0.0.0.0:7238" });
    assert.deepEqual([listen, advertise], ["0.0.0.0:7238", "10.0.0.1:7238"]);
  });

  it("takes addresses and cluster from the data directory where no flag names one", () => {
    for (const flags of [{}, { bootstrap: true }]) {
      const { listen, advertise, clusterName } = plan({ id: "2", ...flags }, known);
      assert.deepEqual([listen, advertise], ["10.0.0.2:7248", "10.0.0.2:7248"]);
      assert.equal(clusterName, "blue");
    }
  });

  it("listens where it is told, and is known by the stored address", () => {
    const wildcard = plan({ listen: "0.0.0.0:7248" }, known);
    assert.deepEqual([wildcard.listen, wildcard.advertise], ["0.0.0.0:7248", known.address]);
    const told = plan({ listen: "10.0.0.9:1", advertise: "a:1", cluster: "red" }, known);
    assert.equal(told.clusterName, "red");
    assert.deepEqual([told.listen, told.advertise], ["10.0.0.9:1", "a:1"]);
    // Another list is ignored by a node that has a cluster.
    const listed = plan({ peers }, known);
    assert.deepEqual([listed.listen, listed.advertise], [known.address, known.address]);
    assert.equal(listed.formation.kind, "existing");
  });

  it("asks for an address that others can reach where it listens on a wildcard", () => {
    assert.throws(
      () => plan({ bootstrap: true, listen: "[::]:7238" }),
      /Cannot advertise \[::\]:7238/,
    );
    assert.equal(plan({ listen: "0.0.0.0:1", advertise: "a:1" }).advertise, "a:1");
  });

  it("refuses flags that do not agree", () => {
    assert.throws(() => plan({ bootstrap: true, peers }), /--bootstrap together with --peers/);
    assert.throws(() => plan({ id: "3", peers }), /--peers lists 1, 2 and not 3/);
    assert.throws(() => plan({ peers, advertise: "a:1" }), /--peers says that node 1 is at/);
    assert.throws(
      () => plan({ heartbeatMs: "500ms" }),
      /Cannot use --election-timeout 1000ms with --heartbeat 500ms/,
    );
  });
});
