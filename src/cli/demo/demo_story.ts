/**
 * What the demo shows, step by step: start, elect, write, read through every node, kill the leader,
 * nothing lost, come back, hand leadership over, take a node in and let it go. Every line says what
 * was seen, not what should have been.
 *
 * @module
 */
import type { Leader } from "../../client/leader_operation.ts";
import { RaftError } from "../../errors.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Address, NodeId } from "../../types.ts";
import type { Cluster } from "../cluster.ts";
import type { LocalCluster } from "./local_cluster.ts";

/** A step that is over. */
export interface DemoStep {
  readonly name: string;
  /** What was seen. */
  readonly detail: string;
  readonly millis: number;
}

/** What the story is told with. */
export interface DemoOptions {
  readonly runtime: Runtime;
  readonly nodes: LocalCluster;
  readonly cluster: Cluster;
  /** Where another node may listen. */
  readonly spareAddress: Address;
  /** Called after each step. */
  readonly onStep: (step: DemoStep) => void;
}

/** How long a step may take, in milliseconds. */
const STEP_TIMEOUT_MS = 20_000;

/** How long a read through one node may take; pinned reads do not look elsewhere. */
const READ_TIMEOUT_MS = 5_000;

const PAUSE_MS = 20;
const KEY_COUNT = 100;
const GREETING = "hello";

/** A step did not show what it should. */
export class DemoError extends Error {
  override readonly name = "DemoError";
}

function list(ids: readonly NodeId[]): string {
  return ids.join(", ");
}

/** The story and what it remembers from step to step. */
class DemoStory {
  readonly #options: DemoOptions;
  readonly #steps: DemoStep[] = [];
  #leader: Leader = { id: 0, address: "", term: 0 };
  #killedMs = 0;

  constructor(options: DemoOptions) {
    this.#options = options;
  }

  async tell(): Promise<readonly DemoStep[]> {
    const { nodes } = this.#options;
    await this.#step("start", () => this.#start());
    await this.#step("elect", () => this.#elect());
    await this.#step("write", () => this.#write());
    await this.#step("read", () => this.#readThroughAll());
    const dead = this.#leader;
    await this.#step("crash", () => this.#crash());
    await this.#step("fail over", () => this.#failOver(dead));
    await this.#step("nothing lost", () => this.#countKeys());
    await this.#step("restart", () => this.#restart(dead.id));
    await this.#step("hand over", () => this.#handOver(dead.id));
    await this.#step("grow", () => this.#grow());
    await this.#step("read", () => this.#readThroughAll());
    await this.#step("shrink", () => this.#shrink());
    if (nodes.running().length !== nodes.nodes.length) throw new DemoError("A node is gone");
    return this.#steps;
  }

  async #step(name: string, run: () => Promise<string>): Promise<void> {
    const { clock } = this.#options.runtime;
    const startMs = clock.nowMs();
    const detail = await run();
    const step = { name, detail, millis: Math.round(clock.nowMs() - startMs) };
    this.#steps.push(step);
    this.#options.onStep(step);
  }

  #start(): Promise<string> {
    const { nodes } = this.#options;
    for (const { id } of nodes.nodes) nodes.start(id);
    const places = nodes.nodes.map(({ id, address }) => `${id} at ${address}`);
    return Promise.resolve(`nodes ${places.join(", ")}`);
  }

  async #elect(): Promise<string> {
    const { cluster } = this.#options;
    this.#leader = await cluster.leader({ timeoutMs: STEP_TIMEOUT_MS });
    const { id, term } = this.#leader;
    return `node ${id} leads in term ${term}`;
  }

  async #write(): Promise<string> {
    const { keyValue } = this.#options.cluster;
    const { revision } = await keyValue.put("greeting", GREETING, { timeoutMs: STEP_TIMEOUT_MS });
    const writes = Array.from(
      { length: KEY_COUNT },
      (_, n) => keyValue.put(`demo/${n}`, String(n), { timeoutMs: STEP_TIMEOUT_MS }),
    );
    await Promise.all(writes);
    return `greeting = ${GREETING} at revision ${revision}, and ${KEY_COUNT} keys more`;
  }

  async #readThroughAll(): Promise<string> {
    const { nodes, cluster } = this.#options;
    const servers: NodeId[] = [];
    for (const { id, address } of nodes.nodes) {
      if (nodes.pidOf(id) === null) continue;
      const read = await this.#eventually(() =>
        cluster.keyValue.get("greeting", { endpoint: address, timeoutMs: READ_TIMEOUT_MS })
      );
      const value = new TextDecoder().decode(read.value);
      if (read.servedBy !== id) {
        throw new DemoError(`Node ${read.servedBy} answered for node ${id}`);
      }
      if (!read.found || value !== GREETING) {
        throw new DemoError(`Node ${id} answered "${value}", want "${GREETING}"`);
      }
      servers.push(id);
    }
    return `${GREETING}, linearizably, through nodes ${list(servers)}`;
  }

  async #crash(): Promise<string> {
    const { nodes, runtime } = this.#options;
    const { id } = this.#leader;
    const pid = nodes.pidOf(id);
    this.#killedMs = runtime.clock.nowMs();
    await nodes.kill(id);
    return `SIGKILL to node ${id}, the leader (process ${pid})`;
  }

  async #failOver(dead: Leader): Promise<string> {
    const { cluster, runtime } = this.#options;
    const { revision } = await cluster.keyValue.put("survived", "yes", {
      timeoutMs: STEP_TIMEOUT_MS,
    });
    const millis = Math.round(runtime.clock.nowMs() - this.#killedMs);
    this.#leader = await cluster.leader({ timeoutMs: STEP_TIMEOUT_MS });
    const { id, term } = this.#leader;
    if (id === dead.id) throw new DemoError(`Node ${id} is dead and said to lead`);
    return `node ${id} leads in term ${term}; a write, revision ${revision}, was acknowledged ` +
      `${millis}ms after the crash`;
  }

  async #countKeys(): Promise<string> {
    const { keyValue } = this.#options.cluster;
    const { items } = await keyValue.list("demo/", { timeoutMs: STEP_TIMEOUT_MS });
    const { found } = await keyValue.get("greeting", { timeoutMs: STEP_TIMEOUT_MS });
    const good = items.filter(({ key, value }) =>
      new TextDecoder().decode(key) === `demo/${new TextDecoder().decode(value)}`
    );
    if (!found || good.length !== KEY_COUNT) {
      throw new DemoError(`Found ${good.length} of ${KEY_COUNT} keys`);
    }
    return `${KEY_COUNT + 1} of ${KEY_COUNT + 1} keys are there, on the nodes that are left`;
  }

  async #restart(id: NodeId): Promise<string> {
    const { nodes, cluster } = this.#options;
    nodes.start(id);
    const commitIndex = await this.#eventually(async () => {
      const statuses = await cluster.statusOfAll({ timeoutMs: READ_TIMEOUT_MS });
      const answers = statuses.flatMap(({ status }) => status === null ? [] : [status]);
      const own = answers.find(({ nodeId }) => nodeId === id);
      const leader = answers.find(({ role }) => role === "leader");
      if (own === undefined || leader === undefined) throw new DemoError(`Node ${id} is silent`);
      if (own.appliedIndex < leader.commitIndex) {
        throw new DemoError(`Node ${id} is at ${own.appliedIndex} of ${leader.commitIndex}`);
      }
      return own.appliedIndex;
    });
    return `node ${id} is back and has caught up to index ${commitIndex}`;
  }

  async #handOver(target: NodeId): Promise<string> {
    const { cluster, runtime } = this.#options;
    const startMs = runtime.clock.nowMs();
    const { leaderId, term } = await this.#eventually(() =>
      cluster.transferLeadership({ target, timeoutMs: STEP_TIMEOUT_MS })
    );
    if (leaderId !== target) throw new DemoError(`Node ${leaderId} leads, want node ${target}`);
    await cluster.keyValue.put("handed", "over", { timeoutMs: STEP_TIMEOUT_MS });
    const millis = Math.round(runtime.clock.nowMs() - startMs);
    return `node ${leaderId} leads in term ${term}; a write was acknowledged after ${millis}ms`;
  }

  /** One more node, while the others run. */
  async #grow(): Promise<string> {
    const { nodes, cluster, spareAddress } = this.#options;
    const { id, address } = nodes.add(spareAddress);
    nodes.start(id);
    const voters = await this.#eventually(async () => {
      const { members, isJoint } = await cluster.members({ timeoutMs: READ_TIMEOUT_MS });
      const isVoter = members.some((member) => member.id === id && member.voter);
      if (!isVoter || isJoint) throw new DemoError(`Node ${id} has no vote yet`);
      return members.filter(({ voter }) => voter).length;
    });
    return `node ${id} at ${address} has joined and caught up: ${voters} voters`;
  }

  /** The newest node goes again. */
  async #shrink(): Promise<string> {
    const { nodes, cluster } = this.#options;
    const { id } = nodes.nodes.at(-1)!;
    const left = nodes.left(id);
    const changes = [{ action: "remove", id, address: "", instanceId: "" } as const];
    await this.#eventually(() => cluster.changeMembership(changes, { timeoutMs: STEP_TIMEOUT_MS }));
    const { members } = await cluster.members({ timeoutMs: STEP_TIMEOUT_MS });
    const exit = await left;
    return `node ${id} was removed and has stopped with exit code ${exit}: ` +
      `${members.length} voters`;
  }

  /** Tries until it works: a node that has just started needs a moment to know its leader. */
  async #eventually<T>(attempt: () => Promise<T>): Promise<T> {
    const { clock } = this.#options.runtime;
    const deadlineMs = clock.nowMs() + STEP_TIMEOUT_MS;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const mayPass = error instanceof RaftError || error instanceof DemoError;
        if (!mayPass || clock.nowMs() >= deadlineMs) throw error;
      }
      await new Promise<void>((resolve) => clock.setTimer(resolve, PAUSE_MS));
    }
  }
}

/** Tells the story; rejects at the first step that does not show what it should. */
export function tellStory(options: DemoOptions): Promise<readonly DemoStep[]> {
  return new DemoStory(options).tell();
}
