/**
 * Runs a scenario: every command moves a cluster of cores by hand. The commands are listed in
 * tests/testdata/README.md.
 */
import assert from "node:assert/strict";
import type { Timer } from "../../src/consensus/input.ts";
import type { InFlight } from "../../src/testing/core_cluster.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import type { CoreNode } from "../../src/testing/core_node.ts";
import type { MemberChange, NodeId } from "../../src/types.ts";
import { describeMessage, membersOf, ScenarioCluster, stateOf } from "./scenario_cluster.ts";
import type { ScenarioStep } from "./scenario_file.ts";

const MESSAGE_KINDS: Readonly<Record<string, string>> = {
  append: "appendEntriesRequest",
  "append-answer": "appendEntriesResponse",
  vote: "requestVoteRequest",
  "vote-answer": "requestVoteResponse",
  snapshot: "installSnapshotRequest",
  "snapshot-answer": "installSnapshotResponse",
  "timeout-now": "timeoutNow",
};

const ACTIONS: ReadonlySet<string> = new Set<MemberChange["action"]>([
  "add",
  "addLearner",
  "promote",
  "demote",
  "remove",
]);

/** Runs the steps and returns the output of each. */
export function runScenario(steps: readonly ScenarioStep[]): string[] {
  const runner = new ScenarioRunner();
  return steps.map((step) => {
    const output = runner.run(step.words);
    // An empty line would end the output.
    return output.length === 0 ? "ok" : output.join("\n");
  });
}

class ScenarioRunner {
  #cluster: ScenarioCluster | null = null;

  run(words: readonly string[]): string[] {
    const [name, ...rest] = words;
    const named = new Map<string, string>();
    const plain: string[] = [];
    for (const word of rest) {
      const at = word.indexOf("=");
      if (at > 0) named.set(word.slice(0, at), word.slice(at + 1));
      else plain.push(word);
    }
    if (name === "cluster") {
      this.#start(named, plain);
      return [];
    }
    const shown = this.#show(name!, plain);
    if (shown !== null) return shown;
    this.#move(name!, plain, named);
    return this.#live.takeLines();
  }

  get #live(): ScenarioCluster {
    assert(this.#cluster !== null, "the first command is `cluster`");
    return this.#cluster;
  }

  #start(named: ReadonlyMap<string, string>, plain: readonly string[]): void {
    const nodes = Number(named.get("nodes"));
    const logs: Record<NodeId, number[]> = {};
    for (const [key, value] of named) {
      if (key.startsWith("log-")) logs[Number(key.slice(4))] = numbers(value);
    }
    const all = Array.from({ length: nodes }, (_, i) => i + 1);
    const voters = named.has("voters") ? numbers(named.get("voters")!) : all;
    const learners = named.has("learners") ? numbers(named.get("learners")!) : [];
    const syncsAtOnce = !plain.includes("slow-disks");
    const configuration = configurationOf(voters, { learners });
    this.#cluster = new ScenarioCluster({ nodes, configuration, logs, syncsAtOnce });
  }

  /** Commands that change nothing; null for others. */
  #show(name: string, plain: readonly string[]): string[] | null {
    const cluster = this.#live;
    switch (name) {
      case "status":
        return [...cluster.nodes.values()].map((node) => `${node.id} is ${stateOf(node)}`);
      case "log":
        return shownLog(cluster.node(Number(plain[0])));
      case "followers":
        return cluster.node(Number(plain[0])).core.status().followers.map((follower) =>
          `${follower.id} match ${follower.matchIndex}`
        );
      case "members":
        return cluster.nodesUp.map((node) => `${node.id} goes by ${membersOf(node)}`);
      case "messages":
        return cluster.inFlight.map(({ from, to, message }) =>
          `${from} -> ${to} ${describeMessage(message)}`
        );
      default:
        return null;
    }
  }

  #move(name: string, plain: readonly string[], named: ReadonlyMap<string, string>): void {
    const cluster = this.#live;
    const id = Number(plain[0]);
    switch (name) {
      case "timer":
        return cluster.node(id).fire(plain[1] as Timer);
      case "elect":
        return cluster.elect(id);
      case "propose":
        return void cluster.propose(id, ...plain.slice(1));
      case "change":
        return void cluster.change(id, changesOf(named), plain.includes("force"));
      case "transfer":
        return transfer(cluster.node(id), plain[1]);
      case "compact":
        return compact(cluster.node(id), Number(plain[1]));
      case "read":
        return void cluster.read(id);
      case "sync":
        return cluster.node(id).sync();
      case "deliver":
        return cluster.deliver(selector(named));
      case "drop":
        return cluster.drop(selector(named));
      case "stabilize":
        return cluster.stabilize();
      case "heartbeat":
        return cluster.heartbeat(id);
      case "cut":
        return cluster.cut(id, Number(plain[1]));
      case "isolate":
        return cluster.isolate(id);
      case "heal":
        return cluster.heal();
      case "disconnect":
        return cluster.disconnect(id, Number(plain[1]));
      case "crash":
        return cluster.crash(id);
      case "restart":
        return cluster.restart(id);
      default:
        assert.fail(`there is no command "${name}"`);
    }
  }
}

/** The changes of `remove=1 add=4,5`, in the order of the words. */
function changesOf(named: ReadonlyMap<string, string>): Parameters<ScenarioCluster["change"]>[1] {
  return [...named].flatMap(([action, ids]) => {
    assert(ACTIONS.has(action), `there is no change "${action}"`);
    return numbers(ids).map((id) => ({ action: action as MemberChange["action"], id }));
  });
}

/** Has another node lead: the one that is named, or any. */
function transfer(node: CoreNode, target: string | undefined): void {
  const to = target === undefined ? null : Number(target);
  node.run({ type: "transferLeadership", target: to, source: null });
}

/** Takes a snapshot of what is applied, if it is new, and compacts up to an index. */
function compact(node: CoreNode, index: number): void {
  if (node.appliedIndex > (node.storage.snapshot?.lastIncludedIndex ?? 0)) node.takeSnapshot();
  node.stepCompaction(index);
  node.perform();
}

/** The entries that a log still has. */
function shownLog({ log, baseIndex }: CoreNode): string[] {
  const lines = log.map(({ term, payload }, i) => `${i + 1}@${term} ${payload.split(" {")[0]}`);
  const kept = lines.slice(baseIndex);
  return baseIndex === 0 ? kept : [`compacted up to ${baseIndex}`, ...kept];
}

/** Chooses messages by `from=`, `to=` and `kind=`. */
function selector(named: ReadonlyMap<string, string>): (one: InFlight) => boolean {
  const kind = named.get("kind");
  const type = kind === undefined ? undefined : MESSAGE_KINDS[kind];
  assert(kind === undefined || type !== undefined, `there are no messages of kind "${kind}"`);
  return ({ from, to, message }) =>
    (!named.has("from") || from === Number(named.get("from"))) &&
    (!named.has("to") || to === Number(named.get("to"))) &&
    (type === undefined || message.type === type);
}

function numbers(list: string): number[] {
  return list.split(",").map(Number);
}
