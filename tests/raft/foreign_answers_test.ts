/** Another cluster at an address is passed by, and ends the node only where nobody else answers. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeniedError } from "../../src/errors.ts";
import { FOREIGN_PATIENCE_MS, ForeignAnswers } from "../../src/raft/foreign_answers.ts";
import type { HelloReply } from "../../src/wire/hello.ts";
import type { Identity } from "../../src/wire/storage_codec.ts";

const OWN = { refusal: "none", clusterId: "own", clusterName: "raft", nodeId: 2 } as HelloReply;
const FOREIGN = { ...OWN, refusal: "wrongCluster", clusterId: "other", nodeId: 7 } as HelloReply;
const FORMER = { ...FOREIGN, refusal: "formerCluster", reason: "it was recovered" } as HelloReply;
const JOINING = { ...OWN, refusal: "notReady", clusterId: "", clusterName: "" } as HelloReply;

/** What a node of the cluster "own" makes of one answer after another. */
function answersOf(endpoints: readonly string[]) {
  const identity = { nodeId: 3, clusterId: "own", clusterName: "raft" } as Identity;
  const answers = new ForeignAnswers(identity, endpoints);
  let nowMs = 1;
  return {
    after: (ms: number): void => void (nowMs += ms),
    /** Asks an endpoint that does not answer, or so. */
    ask: (endpoint: string, reply: HelloReply | null = null): string | DeniedError | null => {
      try {
        return reply === null ? null : answers.answered(endpoint, reply, nowMs);
      } catch (error) {
        assert.ok(error instanceof DeniedError, String(error));
        return error;
      } finally {
        answers.asked(endpoint);
      }
    },
  };
}

const isText = (answer: unknown): boolean => typeof answer === "string";

describe("ForeignAnswers", () => {
  it("passes another cluster by, and gives up when nobody else answers for long enough", () => {
    const { ask, after } = answersOf(["n1:1", "n2:1"]);
    assert.match(String(ask("n1:1", FOREIGN)), /Cannot join cluster "raft" \(other\) at n1:1/);
    after(FOREIGN_PATIENCE_MS);
    assert.ok(isText(ask("n1:1", FOREIGN)), "node 2 was not asked yet");
    ask("n2:1");
    const error = ask("n1:1", FOREIGN);
    assert.ok(error instanceof DeniedError);
    assert.match(error.message, /for cluster "raft" \(own\).*nobody of its own cluster has answer/);
    assert.match(error.fix.join(), /members of its own cluster, .*--data DIR --join HOST:PORT/);
    assert.doesNotMatch(error.fix.join(), /n1:1/);
  });

  it("never gives up for a stranger once it has met its own cluster", () => {
    const { ask, after } = answersOf(["n1:1", "n2:1"]);
    assert.equal(ask("n2:1", OWN), null);
    for (let round = 0; round < 5; round += 1) {
      assert.ok(isText(ask("n1:1", FOREIGN)));
      ask("n2:1");
      after(FOREIGN_PATIENCE_MS);
    }
  });

  it("waits anew after any other answer", () => {
    const { ask, after } = answersOf(["n1:1", "n2:1"]);
    for (let round = 0; round < 5; round += 1) {
      assert.ok(isText(ask("n1:1", FOREIGN)));
      assert.equal(ask("n2:1", JOINING), null);
      after(FOREIGN_PATIENCE_MS);
    }
  });

  it("names the cluster that took the place of its own, whoever else answers", () => {
    const { ask, after } = answersOf(["n1:1", "n2:1"]);
    assert.equal(ask("n2:1", OWN), null);
    assert.ok(isText(ask("n1:1", FORMER)));
    after(FOREIGN_PATIENCE_MS);
    const error = ask("n2:1", FOREIGN);
    assert.ok(error instanceof DeniedError);
    assert.equal(error.message, "it was recovered");
    assert.match(error.fix.join(), /raft start --id 3 --data NEW_DIR --join n1:1/);
  });
});
