import type { Address, NodeId } from "../types.ts";
import { MEMBERS_MAX } from "../limits.ts";
import { UsageError } from "./usage_error.ts";

const PORT_MAX = 65_535;

/** The forms of an address that are accepted, for messages. */
export const ADDRESS_FORMS = "HOST:PORT, as in 127.0.0.1:7238, node-1.example:7238 or [::1]:7238";

/** A host and a port apart. */
export interface AddressParts {
  /** A name, an IPv4 address, or an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
}

function addressError(text: string, reason: string): UsageError {
  return new UsageError(`Cannot use "${text}" as an address: ${reason}`, {
    fix: [`want ${ADDRESS_FORMS}`],
  });
}

/** Whether `host` is four numbers up to 255; something like it is no name either. */
function checkHost(text: string, host: string, isBracketed: boolean): void {
  if (host === "") throw addressError(text, "the host is missing");
  if (isBracketed) {
    if (!/^[0-9a-fA-F:.]+(%[\w.-]+)?$/.test(host) || !host.includes(":")) {
      throw addressError(text, "what the brackets hold is not an IPv6 address");
    }
    return;
  }
  if (host.includes(":")) throw addressError(text, "an IPv6 address needs brackets");
  if (/^[\d.]+$/.test(host)) {
    const numbers = host.split(".");
    const isValid = numbers.length === 4 && numbers.every((n) => n !== "" && Number(n) <= 255);
    if (!isValid) throw addressError(text, "the host is not an IPv4 address");
  } else if (!/^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(host)) {
    throw addressError(text, "the host has a character that no name has");
  }
}

/**
 * Splits `HOST:PORT`; throws a {@linkcode UsageError} where it is not one.
 *
 * @param text What the user wrote.
 */
export function parseAddress(text: string): AddressParts {
  const trimmed = text.trim();
  const match = /^(?:\[([^\]]*)\]|(.*)):(\d+)$/.exec(trimmed);
  if (match === null) {
    const looksLikePort = /^:?\d+$/.test(trimmed);
    throw addressError(text, looksLikePort ? "the host is missing" : "the port is missing");
  }
  const host = match[1] ?? match[2] ?? "";
  checkHost(text, host, match[1] !== undefined);
  const port = Number(match[3]);
  if (port > PORT_MAX) throw addressError(text, `the port is above ${PORT_MAX}`);
  return { host, port };
}

/** `HOST:PORT` with brackets where the host is an IPv6 address. */
export function formatAddress({ host, port }: AddressParts): Address {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether nobody can be reached at the address, because it means "every interface". */
export function isWildcard(address: Address): boolean {
  const { host } = parseAddress(address);
  return host === "0.0.0.0" || /^[0:]+$/.test(host) || host === "*";
}

/** Whether only processes on the same machine can be reached at the address. */
export function isLoopback(address: Address): boolean {
  const { host } = parseAddress(address);
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

/** Checks an address and gives it back in its normal form. */
export function normalAddress(text: string): Address {
  return formatAddress(parseAddress(text));
}

/** A comma-separated list of addresses without the duplicates; at least one. */
export function parseAddressList(text: string): Address[] {
  const addresses = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  if (addresses.length === 0) {
    throw new UsageError("Cannot use an empty list of addresses", {
      fix: [`want ${ADDRESS_FORMS}, with commas between`],
    });
  }
  return [...new Set(addresses.map(normalAddress))];
}

/** A node of `--peers`. */
export interface Peer {
  readonly id: NodeId;
  readonly address: Address;
}

function peersError(text: string, reason: string): UsageError {
  return new UsageError(`Cannot use "${text}" as --peers: ${reason}`, {
    fix: [
      "want ID=HOST:PORT for every node, as in 1=10.0.0.1:7238,2=10.0.0.2:7238,3=10.0.0.3:7238",
    ],
  });
}

/** A positive integer, or null. */
function parseNodeId(text: string): NodeId | null {
  const id = /^[0-9]{1,16}$/.test(text.trim()) ? Number(text) : 0;
  return id > 0 && Number.isSafeInteger(id) ? id : null;
}

/**
 * The nodes of `1=H:P,2=H:P,3=H:P` by ascending id; ids and addresses must differ.
 *
 * @param text What the user wrote.
 */
export function parsePeers(text: string): Peer[] {
  const parts = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  if (parts.length === 0) throw peersError(text, "it is empty");
  if (parts.length > MEMBERS_MAX) {
    throw peersError(text, `it names ${parts.length} nodes, want at most ${MEMBERS_MAX}`);
  }
  const peers = parts.map((part): Peer => {
    const at = part.indexOf("=");
    const id = at < 0 ? null : parseNodeId(part.slice(0, at));
    if (id === null) throw peersError(text, `"${part}" does not begin with an id and "="`);
    return { id, address: normalAddress(part.slice(at + 1)) };
  });
  const ids = new Set<NodeId>();
  const addresses = new Set<Address>();
  for (const { id, address } of peers) {
    if (ids.has(id)) throw peersError(text, `the id ${id} is there twice`);
    if (addresses.has(address)) throw peersError(text, `the address ${address} is there twice`);
    ids.add(id);
    addresses.add(address);
  }
  return peers.sort((a, b) => a.id - b.id);
}
