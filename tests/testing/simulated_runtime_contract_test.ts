/** The simulated runtime keeps the contract of the real ones. */
import { runtimeContract } from "../../src/testing/runtime_contract.ts";
import type { RuntimeHarness } from "../../src/testing/runtime_contract.ts";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";

async function createHarness(seed: number): Promise<RuntimeHarness> {
  // Equal latencies: the contract asks for messages that are ready in the same turn.
  const loopbackLatency = { minMs: 0.0625, typicalMs: 0.0625, tailChance: 0, tailMs: 0 };
  const world = new SimulatedWorld({ seed, network: { loopbackLatency, splitChance: 0 } });
  const machine = world.addMachine("one");
  const silent = world.addMachine("silent");
  const runtime = machine.boot();
  silent.boot();
  silent.crash("power_loss");
  const run = async (body: () => Promise<void>) => {
    let done = false;
    const finish = () => {
      done = true;
    };
    const result = body();
    result.then(finish, finish);
    const end = await world.scheduler.run({ until: () => done });
    if (!done) throw new Error(`The body waits for something that never happens: ${end}`);
    await result;
  };
  await run(() => runtime.files.makeDirectory("/data"));
  return {
    runtime,
    host: "one",
    directory: "/data",
    run,
    silentAddress: () => Promise.resolve({ host: "silent", port: 7238 }),
    dispose: () => Promise.resolve(),
  };
}

let seed = 0;
runtimeContract({ name: "simulated", createHarness: () => createHarness(seed++) });
