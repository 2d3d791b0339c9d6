import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Transition } from "../../src/consensus/tracing.ts";
import type { LogFields } from "../../src/observability/logger.ts";
import { silentLogger } from "../../src/observability/logger.ts";
import { TraceWriter } from "../../src/observability/trace_writer.ts";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";

const start: Transition = {
  name: "InitState",
  nid: "1",
  state: { term: 1, vote: "0", commit: 0 },
  role: "StateFollower",
  log: 1,
  conf: [["1"], []],
};

async function inWorld(
  body: (world: SimulatedWorld, path: string) => Promise<void>,
): Promise<void> {
  const world = new SimulatedWorld({
    seed: 1,
    onError: (error) => {
      throw error;
    },
  });
  const done = body(world, "trace.ndjson");
  await world.scheduler.run({ untilMs: 1000 });
  await done;
}

describe("TraceWriter", () => {
  it("writes a line a transition, behind what the file holds", () =>
    inWorld(async (world, path) => {
      const runtime = world.addMachine("one").boot();
      for (const nid of ["1", "2"]) {
        const writer = await TraceWriter.open(runtime, path, silentLogger);
        writer.tracer({ ...start, nid });
        await writer.close();
      }
      const file = await runtime.files.open(path, "read");
      const bytes = new Uint8Array(await file.size());
      await file.read(bytes, 0);
      const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
      assert.deepEqual(lines.map((line) => JSON.parse(line)), [
        { tag: "trace", event: start },
        { tag: "trace", event: { ...start, nid: "2" } },
      ]);
    }));

  it("says once that a full disk ends the trace, and harms nobody", () =>
    inWorld(async (world, path) => {
      const errors: LogFields[] = [];
      const machine = world.addMachine("one");
      const runtime = machine.boot();
      const logger = {
        ...silentLogger,
        error: (_: string, fields: LogFields = {}) => void errors.push(fields),
      };
      const writer = await TraceWriter.open(runtime, path, logger);
      machine.disk.faults.capacityBytes = 0;
      for (let i = 0; i < 3; i += 1) {
        writer.tracer(start);
        await new Promise<void>((resolve) => runtime.clock.setTimer(resolve, 1));
      }
      assert.equal(errors.length, 1);
      assert.equal(errors[0]?.["path"], path);
    }));
});
