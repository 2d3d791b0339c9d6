/** The birth of a cluster: everybody was met, nobody comes back without a memory. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeniedError } from "../../src/errors.ts";
import { NetworkError, type Runtime } from "../../src/runtime/runtime.ts";
import type { DiskVerdict } from "../../src/testing/disk_faults.ts";
import { FormationWorld, type FormingNode, peersOf } from "./formation_world.ts";
import { TRY_EVERY } from "../sampling.ts";

const three = { formation: peersOf(1, 2, 3) };

/** A world in which nodes 1 to 3 have formed a cluster. */
async function formedWorld(seed: string) {
  const world = new FormationWorld(seed);
  const nodes = [1, 2, 3].map((id) => world.start(id, three)) as [
    FormingNode,
    FormingNode,
    FormingNode,
  ];
  await world.formed(...nodes);
  return { world, nodes };
}

/** A node that others can dial, and that can dial nobody: a one-way firewall, or a wrong route. */
function cannotDial(runtime: Runtime): Runtime {
  return {
    name: runtime.name,
    version: runtime.version,
    files: runtime.files,
    clock: runtime.clock,
    random: runtime.random,
    network: {
      listen: (options) => runtime.network.listen(options),
      connect: () => Promise.reject(new NetworkError("EHOSTUNREACH", "There is no route")),
    },
  };
}

describe("formation", () => {
  it("is over when all have met, with the same first entry everywhere", async () => {
    const { nodes } = await formedWorld("three");
    for (const { raft, lines } of nodes) {
      assert.ok(lines.some((line) => line.includes("Waiting for every listed node once")));
      assert.ok(lines.some((line) => line.includes("The cluster has formed")));
      assert.deepEqual(raft!.status().members.map(({ id, voter }) => [id, voter]), [
        [1, true],
        [2, true],
        [3, true],
      ]);
    }
  });

  it("waits for the last listed node, says for whom, and takes no command", async () => {
    const world = new FormationWorld("missing");
    const [one, two] = [world.start(1, three), world.start(2, three)];
    await world.pass(20_000);
    assert.deepEqual([one.isBorn, two.isBorn], [false, false]);
    assert.deepEqual(one.raft!.status().notes, [
      "The cluster has not formed yet: it waits for node 3",
    ]);
    const refused = one.raft!.propose(Uint8Array.of(1)).then(() => null, (error) => error);
    assert.equal((await refused).code, "no_quorum");
    await world.formed(one, two, world.start(3, three));
  });

  it("needs no two nodes to be started at the same time or in an order", async () => {
    const world = new FormationWorld("order");
    const three_ = world.start(3, three);
    await world.pass(3_000);
    const one = world.start(1, three);
    await world.pass(30_000);
    await world.formed(one, world.start(2, three), three_);
  });

  it("a node that formed ignores the list, and needs the others no more", async () => {
    const { world, nodes: [one, two, other] } = await formedWorld("restart");
    for (const node of [one, two, other]) world.crash(node, "power_loss");
    const restarted = [
      world.start(1, { formation: { kind: "existing" } }),
      world.start(2, { formation: peersOf(2, 7) }),
    ];
    await world.formed(...restarted);
  });

  it("a cluster of one is led at once, when it forms and whenever its node starts", async () => {
    const world = new FormationWorld("one");
    for (let start = 0; start < 3; start += 1) {
      const node = world.start(1, { formation: peersOf(1) });
      await world.until(() => node.isBorn);
      // Election timeouts are a second.
      await world.until(() => node.raft!.leader !== null, 100);
      world.crash(node, "kill");
    }
  });

  it("two nodes with different lists never form, and say why", async () => {
    const world = new FormationWorld("lists");
    const one = world.start(1, { formation: peersOf(1, 2) });
    const two = world.start(2, three);
    await world.until(() => one.ended !== null || two.ended !== null);
    await world.pass(30_000);
    assert.deepEqual([one.isBorn, two.isBorn], [false, false]);
    for (const { ended } of [one, two].filter((node) => node.ended !== null)) {
      assert.ok(ended!.error instanceof DeniedError);
      assert.match(ended!.error.message, /refuses this node: .*check the addresses/);
    }
  });

  it("two nodes with different cluster names never form", async () => {
    const world = new FormationWorld("names");
    const pair = { formation: peersOf(1, 2) };
    const one = world.start(1, { ...pair, clusterName: "blue" });
    const two = world.start(2, { ...pair, clusterName: "green" });
    await world.until(() => one.ended !== null || two.ended !== null);
    await world.pass(30_000);
    assert.deepEqual([one.isBorn, two.isBorn], [false, false]);
  });

  it("a node that is not in its own list does not start", async () => {
    const world = new FormationWorld("self");
    const node = world.start(4, three);
    await world.until(() => node.ended !== null);
    assert.match(node.ended!.error!.message, /node 4 as it is not among the peers: 1, 2, 3/);
  });

  it("a node without an identity needs a formation", async () => {
    const world = new FormationWorld("existing");
    const node = world.start(1, { formation: { kind: "existing" } });
    await world.until(() => node.ended !== null);
    assert.match(
      node.ended!.error!.message,
      /belongs to no cluster yet: want --bootstrap, --peers or --join/,
    );
  });

  it("the list may be mended before the cluster has formed", async () => {
    const world = new FormationWorld("mended");
    const one = world.start(1, { formation: peersOf(1, 9) });
    await world.pass(2_000);
    world.crash(one, "kill");
    const pair = { formation: peersOf(1, 2) };
    await world.formed(world.start(1, pair), world.start(2, pair));
  });

  it("what was learned under another list is void", async () => {
    const world = new FormationWorld("void");
    const before = { formation: peersOf(1, 2, 9) };
    const one = world.start(1, before);
    const two = world.start(2, before);
    await world.until(() => one.raft?.status().members[1]?.reachable === true);
    await world.pass(1_000);
    world.crash(one, "kill");
    world.crash(two, "kill");
    const pair = { formation: peersOf(1, 2) };
    const other = { ...pair, dataPath: "/other" };
    await world.formed(world.start(1, pair), world.start(2, other));
  });
});

describe("a wiped node", () => {
  it("trap 14: is refused by a cluster that formed, and stops", async () => {
    const { world, nodes: [one, two, other] } = await formedWorld("wiped");
    world.crash(two, "power_loss");
    world.start(2, { ...three, dataPath: "/empty" });
    await world.until(() => two.raft !== null);
    const ready = two.raft!.ready("joined").then(() => null, (error) => error);
    await world.until(() => two.ended !== null);
    assert.ok(two.ended!.error instanceof DeniedError);
    assert.match(two.ended!.error.message, /has forgotten its votes/);
    assert.equal(await ready, two.ended!.error, "who waits is told");
    await world.pass(10_000);
    assert.deepEqual([one.ended, other.ended], [null, null]);
    assert.ok(one.raft!.leader !== null);
  });

  it("trap 14: is refused by nodes that were restarted meanwhile", async () => {
    const { world, nodes } = await formedWorld("wiped, all restarted");
    for (const node of nodes) world.crash(node, "power_loss");
    const two = world.start(2, { ...three, dataPath: "/empty" });
    world.start(1, three);
    await world.until(() => two.ended !== null);
    assert.ok(two.ended!.error instanceof DeniedError);
  });

  it("trap 14: is refused before the cluster formed, by who has met it", async () => {
    const world = new FormationWorld("wiped early");
    const one = world.start(1, three);
    const two = world.start(2, three);
    await world.until(() => one.raft?.status().members[1]?.reachable === true);
    await world.pass(1_000);
    world.crash(two, "power_loss");
    world.crash(one, "power_loss");
    world.start(1, three);
    world.start(2, { ...three, dataPath: "/empty" });
    await world.until(() => two.ended !== null);
    assert.ok(two.ended!.error instanceof DeniedError);
    assert.equal(one.ended, null);
  });

  it("trap 14: does not form by being dialed, where it reaches nobody itself", async () => {
    const { world, nodes: [one, two, other] } = await formedWorld("one way");
    world.crash(two, "kill");
    two.firstEntry = null;
    await world.pass(100);
    const linesBefore = one.lines.length;
    world.start(2, { ...three, dataPath: "/empty", runtime: cannotDial });
    await world.pass(30_000);
    assert.equal(two.isBorn, false, "it was born again without its votes");
    assert.deepEqual([one.ended, other.ended], [null, null]);
    for (const { raft } of [one, other]) {
      const status = raft!.status().members.find(({ id }) => id === 2)!;
      assert.equal(status.reachable, false, "a stranger counts as node 2");
    }
    const lines = one.lines.slice(linesBefore);
    assert.ok(lines.some((line) => line.includes("from another data directory")), lines.join());
    assert.ok(lines.length < 5, `the log is flooded: ${lines.length} lines`);
  });

  it("trap 14: two wiped nodes of three do not found the cluster anew", async () => {
    const { world, nodes: [one, two, other] } = await formedWorld("two wiped");
    for (const node of [two, other]) {
      world.crash(node, "power_loss");
      node.firstEntry = null;
    }
    const wiped = [2, 3].map((id) =>
      world.start(id, {
        ...three,
        dataPath: "/empty",
        runtime: (runtime) => cannotDialHost(runtime, "node-1"),
      })
    );
    await world.pass(30_000);
    assert.deepEqual(wiped.map(({ isBorn }) => isBorn), [false, false]);
    assert.equal(one.ended, null);
  });
});

/** A node that cannot dial one other. */
function cannotDialHost(runtime: Runtime, host: string): Runtime {
  const blocked = cannotDial(runtime);
  return {
    ...blocked,
    network: {
      listen: blocked.network.listen,
      connect: (options) =>
        options.host === host ? blocked.network.connect(options) : runtime.network.connect(options),
    },
  };
}

/** Makes a disk lose power at its call `number`; tells whether it came to that. */
function crashOnce(verdict: DiskVerdict, number: number) {
  const trap = { sprung: false };
  const onCall = (call: { readonly number: number }): DiskVerdict => {
    if (trap.sprung || call.number !== number) return "ok";
    trap.sprung = true;
    return verdict;
  };
  return { trap, disk: { onCall } };
}

/** Forms a cluster while node 1 loses power at its disk call `number`; false if there was none. */
async function crashAt(
  verdict: DiskVerdict,
  options: { readonly number: number; readonly ids: readonly number[] },
): Promise<boolean> {
  const { number, ids } = options;
  const world = new FormationWorld(`${verdict} ${number}`);
  const formation = ids.length === 1 ? { kind: "bootstrap" as const } : peersOf(...ids);
  const others = ids.slice(1).map((id) => world.start(id, { formation }));
  const { trap, disk } = crashOnce(verdict, number);
  const one = world.start(1, { formation }, disk);
  await world.until(() => one.machine.runtime === null || (one.raft?.leader ?? null) !== null);
  if (!trap.sprung) return false;
  await world.pass(one.machine.runtime === null ? number % 7 : 5);
  world.start(1, { formation });
  await world.formed(one, ...others);
  return true;
}

describe("a loss of power during birth", () => {
  for (const verdict of ["crash-before", "crash-after"] as const) {
    it(
      `at any disk call (${verdict}) is survived by a node of two`,
      { timeout: 120_000 },
      async () => {
        let number = 1;
        while (await crashAt(verdict, { number, ids: [1, 2] })) number += TRY_EVERY;
        assert.ok(number > 60, `there were only ${number} calls`);
      },
    );

    it(
      `at any disk call (${verdict}) is survived by a bootstrap`,
      { timeout: 120_000 },
      async () => {
        let number = 1;
        while (await crashAt(verdict, { number, ids: [1] })) number += TRY_EVERY;
        assert.ok(number > 50, `there were only ${number} calls`);
      },
    );
  }

  it("never lets a node be born whom the other may forget", { timeout: 120_000 }, async () => {
    const pair = { formation: peersOf(1, 2) };
    let bornCount = 0;
    for (let number = 1;; number += TRY_EVERY) {
      const world = new FormationWorld(`forget ${number}`);
      const two = world.start(2, pair);
      const { trap, disk } = crashOnce("crash-before", number);
      const one = world.start(1, pair, disk);
      await world.until(() => one.machine.runtime === null || (one.raft?.leader ?? null) !== null);
      if (!trap.sprung) break;
      await world.pass(200);
      if (!two.isBorn) continue;
      bornCount += 1;
      world.crash(two, "power_loss");
      world.start(1, pair);
      world.start(2, { ...pair, dataPath: "/empty" });
      await world.until(() => two.ended !== null);
      assert.match(two.ended!.error!.message, /has forgotten its votes/, `call ${number}`);
    }
    assert.ok(bornCount > 0, "node 2 was never born while node 1 was not");
  });
});
