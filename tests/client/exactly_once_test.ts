import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CountingWorld, disturb, PEERS } from "./counting_world.ts";

describe("a client of a cluster whose leaders fail", () => {
  for (const seed of [1, 2]) {
    it(`counts each command once (trap 52, trap 53, ancestor A16), seed ${seed}`, async () => {
      const run = new CountingWorld(seed);
      await run.settle(Promise.all(PEERS.map(({ id }) => run.boot(id))));
      await run.run(3_000);
      const workers = Array.from({ length: 2 }, () => run.count());
      await run.run(500);
      await disturb(run);
      await run.run(3_000);
      run.isOver = true;
      await run.settle(Promise.all(workers));
      const { value } = await run.settle(run.keyValue.get("n"));
      const sum = Number(new TextDecoder().decode(value));
      const { applied, unknown } = run.tally;
      assert.ok(applied > 150, `${applied} were applied`);
      assert.ok(sum >= applied && sum <= applied + unknown, `${sum}: ${JSON.stringify(run.tally)}`);
      run.client.close();
    });
  }
});
