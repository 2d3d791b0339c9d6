/**
 * What a put costs: counted, not timed, so that a change that makes the hot path do more is seen
 * on any machine. Whole nodes, a client and a load that is the same in every run.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeyValueClient } from "../../src/client/key_value_client.ts";
import { RaftClient } from "../../src/client/raft_client.ts";
import { startNode } from "../../src/node/node.ts";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";
import { drain } from "../microtask_drain.ts";
import { countedRuntime, countingCopies, noWork, type Work } from "./counted_work.ts";

const PEERS = [1, 2, 3].map((id) => ({ id, address: `n${id}:7238` }));
const VALUE = new Uint8Array(128).fill(118);
const PATIENCE_MS = 60_000;

interface Load {
  readonly puts: number;
  readonly inFlight: number;
}

/** Runs the world until a promise is settled. */
async function settle<T>(world: SimulatedWorld, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  promise.then(() => isSettled = true, () => isSettled = true);
  const untilMs = world.scheduler.nowMs + PATIENCE_MS;
  await world.scheduler.run({ untilMs, until: () => isSettled });
  assert(isSettled, `nothing came of it in ${PATIENCE_MS} ms`);
  return await promise;
}

/**
 * Puts so many keys, so many at a time: the next ones when the last of these is answered. Were each
 * followed by the next at once, how many share a sync would be a matter of the seed.
 */
async function putAll(store: KeyValueClient, { puts, inFlight }: Load): Promise<void> {
  for (let first = 0; first < puts; first += inFlight) {
    const keys = Array.from(
      { length: inFlight },
      (_, i) => `k${String(first + i).padStart(15, "0")}`,
    );
    await Promise.all(keys.map((key) => store.put(key, VALUE)));
  }
}

/** Puts a load on three nodes; what each put costs, over all processes. */
async function measure(load: Load): Promise<Work> {
  const world = new SimulatedWorld({ seed: 1, drain });
  const work = noWork();
  const nodes = PEERS.map(({ id, address }) =>
    startNode(countedRuntime(world.addMachine(`n${id}`).boot(), work), {
      nodeId: id,
      dataPath: "/data",
      listen: { host: "0.0.0.0", port: 7238 },
      advertise: address,
      formation: { kind: "peers", peers: PEERS },
    })
  );
  await settle(world, Promise.all(nodes));
  const runtime = countedRuntime(world.addMachine("client").boot(), work);
  const client = new RaftClient(runtime, { endpoints: ["n1:7238"], timeoutMs: PATIENCE_MS });
  const store = new KeyValueClient(client);
  // The first load finds the leader and fills the buffers.
  await settle(world, putAll(store, load));
  Object.assign(work, noWork());
  await countingCopies(work, () => settle(world, putAll(store, load)));
  client.close();
  const names = Object.keys(work) as (keyof Work)[];
  for (const name of names) work[name] /= load.puts;
  return work;
}

/**
 * Fails where a put costs more than it may. The limits are a hundredth or two above what it costs:
 * who makes it cost less lowers them by the figures that this tells, and who has to raise one says
 * in the commit what the put gets for it.
 */
function assertWithin(work: Work, limits: Work): void {
  const names = Object.keys(limits) as (keyof Work)[];
  const shown = names.map((name) => `${name} ${work[name].toFixed(3)} of ${limits[name]}`);
  console.log(`a put costs: ${shown.join(", ")}`);
  for (const name of names) {
    const message = `${name}: a put costs ${work[name]}, want at most ${limits[name]}`;
    assert(work[name] <= limits[name], message);
  }
}

describe("the work of a put", () => {
  it("stays within its limits, one at a time", async () => {
    assertWithin(await measure({ puts: 100, inFlight: 1 }), {
      socketWrites: 6.2,
      socketBytes: 1_140,
      fileWrites: 2.95,
      fileBytes: 960,
      syncs: 2.95,
      timers: 0.2,
      copies: 22,
      copiedBytes: 2_210,
    });
  });

  it("stays within its limits, 64 at a time", async () => {
    assertWithin(await measure({ puts: 2048, inFlight: 64 }), {
      socketWrites: 0.1,
      socketBytes: 785,
      fileWrites: 0.051,
      fileBytes: 720,
      syncs: 0.051,
      timers: 0.004,
      copies: 9.4,
      copiedBytes: 1_950,
    });
  });
});
