/** A cluster of cores that tells what happens in it, a line each. */
import type { Input } from "../../src/consensus/input.ts";
import type { AppendEntriesResponse, Message } from "../../src/consensus/messages.ts";
import type { ChangeOutcome, ReadOutcome, TransferOutcome } from "../../src/consensus/effects.ts";
import { CoreCluster, type CoreClusterOptions } from "../../src/testing/core_cluster.ts";
import type { CoreNode } from "../../src/testing/core_node.ts";
import type { Index, NodeId } from "../../src/types.ts";

/** See the comment of this file. */
export class ScenarioCluster extends CoreCluster {
  readonly #lines: string[] = [];
  /** The state of each node as it was told last. */
  readonly #told = new Map<NodeId, string>();
  readonly #toldMembers = new Map<NodeId, string>();
  /** How much was told of how changes, transfers and proposals of each node ended. */
  readonly #toldOutcomes = new Map<string, number>();

  /** Starts the nodes; what they do at the start is not told. */
  constructor(options: CoreClusterOptions) {
    super(options);
    for (const node of this.nodesUp) {
      this.#told.set(node.id, stateOf(node));
      this.#toldMembers.set(node.id, membersOf(node));
    }
  }

  /** Takes the lines since the last call. */
  takeLines(): string[] {
    for (const { id, changes, transfers, refusals } of this.nodes.values()) {
      this.#tellNew(`${id} change`, changes.map(describeOutcome));
      this.#tellNew(`${id} transfer`, transfers.map(describeTransfer));
      this.#tellNew(`${id} proposal`, refusals.map(({ reason }) => `is refused (${reason})`));
    }
    return this.#lines.splice(0);
  }

  /** Tells of a message. */
  override sent(node: CoreNode, to: NodeId, message: Message): void {
    const lost = this.cuts.has(`${node.id}>${to}`) ? " (lost)" : "";
    this.#lines.push(`${node.id} -> ${to} ${describeMessage(message)}${lost}`);
    super.sent(node, to, message);
  }

  /** Tells of a node whose state changed. */
  override stepped(node: CoreNode, input: Input): void {
    super.stepped(node, input);
    const members = membersOf(node);
    if (this.#toldMembers.get(node.id) !== members) {
      this.#toldMembers.set(node.id, members);
      this.#lines.push(`${node.id} goes by ${members}`);
    }
    const state = stateOf(node);
    if (this.#told.get(node.id) === state) return;
    this.#told.set(node.id, state);
    this.#lines.push(`${node.id} is ${state}`);
  }

  /** Tells of a snapshot that takes the place of the log. */
  override installed(node: CoreNode): void {
    super.installed(node);
    this.#lines.push(`${node.id} installs a snapshot of ${node.baseIndex}`);
  }

  /** Tells of an entry that is applied. */
  override applied(node: CoreNode, index: Index): void {
    super.applied(node, index);
    this.#lines.push(`${node.id} applies ${index}`);
  }

  /** Tells how a read ended. */
  override readEnded(node: CoreNode, outcome: ReadOutcome): void {
    super.readEnded(node, outcome);
    const end = outcome.readIndex === null
      ? `fails: ${outcome.reason}`
      : `may be served once ${outcome.readIndex} is applied`;
    this.#lines.push(`${node.id} read ${outcome.readId} ${end}`);
  }

  /** Tells the ends that were not told before. */
  #tellNew(what: string, ends: readonly string[]): void {
    for (const end of ends.slice(this.#toldOutcomes.get(what) ?? 0)) {
      this.#lines.push(`${what} ${end}`);
    }
    this.#toldOutcomes.set(what, ends.length);
  }
}

/** What a person wants to see of a node. */
export function stateOf(node: CoreNode): string {
  if (!node.isUp) return "down";
  const { role, term, leaderId, lastIndex, commitIndex, durableIndex } = node.core.status();
  const follows = role === "follower" && leaderId !== null ? ` of ${leaderId}` : "";
  return `${role}${follows}, term ${term}, last ${lastIndex}, durable ${durableIndex}, ` +
    `commit ${commitIndex}`;
}

/** "1 2 3 < 1 2 | 4 at 5": voters, the old ones where it is joint, learners, and the index. */
export function membersOf(node: CoreNode): string {
  const { voters, votersOld, learners } = node.core.configuration;
  const list = (members: readonly { readonly id: NodeId }[]): string =>
    members.map(({ id }) => id).join(" ");
  const old = votersOld.length === 0 ? "" : ` < ${list(votersOld)}`;
  const rest = learners.length === 0 ? "" : ` | ${list(learners)}`;
  return `${list(voters) || "nobody"}${old}${rest} at ${node.core.status().configurationIndex}`;
}

function describeTransfer(outcome: TransferOutcome): string {
  if (outcome.failure !== null) return `fails: ${outcome.failure}`;
  return `is done: ${outcome.leaderId} leads in term ${outcome.term}`;
}

function describeOutcome(outcome: ChangeOutcome): string {
  if (outcome.type === "lost") return "is lost: whether it holds is not known here";
  if (outcome.type === "done") return `is done at ${outcome.configurationIndex}`;
  const { reason, message, why } = outcome.refusal;
  return [`is refused (${reason}): ${message}`, ...why].join("; ");
}

/** A message in one line. */
export function describeMessage(message: Message): string {
  const { type, term } = message;
  switch (type) {
    case "requestVoteRequest": {
      const kind = message.preVote ? "PreVote" : "Vote";
      const forced = message.leadershipTransfer ? " transfer" : "";
      const last = `${message.lastLogIndex}@${message.lastLogTerm}`;
      return `${kind} term=${term} last=${last}${forced}`;
    }
    case "requestVoteResponse": {
      const kind = message.preVote ? "PreVote" : "Vote";
      return `${kind}Answer term=${term} ${message.voteGranted ? "granted" : "refused"}`;
    }
    case "appendEntriesRequest": {
      const { entries, prevLogIndex, prevLogTerm, leaderCommit } = message;
      const range = entries === null ? "none" : `${entries.firstIndex}..${entries.lastIndex}`;
      return `Append term=${term} prev=${prevLogIndex}@${prevLogTerm} commit=${leaderCommit} ` +
        `entries=${range}`;
    }
    case "appendEntriesResponse":
      return describeAnswer(message);
    case "installSnapshotRequest":
      return `Snapshot term=${term} session=${message.session} ` +
        `last=${message.lastIncludedIndex}@${message.lastIncludedTerm}`;
    case "installSnapshotResponse":
      return `SnapshotAnswer term=${term} last=${message.lastIncludedIndex} ` +
        `session=${message.session} ${message.status}`;
    default: {
      const fields = Object.entries(message).filter(([name]) => name !== "type");
      const shown = fields.map(([name, value]) => `${name}=${value}`).join(" ");
      return `${type[0]!.toUpperCase()}${type.slice(1)} ${shown}`;
    }
  }
}

function describeAnswer(message: AppendEntriesResponse): string {
  if (message.accepted) return `AppendAnswer term=${message.term} match=${message.matchIndex}`;
  const { term, prevLogIndex, hintIndex, hintTerm } = message;
  return `AppendAnswer term=${term} refused prev=${prevLogIndex} hint=${hintIndex}@${hintTerm}`;
}
