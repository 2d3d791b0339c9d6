import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deriveClusterId } from "../../src/raft/cluster_id.ts";

const members = [
  { id: 1, address: "10.0.0.1:7238" },
  { id: 2, address: "10.0.0.2:7238" },
  { id: 10, address: "10.0.0.10:7238" },
];

describe("deriveClusterId", () => {
  it("gives 32 hexadecimal digits, the same in every build", () => {
    assert.equal(deriveClusterId("", []), "6c62272e07bb014262b821756295c58d", "FNV-1a's offset");
    assert.equal(deriveClusterId("a", []), "d228cb696f1a8caf78912b704e4a8964", "FNV-1a of a");
    assert.match(deriveClusterId("blue", members), /^[0-9a-f]{32}$/);
  });

  it("does not depend on the order of the list", () => {
    const [one, two, ten] = members as [typeof members[0], typeof members[0], typeof members[0]];
    const id = deriveClusterId("blue", members);
    for (const order of [[ten, one, two], [two, ten, one], [one, ten, two]]) {
      assert.equal(deriveClusterId("blue", order), id);
    }
  });

  it("differs by name, ids and addresses", () => {
    const [one, two, ten] = members as [typeof members[0], typeof members[0], typeof members[0]];
    const ids = [
      deriveClusterId("blue", members),
      deriveClusterId("green", members),
      deriveClusterId("", members),
      deriveClusterId("blue", [one, two]),
      deriveClusterId("blue", [one, two, { ...ten, id: 11 }]),
      deriveClusterId("blue", [one, two, { ...ten, address: "10.0.0.11:7238" }]),
      deriveClusterId("blue", [{ ...one, id: 2 }, { ...two, id: 1 }, ten]),
    ];
    assert.equal(new Set(ids).size, ids.length);
  });
});
