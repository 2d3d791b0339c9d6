/** Which configurations prove that log and snapshots are of another directory, and which do not. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { foreignInstance } from "../../src/log/log_owner.ts";
import type { Identity } from "../../src/wire/storage_codec.ts";
import { bindingTo } from "./damaged_log.ts";

const OWN = "ab".repeat(16);
const ANOTHER = "ee".repeat(16);
const own = bindingTo({ nodeId: 1, instanceId: OWN });
const another = bindingTo({ nodeId: 1, instanceId: ANOTHER });

/** A node that its cluster began with. */
const FOUNDER: Identity = {
  formatVersion: 1,
  clusterId: "c".repeat(32),
  clusterName: "",
  nodeId: 1,
  instanceId: OWN,
  born: true,
  members: own.voters,
  removed: false,
  recovery: null,
  formerClusterIds: [],
  deviatesSince: 0,
  replaces: [],
  joinIndex: 0,
  promiseMs: null,
};

describe("foreignInstance", () => {
  it("is the instance that all configurations with the node name in the place of its own", () => {
    assert.equal(foreignInstance(FOUNDER, [another]), ANOTHER);
    const stranger = bindingTo({ nodeId: 2, instanceId: OWN });
    assert.equal(foreignInstance(FOUNDER, [another, stranger]), ANOTHER);
  });

  it("is none where one names its own, or none names the node or binds it", () => {
    const unbound = bindingTo({ nodeId: 1, instanceId: "" });
    const others = bindingTo({ nodeId: 2, instanceId: ANOTHER });
    for (const found of [[], [own], [another, own], [own, another], [unbound], [others]]) {
      assert.equal(foreignInstance(FOUNDER, found), null);
    }
  });

  it("is none for a node whose log may reach to what was before it only", () => {
    const cases: Partial<Identity>[] = [
      { born: false },
      { replaces: ["dd".repeat(16)], born: false },
      { replaces: ["dd".repeat(16)] },
      { joinIndex: 7 },
      { members: [] },
      { members: another.voters },
    ];
    for (const identity of cases) {
      assert.equal(foreignInstance({ ...FOUNDER, ...identity }, [another]), null);
    }
  });
});
