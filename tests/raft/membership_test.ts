/** Clusters of whole nodes whose members come, go and move. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeniedError, RefusedError } from "../../src/errors.ts";
import { readKnownAs } from "../../src/log/identity_file.ts";
import type { MemberChange } from "../../src/types.ts";
import { addressOf, change, MembershipWorld, membersSeen } from "./membership_world.ts";

describe("membership of whole nodes", () => {
  it("a cluster grows from one node to five by joins, and works all the time", async () => {
    const world = await MembershipWorld.grown("grow", 1);
    for (const size of [3, 5]) {
      for (const id of [size - 1, size]) world.start(id);
      const ids = Array.from({ length: size }, (_, i) => i + 1);
      await world.settled(ids);
      await world.works(ids);
    }
    assert.match(world.node(5).text, /The cluster takes this node in/);
    assert.equal(world.node(5).raft!.clusterId, world.node(1).raft!.clusterId);
  });

  it("a node that joined is a member after a restart, with or without --join", async () => {
    const world = await MembershipWorld.grown("restart", 3);
    world.start(3);
    await world.settled([1, 2, 3]);
    world.start(2, { formation: { kind: "existing" } });
    await world.settled([1, 2, 3]);
    await world.works([1, 2, 3]);
  });

  it("two of three members are replaced at once, and the old ones are told and stop", async () => {
    const world = await MembershipWorld.grown("replace", 3);
    const join = { kind: "join", endpoints: [addressOf(1)], learner: true } as const;
    for (const id of [4, 5]) world.start(id, { formation: join });
    await world.settled([1, 2, 3], [4, 5]);
    assert.equal(world.leader?.id, 1);
    await world.pass(1_000);
    await world.change(
      change("promote", 4),
      change("promote", 5),
      change("remove", 2),
      change("remove", 3),
    );
    await world.settled([1, 4, 5]);
    await world.until(() => [2, 3].every((id) => world.node(id).ended !== null));
    for (const id of [2, 3]) {
      assert.ok(world.node(id).ended!.error instanceof DeniedError);
      assert.match(world.node(id).failure, /was removed from its cluster.*empty data directory/);
    }
    await world.works([1, 4, 5]);
  });

  it("trap 37: the leader is removed: another leads, and the old one stops", async () => {
    const world = await MembershipWorld.grown("remove-leader", 3);
    assert.equal(world.leader?.id, 1);
    await world.change(change("remove", 1));
    await world.until(() => world.node(1).ended !== null);
    assert.match(world.node(1).failure, /Node 1 was removed/);
    assert.match(world.node(1).text, /removed from the cluster .*its log says so/);
    await world.settled([2, 3]);
    await world.works([2, 3]);
  });

  it("trap 27: an id is removed and comes back with an empty directory in one term", async () => {
    const world = await MembershipWorld.grown("come-back", 3);
    await world.works([1, 2, 3]);
    const { term } = world.leader!.raft!.status();
    await world.change(change("remove", 3));
    await world.until(() => world.node(3).ended !== null);
    const again = world.start(3, { dataPath: "/data-2" });
    await world.settled([1, 2, 3]);
    await world.works([1, 2, 3]);
    assert.equal(world.leader!.raft!.status().term, term);
    assert.equal(again.raft!.status().lastIndex, world.node(1).raft!.status().lastIndex);
  });

  it("trap 27: an id comes back in a cluster that was formed from a list", async () => {
    const world = new MembershipWorld("formed");
    const peers = [1, 2, 3].map((id) => ({ id, address: addressOf(id) }));
    for (const { id } of peers) world.start(id, { formation: { kind: "peers", peers } });
    await world.settled([1, 2, 3]);
    await world.change(change("remove", 3));
    await world.until(() => world.node(3).ended !== null);
    world.start(3, { dataPath: "/data-2" });
    await world.settled([1, 2, 3]);
    await world.works([1, 2, 3]);
  });

  it("a node whose log the others have forgotten joins by a snapshot", async () => {
    const world = await MembershipWorld.grown("snapshot", 3);
    for (let count = 0; count < 20; count += 1) {
      await world.result(world.leader!.raft!.propose(new Uint8Array(20_000)));
    }
    await world.result(world.leader!.raft!.triggerSnapshot());
    assert.ok(world.leader!.raft!.status().firstIndex > 10);
    const node = world.start(4);
    await world.settled([1, 2, 3, 4]);
    assert.ok(node.raft!.status().firstIndex > 10, "its log starts behind a snapshot");
    world.start(4, { formation: { kind: "existing" } });
    await world.settled([1, 2, 3, 4]);
    await world.works([1, 2, 3, 4]);
  });

  it("a removed directory is refused at its next start, at once", async () => {
    const world = await MembershipWorld.grown("removed-start", 3);
    await world.change(change("remove", 3));
    await world.until(() => world.node(3).ended !== null);
    // Nobody is there to tell it again.
    for (const id of [1, 2]) world.kill(id);
    const node = world.start(3);
    await world.until(() => node.ended !== null, 1_000);
    const { error } = node.ended!;
    assert.ok(error instanceof DeniedError);
    assert.match(error.fix.join(), /raft start --id 3 --data NEW --join node-1:7238/);
  });

  it("trap 38: a member that was away when it was removed is told when it is back", async () => {
    const world = await MembershipWorld.grown("told", 3);
    world.kill(3);
    await world.pass(3_000);
    await world.change(change("remove", 3));
    await world.settled([1, 2]);
    const { term } = world.leader!.raft!.status();
    const node = world.start(3);
    await world.until(() => node.ended !== null);
    assert.match(node.text, /This node was removed from the cluster .*node [12] said so/);
    await world.pass(5_000);
    assert.equal(world.leader!.raft!.status().term, term, "it disturbed nobody");
  });

  it("trap 14: a removed directory takes no place under its id, an empty one does", async () => {
    const world = await MembershipWorld.grown("place", 3);
    world.kill(3);
    await world.change(change("remove", 3));
    await world.settled([1, 2]);
    await world.change(change("add", 3));
    const removed = world.start(3);
    await world.until(() => removed.ended !== null);
    assert.match(removed.text, /This node was removed from the cluster/);
    assert.equal(membersSeen(world.leader!), "[[1,2],[3]]");

    world.start(3, { dataPath: "/empty" });
    await world.settled([1, 2, 3]);
    await world.works([1, 2, 3]);
    world.kill(2);
    await world.works([1, 3]);

    const linesBefore = world.node(3).lines.length;
    const wiped = world.start(3, { dataPath: "/wiped" });
    await world.pass(10_000);
    assert.doesNotMatch(wiped.lines.slice(linesBefore).join("\n"), /takes this node in/);
  });

  it("trap 38: a lagging node follows a leader that its configuration does not know", async () => {
    const world = await MembershipWorld.grown("lagging", 3);
    world.kill(3);
    for (const id of [4, 5]) world.start(id);
    await world.until(() => membersSeen(world.leader!) === "[[1,2,3,4,5],[]]");
    await world.change(change("remove", 1), change("remove", 2));
    await world.until(() => [1, 2].every((id) => world.node(id).ended !== null));
    const node = world.start(3);
    await world.settled([3, 4, 5]);
    assert.equal(node.ended, null);
    await world.works([3, 4, 5]);
  });

  it("a join waits for the partition to end, and resumes after a crash", async () => {
    const world = await MembershipWorld.grown("partition", 3);
    const node = world.start(4);
    world.cut(4, [1, 2, 3]);
    await world.pass(6_000);
    assert.match(node.raft!.status().notes.join(), /has not joined its cluster yet: node-1:7238/);
    world.cut(4, [1, 2, 3], true);
    // Killed again and again on the way in.
    for (const pauseMs of [5, 20, 60, 150, 400]) {
      await world.pass(pauseMs);
      world.start(4);
    }
    await world.settled([1, 2, 3, 4]);
    await world.works([1, 2, 3, 4]);
  });

  it("trap 23: what a joining node has acknowledged outlives a crash", async () => {
    const world = new MembershipWorld("half-joined");
    // Large entries, and one a message: the log comes bit by bit.
    world.start(1, { formation: { kind: "bootstrap" }, appendBytesMax: 1 });
    await world.settled([1]);
    for (let count = 0; count < 40; count += 1) {
      await world.result(world.leader!.raft!.propose(new Uint8Array(500_000)));
    }
    const node = world.start(2);
    const lastIndex = () => node.raft?.status().lastIndex ?? 0;
    await world.until(() => lastIndex() > 5);
    assert.ok(lastIndex() < 40, `the log came at once, to ${lastIndex()}`);
    await world.until(() => world.leader!.raft!.status().members[1]!.matchIndex > 5);
    assert.equal(membersSeen(node), "[[1],[]]", "it has not met itself yet");
    world.start(2);
    await world.settled([1, 2]);
    await world.works([1, 2]);
  });

  it("a node that was removed before it heard of its join may join again", async () => {
    const world = new MembershipWorld("removed-unborn");
    // Large entries, and one a message: it reads its removal before it reads that it is back.
    world.start(1, { formation: { kind: "bootstrap" }, appendBytesMax: 1 });
    await world.settled([1]);
    world.start(2);
    await world.until(() => world.leader!.raft!.status().members.length === 2);
    world.kill(2);
    const write = async () => {
      for (let count = 0; count < 10; count += 1) {
        await world.result(world.leader!.raft!.propose(new Uint8Array(500_000)));
      }
    };
    await write();
    await world.change({ action: "remove", id: 2, address: "", instanceId: "" });
    await write();
    const node = world.start(2);
    await world.settled([1, 2]);
    assert.equal(node.ended, null);
    await world.works([1, 2]);
    // Nor does it take the old removal for its own when it starts in between.
    world.start(2);
    await world.settled([1, 2]);
  });

  it("a voter whose birth was not stored is back, though nobody can take it in", async () => {
    const world = new MembershipWorld("unborn-voter");
    world.start(1, { formation: { kind: "bootstrap" } });
    await world.settled([1]);
    const { disk } = world.start(2).machine;
    const calm = disk.faults.metadataLatency;
    let identities = 0;
    disk.faults.onCall = ({ kind, path }) => {
      if (kind === "open" && path.endsWith("/identity.new")) identities += 1;
      // Its own, and that of the cluster; the third says that it was born, and takes for ever.
      const tailMs = 3_600_000;
      if (identities === 3) disk.faults.metadataLatency = { ...calm, tailChance: 1, tailMs };
      return "ok";
    };
    const isVoter = () => world.leader?.raft?.status().members[1]?.voter === true;
    await world.until(isVoter);
    world.kill(2);
    await world.pass(5_000);
    assert.equal(world.leader, null, "node 1 leads no more: it needs node 2");
    assert.equal(identities, 3);
    Object.assign(disk.faults, { onCall: null, metadataLatency: calm });
    world.start(2);
    await world.settled([1, 2]);
    await world.works([1, 2]);
  });

  it("a join follows the hint from a follower to the leader", async () => {
    const world = await MembershipWorld.grown("hint", 3);
    assert.equal(world.leader?.id, 1);
    world.start(4, { formation: { kind: "join", endpoints: [addressOf(2)], learner: false } });
    await world.settled([1, 2, 3, 4]);
  });

  it("a learner is promoted only once it has caught up", async () => {
    const world = await MembershipWorld.grown("promotion", 3);
    await world.change(change("add", 4));
    await world.pass(5_000);
    assert.deepEqual(world.leader!.raft!.status().promotions, [4]);
    assert.equal(membersSeen(world.leader!), "[[1,2,3],[4]]", "nobody is there");
    world.start(4);
    await world.settled([1, 2, 3, 4]);
    assert.deepEqual(world.leader!.raft!.status().promotions, []);
  });

  it("a slot made for a learner is bound by whoever joins, and stays a learner", async () => {
    const world = await MembershipWorld.grown("slot", 3);
    await world.change(change("addLearner", 4));
    world.start(4);
    await world.settled([1, 2, 3], [4]);
    await world.pass(3_000);
    assert.equal(membersSeen(world.leader!), "[[1,2,3],[4]]");
    assert.equal(world.node(4).raft!.status().role, "learner");
    await world.works([1, 2, 3, 4]);
  });

  it("trap 14: who joins anew does not take the slot of its predecessor for its own", async () => {
    const world = new MembershipWorld("slot-again");
    // Large entries, and one a message: the log comes bit by bit.
    world.start(1, { formation: { kind: "bootstrap" }, appendBytesMax: 1 });
    await world.settled([1]);
    const fill = async () => {
      for (let count = 0; count < 10; count += 1) {
        await world.result(world.leader!.raft!.propose(new Uint8Array(500_000)));
      }
    };
    await world.change(change("addLearner", 2));
    await fill();
    world.start(2);
    await world.settled([1], [2]);
    await fill();
    await world.change(change("remove", 2));
    await world.until(() => world.node(2).ended !== null);
    await fill();
    // All of it comes to the next one: the slot, its predecessor in it, and the removal.
    const node = world.start(2, { dataPath: "/data-2" });
    await world.settled([1, 2]);
    assert.equal(node.ended, null);
    await world.works([1, 2]);
  });

  it("a removal that would lose the quorum is refused with the numbers", async () => {
    const world = await MembershipWorld.grown("quorum", 3);
    world.kill(3);
    await world.pass(3_000);
    await assert.rejects(world.change(change("remove", 2)), (error) => {
      assert.ok(error instanceof RefusedError);
      assert.match(error.message, /of the 2 voters afterwards 1 would be up, and 2 are needed/);
      assert.match(error.message, /down: node 3/);
      return true;
    });
    assert.equal(membersSeen(world.leader!), "[[1,2,3],[]]");
  });

  it("trap 14: a wiped member is not taken in under its old id", async () => {
    const world = await MembershipWorld.grown("wiped", 3);
    world.kill(3);
    const node = world.start(3, { dataPath: "/data-2" });
    await world.until(() => node.ended !== null);
    assert.ok(node.ended!.error instanceof DeniedError);
    assert.match(node.failure, /another data directory/);
    const fix = node.ended!.error.fix.join("\n");
    assert.match(fix, /raft member replace 3 NEW[^]*raft member remove 3[^]*raft start --id 3/);
    assert.equal(membersSeen(world.leader!), "[[1,2,3],[]]");
  });

  it("trap 14: a directory whose place another one has taken stops", async () => {
    const world = await MembershipWorld.grown("replaced", 3);
    world.kill(3);
    await world.change(change("remove", 3));
    await world.settled([1, 2]);
    world.start(3, { dataPath: "/new" });
    await world.settled([1, 2, 3]);
    world.kill(3);
    const replaced = world.start(3);
    await world.until(() => replaced.ended !== null);
    assert.ok(replaced.ended!.error instanceof DeniedError);
    assert.match(replaced.failure, /refused by nodes 1, 2, .*known with another data directory/);
    assert.match(
      replaced.ended!.error.fix.join("\n"),
      /raft member replace 3 NEW HOST:PORT -e node/,
    );
    world.start(3, { dataPath: "/new" });
    await world.settled([1, 2, 3]);
    await world.works([1, 2, 3]);
  });

  it("trap 28: a node that was promised to another cluster does not join", async () => {
    const world = new MembershipWorld("wrong-cluster");
    world.start(1, { formation: { kind: "bootstrap" }, clusterName: "blue" });
    await world.settled([1]);
    const node = world.start(2, { clusterName: "green" });
    await world.until(() => node.ended !== null);
    assert.match(node.failure, /Cannot join cluster "blue" .* for cluster "green"; check --join/);
    world.start(3, { clusterName: "blue" });
    await world.settled([1, 3]);
  });

  it("trap 28: a node that meets another cluster at one endpoint asks the next", async () => {
    const world = new MembershipWorld("stranger");
    world.start(1, { formation: { kind: "bootstrap" }, clusterName: "blue" });
    await world.settled([1]);
    world.start(9, { formation: { kind: "bootstrap" }, clusterName: "red", isForeign: true });
    await world.until(() => (world.node(9).raft?.leader ?? null) !== null);
    const formation = (ids: number[]) =>
      ({ kind: "join", endpoints: ids.map((id) => addressOf(id)), learner: false }) as const;
    const node = world.start(2, { clusterName: "blue", formation: formation([9, 1]) });
    await world.settled([1, 2]);
    assert.match(node.text, /Not taken in yet .*cluster \\"red\\".* at node-9:7238/);
    const lost = world.start(3, { clusterName: "blue", formation: formation([9, 8]) });
    await world.pass(2_000);
    assert.equal(lost.ended, null, "its own may be away for a moment");
    await world.until(() => lost.ended !== null);
    assert.match(lost.failure, /Cannot join cluster "red" .*nobody of its own cluster/);
    const { fix } = lost.ended!.error as DeniedError;
    assert.doesNotMatch(fix.join(), /node-9/, "the stranger is no way out");
  });

  it("a member is given no address where it does not answer", async () => {
    const world = await MembershipWorld.grown("typo", 3);
    const refusal = (changes: MemberChange[], force = false) =>
      world.request({ changes, force }).then(() => null, (error) => error as RefusedError);
    const set = (id: number, address: string, force = false) =>
      refusal([change("setAddress", id, address)], force);
    const nobody = await set(2, "node-2:9");
    assert.match(nobody!.message, /address of node 2: it does not answer at node-2:9$/);
    const other = await set(2, "node-9:7238");
    assert.match(other!.message, /it does not answer at node-9:7238/);
    assert.equal(await set(2, "node-2:9", true), null, "forced");
    // Whom the leader does not reach where it is said to be is no part of a quorum.
    const second = await set(3, "node-3:9");
    assert.ok(second instanceof RefusedError);
    const removal = await refusal([change("remove", 3)]);
    assert.match(removal!.message, /of the 2 voters afterwards 1 would be up.*down: node 2/);
  });

  it("a member moves: the cluster is told its address, and so is its directory", async () => {
    const world = await MembershipWorld.grown("move", 3);
    world.start(3, { port: 9000 });
    await world.until(() => /knows this node by another address/.test(world.node(3).text));
    assert.match(world.node(3).text, /raft member set 3 --address node-3:9000/);
    await world.change(change("setAddress", 3, "node-3:9000"));
    await world.settled([1, 2, 3]);
    await world.works([1, 2, 3]);
    const { runtime } = world.node(3).machine;
    await world.pass(1_000);
    const known = await world.result(readKnownAs(runtime!, "/data"));
    assert.equal(known?.address, "node-3:9000");
  });
});
