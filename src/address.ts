/**
 * The two parts of an address.
 *
 * @module
 */
import type { Address } from "./types.ts";

/** A host (IPv6 without brackets) and a port. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

const PORT_MAX = 65_535;

/**
 * Splits `HOST:PORT`, where HOST is a name, an IPv4 address or a bracketed IPv6 address.
 *
 * @param address What to split.
 * @returns The parts, or null if it is no address.
 */
export function splitAddress(address: Address): HostAndPort | null {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:[\]]+)):([0-9]{1,5})$/.exec(address);
  if (match === null) return null;
  const host = match[1] ?? match[2];
  const port = Number(match[3]);
  if (host === undefined || port < 1 || port > PORT_MAX) return null;
  return { host, port };
}

/** `HOST:PORT`, with brackets where the host is an IPv6 address. */
export function joinAddress({ host, port }: HostAndPort): Address {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
