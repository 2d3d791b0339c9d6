/**
 * A single core among peers that exist in the test's messages only.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Role } from "../consensus/effects.ts";
import type { Message } from "../consensus/messages.ts";
import type { Configuration, NodeId, Term } from "../types.ts";
import { configurationOf, entriesOfTerms } from "./core_log.ts";
import { accepted, vote } from "./core_messages.ts";
import { CoreNode, type CoreNodeOptions } from "./core_node.ts";

/** What a {@linkcode loneNode} starts with. */
export interface LoneNodeOptions extends Partial<Omit<CoreNodeOptions, "storage">> {
  /** The terms of its log. */
  readonly terms?: readonly Term[];
  /** The last term of the log unless told. */
  readonly currentTerm?: Term;
  readonly votedFor?: NodeId;
  readonly voters?: readonly NodeId[];
}

/** Starts node 1 of the voters 1, 2 and 3, unless told otherwise, as a follower. */
export function loneNode(options: LoneNodeOptions = {}): CoreNode {
  const { terms = [], voters = [1, 2, 3], votedFor = 0, ...rest } = options;
  const configuration: Configuration = rest.configuration ?? configurationOf(voters);
  const currentTerm = options.currentTerm ?? terms[terms.length - 1] ?? 0;
  return new CoreNode({
    id: 1,
    ...rest,
    configuration,
    storage: { currentTerm, votedFor, entries: entriesOfTerms(terms) },
  });
}

/** Starts node 1 and lets it win the election of its next term; its no-op is not acknowledged. */
export function loneLeader(options: LoneNodeOptions = {}): CoreNode {
  const node = loneNode(options);
  lead(node);
  return node;
}

/** Lets a node win an election by the votes of the nodes 2 to 5. */
export function lead(node: CoreNode): void {
  node.fire("election");
  const term = node.core.term + 1;
  for (const from of [2, 3, 4, 5]) {
    if (node.core.term < term) node.receive(from, vote({ term, preVote: true }));
  }
  for (const from of [2, 3, 4, 5]) if (!node.core.isLeader) node.receive(from, vote({ term }));
  assert(node.core.isLeader, () => `node ${node.id} does not lead`);
  node.takeOutgoing();
}

/** Node 1 in each role of term 1: follower, pre-candidate, candidate and leader. */
export function nodesOfEveryRole(): CoreNode[] {
  const preCandidate = loneNode({ currentTerm: 1 });
  preCandidate.fire("election");
  const candidate = loneNode();
  candidate.fire("election");
  candidate.receive(2, vote({ preVote: true }));
  const nodes = [loneNode({ currentTerm: 1 }), preCandidate, candidate, loneLeader()];
  for (const node of nodes) node.takeOutgoing();
  const roles = nodes.map(roleOf).join(" ");
  assert(roles === "follower preCandidate candidate leader", () => `the roles are ${roles}`);
  return nodes;
}

/** What a node does in its term. */
export function roleOf(node: CoreNode): Role {
  return node.core.status().role;
}

/** Acknowledges the whole log of a leader in the name of these nodes. */
export function acknowledgeAll(node: CoreNode, from: readonly NodeId[]): void {
  const { term, lastIndex: matchIndex } = node.core;
  for (const id of from) node.receive(id, accepted({ term, matchIndex }));
}

/** Takes what left the node for one peer. */
export function sentTo(node: CoreNode, to: NodeId): Message[] {
  return node.takeOutgoing().filter((one) => one.to === to).map((one) => one.message);
}

/** Takes what left the node; it must be one message, whose fields the test wants to see. */
export function onlyAnswer<Type extends Message["type"]>(
  node: CoreNode,
  type: Type,
): Message & { readonly type: Type } {
  const messages = node.takeOutgoing().map((one) => one.message);
  assert(messages.length === 1, () => `${messages.length} messages left node ${node.id}`);
  const message = messages[0]!;
  assert(message.type === type, () => `the message is a ${message.type}`);
  return message as Message & { readonly type: Type };
}
