/** A client that counts in a cluster of whole nodes, and what makes that hard. */
import assert from "node:assert/strict";
import { KeyValueClient } from "../../src/client/key_value_client.ts";
import { RaftClient } from "../../src/client/raft_client.ts";
import { RaftError } from "../../src/errors.ts";
import { startNode } from "../../src/node/node.ts";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";
import type { SimulatedMachine } from "../../src/testing/simulated_runtime.ts";
import { drain } from "../microtask_drain.ts";

/** The nodes of {@linkcode CountingWorld}. */
export const PEERS = [1, 2, 3].map((id) => ({ id, address: `n${id}:7238` }));

/** What became of the commands of a run. */
export interface Tally {
  applied: number;
  unknown: number;
  refused: number;
}

/** Three whole nodes, and a client that counts. */
export class CountingWorld {
  readonly world: SimulatedWorld;
  readonly machines: readonly SimulatedMachine[];
  readonly client: RaftClient;
  /** What counts: replace it to count in a session. */
  keyValue: KeyValueClient;
  readonly tally: Tally = { applied: 0, unknown: 0, refused: 0 };
  isOver = false;
  readonly #pause: (durationMs: number) => Promise<void>;

  constructor(seed: number) {
    this.world = new SimulatedWorld({ seed, drain });
    this.machines = PEERS.map(({ id }) => this.world.addMachine(`n${id}`));
    const runtime = this.world.addMachine("client").boot();
    this.client = new RaftClient(runtime, { endpoints: ["n1:7238"], timeoutMs: 3_000 });
    this.keyValue = new KeyValueClient(this.client);
    this.#pause = (durationMs) =>
      new Promise((resolve) => void runtime.clock.setTimer(() => resolve(), durationMs));
  }

  /** Starts node `id`. */
  async boot(id: number): Promise<void> {
    const machine = this.machines[id - 1];
    assert.ok(machine !== undefined);
    await startNode(machine.boot(), {
      nodeId: id,
      dataPath: "/data",
      listen: { host: "0.0.0.0", port: 7238 },
      advertise: `n${id}:7238`,
      formation: { kind: "peers", peers: PEERS },
    });
  }

  async run(durationMs: number): Promise<void> {
    await this.world.scheduler.run({ untilMs: this.world.scheduler.nowMs + durationMs });
  }

  /** Runs the world until `promise` settles. */
  async settle<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false;
    promise.then(() => isSettled = true, () => isSettled = true);
    const untilMs = this.world.scheduler.nowMs + 60_000;
    await this.world.scheduler.run({ untilMs, until: () => isSettled });
    return await promise;
  }

  /** Adds one, again and again, and counts what it is told. */
  async count(): Promise<void> {
    while (!this.isOver) {
      try {
        await this.keyValue.increment("n");
        this.tally.applied++;
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        if (error.applied === "unknown") this.tally.unknown++;
        else this.tally.refused++;
      }
      await this.#pause(100);
    }
  }

  /** The machine of the leader. */
  async leader(): Promise<{ id: number; machine: SimulatedMachine }> {
    const { id } = await this.settle(this.client.leader({ timeoutMs: 20_000 }));
    const machine = this.machines[id - 1];
    assert.ok(machine !== undefined);
    return { id, machine };
  }
}

/** Kills, freezes, cuts and unplugs one leader after the other. */
export async function disturb(run: CountingWorld): Promise<void> {
  const killed = await run.leader();
  killed.machine.crash("kill");
  await run.run(3_000);
  await run.settle(run.boot(killed.id));

  const frozen = await run.leader();
  frozen.machine.runtime?.process.pause();
  await run.run(3_000);
  frozen.machine.runtime?.process.resume();
  await run.run(1_000);

  run.world.network.reset();
  await run.run(1_000);
  const cut = await run.leader();
  const others = PEERS.filter(({ id }) => id !== cut.id).map(({ id }) => `n${id}`);
  run.world.network.cut({ from: [cut.machine.name], to: others });
  await run.run(3_000);
  run.world.network.mendAll();

  const unplugged = await run.leader();
  unplugged.machine.crash("power_loss");
  await run.run(3_000);
  await run.settle(run.boot(unplugged.id));
}
