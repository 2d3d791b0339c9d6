/**
 * The part of the key-value messages that is about leases.
 *
 * @module
 */
import type { List } from "capnp-ts";
import { ProtocolError } from "../errors.ts";
import {
  type Command,
  Command_Which,
  type Lease,
  type Query,
  Query_Which,
  type Result,
  Result_Which,
} from "./generated/kv.ts";
import { fillItems, readItems } from "./kv_item_codec.ts";
import type {
  KvLease,
  KvLeaseChange,
  KvLeaseGrant,
  KvLeaseNotFound,
  KvLeaseQuery,
  KvLeaseResult,
  KvLeasesQuery,
  KvLeasesResult,
} from "./kv_messages.ts";
import { setData, toNumber, toUint64 } from "./library_message.ts";

/** Sets the union of a command. */
export function fillLeaseCommand(root: Command, command: KvLeaseGrant | KvLeaseChange): void {
  switch (command.type) {
    case "leaseGrant":
      return root.initLeaseGrant().setTtlMs(toUint64(command.ttlMs));
    case "leaseKeepAlive":
      return root.initLeaseKeepAlive().setLeaseId(toUint64(command.leaseId));
    case "leaseRevoke":
      return root.initLeaseRevoke().setLeaseId(toUint64(command.leaseId));
  }
}

/** Reads a command that is none of those of keys. */
export function readLeaseCommand(root: Command): KvLeaseGrant | KvLeaseChange {
  const which = root.which();
  switch (which) {
    case Command_Which.LEASE_GRANT:
      return { type: "leaseGrant", ttlMs: toNumber(root.getLeaseGrant().getTtlMs()) };
    case Command_Which.LEASE_KEEP_ALIVE: {
      const leaseId = toNumber(root.getLeaseKeepAlive().getLeaseId());
      return { type: "leaseKeepAlive", leaseId };
    }
    case Command_Which.LEASE_REVOKE:
      return { type: "leaseRevoke", leaseId: toNumber(root.getLeaseRevoke().getLeaseId()) };
    default:
      throw new ProtocolError(`Cannot read command ${which}: want one that this build knows`);
  }
}

/** Sets the union of a query. */
export function fillLeaseQuery(root: Query, query: KvLeaseQuery | KvLeasesQuery): void {
  if (query.type === "lease") {
    const lease = root.initLease();
    lease.setLeaseId(toUint64(query.leaseId));
    setData((length) => lease.initAfter(length), query.after);
    lease.setLimit(query.limit);
    return;
  }
  const leases = root.initLeases();
  leases.setAfterId(toUint64(query.afterId));
  leases.setLimit(query.limit);
}

/** Reads a query that is none of those of keys. */
export function readLeaseQuery(root: Query): KvLeaseQuery | KvLeasesQuery {
  const which = root.which();
  if (which === Query_Which.LEASE) {
    const lease = root.getLease();
    return {
      type: "lease",
      leaseId: toNumber(lease.getLeaseId()),
      after: lease.getAfter().toUint8Array(),
      limit: lease.getLimit(),
    };
  }
  if (which !== Query_Which.LEASES) {
    throw new ProtocolError(`Cannot read query ${which}: want one that this build knows`);
  }
  const leases = root.getLeases();
  return { type: "leases", afterId: toNumber(leases.getAfterId()), limit: leases.getLimit() };
}

/** Sets the union of a result. */
export function fillLeaseResult(
  root: Result,
  result: KvLeaseResult | KvLeasesResult | KvLeaseNotFound,
): void {
  switch (result.type) {
    case "lease": {
      const group = root.initLease();
      fillLease(group.initLease(), result.lease);
      fillItems(group.initItems(result.items.length), result.items);
      group.setMore(result.more);
      return;
    }
    case "leases": {
      const group = root.initLeases();
      const list = group.initLeases(result.leases.length);
      for (const [i, lease] of result.leases.entries()) fillLease(list.get(i), lease);
      group.setMore(result.more);
      return;
    }
    case "leaseNotFound":
      root.initLeaseNotFound().setLeaseId(toUint64(result.leaseId));
  }
}

/** Reads a result that is none of those of keys. */
export function readLeaseResult(root: Result): KvLeaseResult | KvLeasesResult | KvLeaseNotFound {
  const revision = toNumber(root.getRevision());
  const which = root.which();
  switch (which) {
    case Result_Which.LEASE: {
      const group = root.getLease();
      const lease = readLease(group.getLease());
      const items = readItems(group.getItems());
      return { type: "lease", revision, lease, items, more: group.getMore() };
    }
    case Result_Which.LEASES: {
      const group = root.getLeases();
      const leases = readLeases(group.getLeases());
      return { type: "leases", revision, leases, more: group.getMore() };
    }
    case Result_Which.LEASE_NOT_FOUND: {
      const leaseId = toNumber(root.getLeaseNotFound().getLeaseId());
      return { type: "leaseNotFound", revision, leaseId };
    }
    default:
      throw new ProtocolError(`Cannot read result ${which}: want one that this build knows`);
  }
}

function fillLease(struct: Lease, lease: KvLease): void {
  struct.setId(toUint64(lease.id));
  struct.setTtlMs(toUint64(lease.ttlMs));
  struct.setRemainingMs(toUint64(lease.remainingMs));
  struct.setKeyCount(toUint64(lease.keyCount));
}

function readLeases(list: List<Lease>): KvLease[] {
  const leases: KvLease[] = [];
  for (let i = 0; i < list.getLength(); i += 1) leases.push(readLease(list.get(i)));
  return leases;
}

function readLease(struct: Lease): KvLease {
  return {
    id: toNumber(struct.getId()),
    ttlMs: toNumber(struct.getTtlMs()),
    remainingMs: toNumber(struct.getRemainingMs()),
    keyCount: toNumber(struct.getKeyCount()),
  };
}
