/** A token of a follower's clock is proven by a round that started after it came, and no other. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { accepted, appendEntries } from "../../src/testing/core_messages.ts";
import { loneLeader, loneNode, sentTo } from "../../src/testing/core_lone_node.ts";
import type { CoreNode } from "../../src/testing/core_node.ts";

/** A leader of term 1 among three nodes; what it said is taken out. */
function leader(): CoreNode {
  const node = loneLeader();
  node.takeOutgoing();
  return node;
}

function answer(node: CoreNode, from: number, readSequence: number, ageToken = 0): void {
  node.receive(from, accepted({ matchIndex: 1, readSequence, ageToken }));
}

/** The tokens that the next heartbeat tells a node. */
function toldTo(node: CoreNode, to: number): number[] {
  node.fire("heartbeat");
  return sentTo(node, to).map((message) => {
    assert.ok(message.type === "appendEntriesRequest");
    return message.provenToken;
  });
}

describe("age_proof", () => {
  it("proves a token by a quorum's answers to a round that started after it was heard", () => {
    const node = leader();
    answer(node, 2, 0, 71);
    assert.deepEqual(toldTo(node, 2), [0], "round 1 starts");
    answer(node, 3, 0);
    assert.deepEqual(toldTo(node, 2), [0], "an answer to what was sent before proves nothing");
    answer(node, 3, 1);
    assert.deepEqual(toldTo(node, 2), [71]);
  });

  it("does not prove a token by the round whose answer brought it", () => {
    const node = leader();
    assert.deepEqual(toldTo(node, 2), [0]);
    answer(node, 2, 1, 71);
    assert.deepEqual(toldTo(node, 2), [0], "round 1 is older than the token");
    answer(node, 2, 2, 72);
    assert.deepEqual(toldTo(node, 2), [71]);
    answer(node, 2, 3, 73);
    assert.deepEqual(toldTo(node, 2), [72]);
  });

  it("keeps what a round is to prove until it is answered, by it or a later one", () => {
    const node = leader();
    answer(node, 2, 0, 71);
    node.fire("heartbeat");
    answer(node, 2, 0, 72);
    node.fire("heartbeat");
    node.takeOutgoing();
    answer(node, 3, 2);
    assert.deepEqual(toldTo(node, 2), [71], "72 came after that round");
    answer(node, 3, 3);
    assert.deepEqual(toldTo(node, 2), [72]);
  });

  it("forgets the tokens of a node whose connection was lost: it may have started again", () => {
    const node = leader();
    answer(node, 2, 0, 71);
    node.fire("heartbeat");
    node.run({ type: "connectionLost", peer: 2 });
    node.takeOutgoing();
    answer(node, 3, 1);
    assert.deepEqual(toldTo(node, 2), [0]);
  });

  it("proves a leader's own token, and those of no earlier leadership", () => {
    const node = leader();
    node.run({ type: "ageToken", token: 5 });
    node.fire("heartbeat");
    assert.equal(node.core.provenToken, 0);
    node.run({ type: "ageToken", token: 6 });
    answer(node, 3, 1);
    assert.equal(node.core.provenToken, 5);
    node.receive(2, appendEntries({ term: 2 }));
    assert.equal(node.core.provenToken, 0, "a follower proves nothing");
  });

  it("puts the latest token into each answer that accepts", () => {
    const node = loneNode();
    for (const token of [8, 9]) {
      node.run({ type: "ageToken", token });
      node.receive(2, appendEntries());
      const [sent] = sentTo(node, 2);
      assert.ok(sent?.type === "appendEntriesResponse" && sent.accepted);
      assert.equal(sent.ageToken, token);
    }
  });
});
