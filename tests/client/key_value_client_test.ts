import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InternalError } from "../../src/client/client_errors.ts";
import { ConditionFailedError, KeyValueClient } from "../../src/client/key_value_client.ts";
import { RaftClient } from "../../src/client/raft_client.ts";
import { AnswerForgottenError, InvalidRequestError } from "../../src/errors.ts";
import { KeyValueStore } from "../../src/state_machine/key_value_store.ts";
import { ScriptedCluster } from "./scripted_node.ts";

const decoder = new TextDecoder();

/** A cluster whose leader keeps a real store. */
async function startStore() {
  const cluster = await ScriptedCluster.start(1);
  const store = new KeyValueStore();
  let index = 0;
  cluster.node(1).script = ({ request, reply }) => {
    if (request.type === "propose") {
      index++;
      const result = store.apply(request.command, { index, term: 1, logTimeMs: 1 });
      reply({ type: "proposeAnswer", index, term: 1, duplicate: false, result });
      return true;
    }
    if (request.type === "query") {
      const result = store.query(request.query);
      reply({ type: "queryAnswer", servedBy: 1, index, ageMs: 0, result });
      return true;
    }
    return false;
  };
  const client = new RaftClient(cluster.runtime, { endpoints: cluster.endpoints });
  return { cluster, client, keyValue: new KeyValueClient(client) };
}

describe("KeyValueClient", () => {
  it("puts, gets and deletes a key", async () => {
    const { cluster, client, keyValue } = await startStore();
    const missing = await cluster.settle(keyValue.get("a"));
    assert.deepEqual([missing.found, missing.revision, missing.servedBy], [false, 0, 1]);
    const put = await cluster.settle(keyValue.put("a", "one"));
    assert.deepEqual([put.revision, put.created, put.index, put.term], [1, true, 1, 1]);
    assert.equal(put.previous, null);
    const again = await cluster.settle(keyValue.put("a", "two", { returnPrevious: true }));
    assert.equal(again.created, false);
    assert.equal(decoder.decode(again.previous?.value), "one");
    const got = await cluster.settle(keyValue.get("a"));
    assert.deepEqual([got.found, got.revision, got.createRevision, got.version], [true, 2, 1, 2]);
    assert.equal(decoder.decode(got.value), "two");
    const deleted = await cluster.settle(keyValue.delete("a"));
    assert.deepEqual([deleted.count, deleted.revision], [1, 3]);
    assert.equal((await cluster.settle(keyValue.delete("a"))).count, 0);
    client.close();
  });

  it("says what a failed condition met", async () => {
    const { cluster, client, keyValue } = await startStore();
    await cluster.settle(keyValue.put("a", "one"));
    const put = keyValue.put("a", "two", { condition: { type: "absent" } });
    const error = await cluster.rejection(put);
    assert.ok(error instanceof ConditionFailedError);
    assert.equal(error.applied, "no");
    assert.equal(error.revision, 1);
    assert.equal(decoder.decode(error.current?.value), "one");
    const condition = { type: "revision", revision: 1 } as const;
    await cluster.settle(keyValue.put("a", "two", { condition }));
    assert.ok(
      await cluster.rejection(keyValue.delete("a", { condition })) instanceof ConditionFailedError,
    );
    client.close();
  });

  it("counts, and refuses to count what is no number", async () => {
    const { cluster, client, keyValue } = await startStore();
    assert.equal((await cluster.settle(keyValue.increment("n"))).value, 1);
    assert.equal((await cluster.settle(keyValue.increment("n", { amount: -5 }))).value, -4);
    await cluster.settle(keyValue.put("text", "x"));
    const error = await cluster.rejection(keyValue.increment("text"));
    assert.ok(error instanceof InvalidRequestError);
    const fraction = keyValue.increment("n", { amount: 0.5 });
    assert.ok(await cluster.rejection(fraction) instanceof InvalidRequestError);
    client.close();
  });

  it("lists pages, walks through all of them, and deletes a prefix", async () => {
    const { cluster, client, keyValue } = await startStore();
    for (const key of ["b", "a/3", "a/1", "a/2"]) await cluster.settle(keyValue.put(key, key));
    const page = await cluster.settle(keyValue.list("a/", { limit: 2, withValues: false }));
    assert.deepEqual(page.items.map(({ key }) => decoder.decode(key)), ["a/1", "a/2"]);
    assert.deepEqual(page.items.map(({ value }) => value.length), [0, 0]);
    assert.equal(page.more, true);
    const walk = async () => {
      const found: string[] = [];
      for await (const { value } of keyValue.items("", { limit: 1 })) {
        found.push(decoder.decode(value));
      }
      return found;
    };
    assert.deepEqual(await cluster.settle(walk()), ["a/1", "a/2", "a/3", "b"]);
    const counted = await cluster.settle(keyValue.deletePrefix("a/", { dryRun: true }));
    assert.equal(counted.count, 3);
    assert.equal((await cluster.settle(keyValue.deletePrefix("a/"))).count, 3);
    assert.equal((await cluster.settle(keyValue.list())).items.length, 1);
    client.close();
  });

  it("tells an answer that is not kept, or not of this kind, from a failure", async () => {
    const { cluster, client, keyValue } = await startStore();
    cluster.node(1).script = (exchange) => {
      if (exchange.request.type !== "propose") return false;
      exchange.refuse("answerForgotten", { applied: "yes" });
      return true;
    };
    const forgotten = await cluster.rejection(keyValue.put("a", "b"));
    assert.ok(forgotten instanceof AnswerForgottenError);
    assert.equal(forgotten.applied, "yes");
    cluster.node(1).script = null;
    const strange = await cluster.rejection(keyValue.put("a", "b"));
    assert.ok(strange instanceof InternalError);
    assert.equal(strange.applied, "yes");
    client.close();
  });
});
