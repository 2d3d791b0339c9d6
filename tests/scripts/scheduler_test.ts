import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runStages } from "../../scripts/gate/scheduler.ts";
import { onePassed, type Stage } from "../../scripts/gate/stage.ts";

const scene = { root: ".", scratch: "." };

/** A stage that notes when it starts and ends, and takes a few turns of the event loop. */
function noting(events: string[], name: string, rest: Partial<Stage> = {}): Stage {
  return {
    name,
    summary: "",
    async run() {
      events.push(`+${name}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      events.push(`-${name}`);
      return onePassed();
    },
    ...rest,
  };
}

describe("runStages", () => {
  it("runs two stages at once and one that wants to be alone by itself", async () => {
    const events: string[] = [];
    const stages = [
      noting(events, "a"),
      noting(events, "b"),
      noting(events, "alone", { alone: true }),
      noting(events, "c"),
    ];
    await runStages(stages, scene, () => {});
    assert.deepEqual(events.slice(0, 2), ["+a", "+b"]);
    assert.equal(events.indexOf("-alone"), events.indexOf("+alone") + 1);
  });

  it("starts a stage after those it names, although they failed", async () => {
    const events: string[] = [];
    const stages = [
      noting(events, "last", { after: ["first"] }),
      noting(events, "first", {
        run() {
          events.push("-first");
          return Promise.reject(new Error("Broken"));
        },
      }),
    ];
    const results = await runStages(stages, scene, () => {});
    assert.deepEqual(events, ["-first", "+last", "-last"]);
    assert.equal(results.get("first")?.failed, 1);
    assert.match(results.get("first")?.output ?? "", /Broken/);
  });
});
