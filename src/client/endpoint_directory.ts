/**
 * All endpoints that a client knows: the seeds that it was given and the members that the cluster
 * named.
 *
 * @module
 */
import { splitAddress } from "../address.ts";
import { MEMBERS_MAX } from "../limits.ts";
import type { Address, NodeId } from "../types.ts";
import type { StatusAnswer, StatusMember } from "../wire/client_messages.ts";
import type { EndpointContext } from "./endpoint.ts";
import { Endpoint } from "./endpoint.ts";
import type { EndpointObservation } from "./request_report.ts";

/** The endpoints, in the order of discovery. */
export class EndpointDirectory {
  readonly #context: EndpointContext;
  readonly #endpoints = new Map<Address, Endpoint>();
  /** The newest configuration that a status answer carried. */
  #configurationIndex = 0;

  /** Knows the seeds. */
  constructor(seeds: readonly Address[], context: EndpointContext) {
    this.#context = context;
    for (const address of seeds) this.#add(address, true);
  }

  /** How many endpoints are known. */
  get size(): number {
    return this.#endpoints.size;
  }

  /** Every endpoint. */
  values(): IterableIterator<Endpoint> {
    return this.#endpoints.values();
  }

  /** The endpoint at an address that the user names: added as a seed if it is new. */
  named(address: Address): Endpoint {
    return this.#endpoints.get(address) ?? this.#add(address, true);
  }

  /**
   * The endpoint that a node named as the leader.
   *
   * @returns Null where the hint is none, or leads to no address.
   */
  hinted(leaderId: NodeId, address: Address | ""): Endpoint | null {
    if (leaderId === 0) return null;
    if (address === "") return this.#byNodeId(leaderId);
    const known = this.#endpoints.get(address);
    if (known !== undefined) return known;
    if (!this.#hasRoom() || splitAddress(address) === null) return this.#byNodeId(leaderId);
    const endpoint = this.#add(address, false);
    endpoint.nodeId = leaderId;
    return endpoint;
  }

  /**
   * Learns the members from a status answer, unless a newer configuration is known, and forgets
   * those that it does not name any more.
   */
  learn(status: StatusAnswer): void {
    if (status.configurationIndex < this.#configurationIndex) return;
    if (status.members.length === 0) return;
    this.#configurationIndex = status.configurationIndex;
    const named = new Set<Address>();
    for (const member of status.members) this.#learnMember(member, named);
    for (const endpoint of [...this.#endpoints.values()]) {
      if (named.has(endpoint.address)) continue;
      const member = status.members.find(({ id }) => id === endpoint.nodeId);
      endpoint.voter = member === undefined ? null : member.voter;
      if (endpoint.isSeed || endpoint.pendingCount > 0) continue;
      this.#endpoints.delete(endpoint.address);
      endpoint.close();
    }
  }

  /**
   * What was seen at each node: one observation a node, also where two addresses lead to it.
   */
  observations(): EndpointObservation[] {
    const observations: EndpointObservation[] = [];
    for (const endpoint of this.#endpoints.values()) {
      const { observation } = endpoint;
      const twin = observations.findIndex((other) =>
        observation.nodeId !== 0 && other.nodeId === observation.nodeId
      );
      if (twin < 0) observations.push(observation);
      else if (!observations[twin]?.reached && observation.reached) {
        observations[twin] = observation;
      }
    }
    return observations;
  }

  /** Closes every connection. */
  close(): void {
    for (const endpoint of [...this.#endpoints.values()]) endpoint.close();
  }

  #learnMember(member: StatusMember, named: Set<Address>): void {
    if (splitAddress(member.address) === null) return;
    named.add(member.address);
    const known = this.#endpoints.get(member.address);
    if (known === undefined && !this.#hasRoom()) return;
    const endpoint = known ?? this.#add(member.address, false);
    endpoint.nodeId = member.id;
    endpoint.voter = member.voter;
  }

  #add(address: Address, isSeed: boolean): Endpoint {
    const endpoint = new Endpoint({ address, isSeed, context: this.#context });
    this.#endpoints.set(address, endpoint);
    return endpoint;
  }

  #byNodeId(nodeId: NodeId): Endpoint | null {
    for (const endpoint of this.#endpoints.values()) {
      if (endpoint.nodeId === nodeId) return endpoint;
    }
    return null;
  }

  /** Members of an old and a new configuration, and as many seeds. */
  #hasRoom(): boolean {
    return this.#endpoints.size < 4 * MEMBERS_MAX;
  }
}
