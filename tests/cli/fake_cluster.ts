import type { Cluster, KeyValueAccess } from "../../src/cli/cluster.ts";
import type { MemberStatus } from "../../src/client/ask_every_member.ts";
import { ConditionFailedError, KeyValueClient } from "../../src/client/key_value_client.ts";
import type { Membership } from "../../src/client/membership.ts";
import { InvalidRequestError } from "../../src/errors.ts";
import type { MemberChange } from "../../src/wire/client_messages.ts";
import type { KvCondition, KvItem } from "../../src/wire/kv_messages.ts";
import { memberOf, statusOf } from "./fake_status.ts";
import { StoreProposer } from "./store_proposer.ts";

type BytesOrText = Uint8Array | string;

function textOf(bytes: BytesOrText): string {
  return typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes);
}

function bytesOf(text: BytesOrText): Uint8Array {
  return typeof text === "string" ? new TextEncoder().encode(text) : text;
}

/** A membership of these voters, the first of which leads. */
export function membershipOf(...ids: number[]): Membership {
  return {
    clusterName: "raft",
    leaderId: ids[0] ?? 0,
    term: 3,
    configurationIndex: 7,
    commitIndex: 100,
    isJoint: false,
    transferTarget: 0,
    members: ids.map((id) => {
      const { address } = memberOf(id);
      return { id, address, voter: true, isPromoted: false, reachable: true, matchIndex: 100 };
    }),
  };
}

/** A key-value store in memory, which remembers how it was asked. */
export class FakeCluster implements Cluster {
  readonly items = new Map<string, KvItem>();
  readonly asked: { readonly name: string; readonly options: unknown }[] = [];
  /** Thrown by every call, if set. */
  error: Error | null = null;
  /** Called in front of every call, with how many came before. */
  onAsk: (count: number) => void = () => {};
  statuses: MemberStatus[] = [statusOf({ nodeId: 1, role: "leader" })];
  isClosed = false;
  /** What the leader says of the members: three voters on this machine, 1 leads. */
  membership: Membership = membershipOf(1, 2, 3);
  /** Thrown by what changes members or leadership, or takes a snapshot, if set. */
  adminError: Error | null = null;
  revision = 10;
  /** The leases, and keys that belong to them: a store of their own. */
  readonly leases = new StoreProposer();
  readonly #leaseClient = new KeyValueClient(this.leases);
  readonly keyValue: KeyValueAccess = {
    grantLease: (ttlMs) => this.#leaseClient.grantLease(ttlMs),
    keepLeaseAlive: (id) => this.#leaseClient.keepLeaseAlive(id),
    revokeLease: (id) => this.#leaseClient.revokeLease(id),
    lease: (id, options) => this.#leaseClient.lease(id, options),
    leases: (options) => this.#leaseClient.leases(options),
    get: async (key, options) => {
      this.#ask("get", options);
      const item = this.items.get(textOf(key));
      const { value = new Uint8Array(), revision = 0, createRevision = 0, version = 0 } = item ??
        {};
      const found = item !== undefined;
      const read = { type: "get", found, value, revision, createRevision, version } as const;
      return await Promise.resolve({ ...read, servedBy: 1, ageMs: 0 });
    },
    put: async (key, value, options) => {
      this.#ask("put", options);
      if (options?.lifetime !== undefined) await this.#leaseClient.put(key, value, options);
      const before = this.items.get(textOf(key)) ?? null;
      this.#check(options?.condition, before);
      const revision = ++this.revision;
      this.items.set(textOf(key), {
        key: bytesOf(key),
        value: bytesOf(value),
        revision,
        createRevision: before?.createRevision ?? revision,
        version: (before?.version ?? 0) + 1,
      });
      const previous = options?.returnPrevious ? before : null;
      const written = { type: "put", revision, created: before === null, previous } as const;
      return await Promise.resolve({ ...written, ...this.#applied() });
    },
    delete: async (key, options) => {
      this.#ask("delete", options);
      this.#check(options?.condition, this.items.get(textOf(key)) ?? null);
      const count = this.items.delete(textOf(key)) ? 1 : 0;
      return await Promise.resolve(this.#deleted(count));
    },
    deletePrefix: async (prefix, options) => {
      this.#ask("deletePrefix", options);
      const keys = [...this.items.keys()].filter((key) => key.startsWith(textOf(prefix)));
      if (!options?.dryRun) keys.forEach((key) => this.items.delete(key));
      return await Promise.resolve(this.#deleted(keys.length));
    },
    increment: async (key, options) => {
      this.#ask("increment", options);
      const text = textOf(this.items.get(textOf(key))?.value ?? "0");
      if (!/^-?\d+$/.test(text)) throw new InvalidRequestError("The value is not an integer");
      const value = Number(text) + (options?.amount ?? 1);
      const { revision } = await this.keyValue.put(key, String(value));
      return { type: "increment", value, revision, ...this.#applied() };
    },
    list: async (prefix, options) => {
      this.#ask("list", options);
      const after = textOf(options?.after ?? "");
      const keys = [...this.items.keys()]
        .filter((key) => key.startsWith(textOf(prefix ?? "")) && key > after)
        .sort((a, b) => (a < b ? -1 : 1));
      // A page is small, so that going on to the next one is tested.
      const page = keys.slice(0, Math.min(options?.limit || 2, 2));
      const items = page.map((key) => this.items.get(key)!);
      const more = page.length < keys.length;
      const listed = { type: "list", items, more, revision: this.revision } as const;
      return await Promise.resolve({ ...listed, servedBy: 1, ageMs: 0 });
    },
  };

  statusOfAll(): Promise<MemberStatus[]> {
    this.#ask("statusOfAll", {});
    return Promise.resolve(this.statuses);
  }

  members(): Promise<Membership> {
    this.#ask("members", {});
    return Promise.resolve(this.membership);
  }

  changeMembership(
    changes: readonly MemberChange[],
    options: unknown,
  ): Promise<{ configurationIndex: number }> {
    this.#administer("changeMembership", { changes, ...options as object });
    return Promise.resolve({ configurationIndex: this.membership.configurationIndex + 1 });
  }

  transferLeadership(
    options: { readonly target?: number } = {},
  ): Promise<{ leaderId: number; term: number }> {
    this.#administer("transferLeadership", options);
    const { leaderId, term } = this.membership;
    const chosen = this.membership.members.find(({ id }) => id !== leaderId)?.id ?? leaderId;
    const next = options.target ?? chosen;
    this.membership = { ...this.membership, leaderId: next, term: term + 1 };
    return Promise.resolve({ leaderId: next, term: term + 1 });
  }

  triggerSnapshot(options: unknown): Promise<{ index: number }> {
    this.#administer("triggerSnapshot", options);
    return Promise.resolve({ index: 100 });
  }

  openSnapshot(options: unknown): Promise<never> {
    this.#administer("openSnapshot", options);
    return Promise.reject(new InvalidRequestError("There is no snapshot here"));
  }

  leader(): Promise<{ id: number; address: string; term: number }> {
    this.#ask("leader", {});
    return Promise.resolve({ id: 1, address: "127.0.0.1:7238", term: 3 });
  }

  close(): void {
    this.isClosed = true;
  }

  #administer(name: string, options: unknown): void {
    this.#ask(name, options);
    if (this.adminError !== null) throw this.adminError;
  }

  #ask(name: string, options: unknown): void {
    this.onAsk(this.asked.push({ name, options }) - 1);
    if (this.error !== null) throw this.error;
  }

  #check(condition: KvCondition | undefined, item: KvItem | null): void {
    const revision = item?.revision ?? 0;
    const holds = condition === undefined || condition.type === "none" ||
      (condition.type === "revision" && condition.revision === revision) ||
      (condition.type === "absent" && item === null) ||
      (condition.type === "present" && item !== null) ||
      (condition.type === "value" && item !== null &&
        textOf(condition.value) === textOf(item.value));
    if (!holds) throw new ConditionFailedError(revision, item);
  }

  #applied() {
    const commandId = new Uint8Array(16);
    return { term: 3, index: this.revision, duplicate: false, commandId };
  }

  #deleted(count: number) {
    return { type: "delete", count, revision: ++this.revision, ...this.#applied() } as const;
  }
}
