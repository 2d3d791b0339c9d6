/**
 * A network of simulated hosts.
 *
 * Model: hosts have names; a process listens on a port of its host and dials others. A dial takes
 * a round trip; it is refused where the host is up and nobody listens, and times out where the
 * host is off or a wire is cut in either direction. Wires are cut one way or both ways, stalled,
 * and mended; connections are reset. TCP semantics are in simulated_stream.ts, what happens to a
 * packet in simulated_link.ts.
 *
 * Crash cases: the death of a process closes its listeners; a host without power answers nothing,
 * not even a refusal, until it is booted again.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { NetworkError } from "../runtime/runtime.ts";
import type {
  ByteStream,
  ConnectOptions,
  Listener,
  ListenOptions,
  Network,
} from "../runtime/runtime.ts";
import { drawLatencyMs } from "./latency.ts";
import { calmNetwork } from "./network_faults.ts";
import type { NetworkFaults } from "./network_faults.ts";
import type { Prng } from "./prng.ts";
import { SimulatedLink } from "./simulated_link.ts";
import type { SimulatedProcess } from "./simulated_process.ts";
import type { SimulatedScheduler } from "./simulated_scheduler.ts";
import { pairStreams, SimulatedStream } from "./simulated_stream.ts";

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::", "[::]"]);
const LOOPBACKS: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "::1", "[::1]"]);
const EPHEMERAL_PORT_FIRST = 32768;
const PORT_MAX = 65535;

/** A machine on the network. */
export interface SimulatedHost {
  readonly name: string;
  /** False from a loss of power until the next process starts. */
  readonly up: boolean;
}

interface OpenPort {
  readonly owner: SimulatedProcess;
  readonly options: ListenOptions;
}

class Host implements SimulatedHost {
  readonly name: string;
  up = true;
  readonly ports = new Map<number, OpenPort>();
  nextPort = EPHEMERAL_PORT_FIRST;

  constructor(name: string) {
    this.name = name;
  }

  /** A port that no listener has: the next in turn, so that numbers are not used again soon. */
  freePort(): number {
    for (let tries = 0; tries <= PORT_MAX - EPHEMERAL_PORT_FIRST; tries++) {
      const port = this.nextPort;
      this.nextPort = port === PORT_MAX ? EPHEMERAL_PORT_FIRST : port + 1;
      if (!this.ports.has(port)) return port;
    }
    throw new NetworkError("EADDRINUSE", `Host "${this.name}" has no free port`);
  }
}

/** The wires between some hosts, for faults: from each of `from` to each of `to`. */
export interface LinkSelection {
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** The other direction too; true unless said otherwise. */
  readonly bothWays?: boolean;
}

/** What {@linkcode SimulatedNetwork} is made of. */
export interface SimulatedNetworkOptions {
  readonly scheduler: SimulatedScheduler;
  readonly prng: Prng;
  readonly faults?: Partial<NetworkFaults>;
}

/** All hosts and the wires between them. */
export class SimulatedNetwork {
  /** How the network behaves; may be changed at any time. */
  readonly faults: NetworkFaults;
  /** How many files and connections each process may have open, as those are told who listen. */
  openFilesMax: number | null = null;
  readonly #scheduler: SimulatedScheduler;
  readonly #prng: Prng;
  readonly #hosts = new Map<string, Host>();
  readonly #links = new Map<string, SimulatedLink>();
  /** The dialing side of every connection. */
  readonly #connections = new Map<SimulatedStream, SimulatedStream>();

  /** Creates a network without hosts. */
  constructor(options: SimulatedNetworkOptions) {
    this.#scheduler = options.scheduler;
    this.#prng = options.prng;
    this.faults = { ...calmNetwork(), ...options.faults };
  }

  /** Puts a process on the host of that name, which is up from now on, and gives it its network. */
  attach(hostName: string, owner: SimulatedProcess): Network {
    assert(
      !LOOPBACKS.has(hostName) && !WILDCARDS.has(hostName),
      () => `host "${hostName}" has a name`,
    );
    const host = this.#hosts.get(hostName) ?? new Host(hostName);
    this.#hosts.set(hostName, host);
    host.up = true;
    owner.onCrash((kind) => {
      for (const [port, open] of host.ports) {
        if (open.owner === owner) host.ports.delete(port);
      }
      if (kind === "power_loss") host.up = false;
      for (const side of this.#liveConnections().flat()) {
        if (side.owner === owner) side.crash(kind);
      }
    });
    return {
      listen: (options) => this.#listen({ host, owner, options }),
      connect: (options) => this.#connect({ host, owner, options }),
    };
  }

  /** The wire from one host to another, for faults on it alone. */
  link(from: string, to: string): SimulatedLink {
    const name = `${from} ${to}`;
    const known = this.#links.get(name);
    if (known !== undefined) return known;
    const link = new SimulatedLink({
      scheduler: this.#scheduler,
      prng: this.#prng,
      faults: this.faults,
      loopback: from === to,
    });
    this.#links.set(name, link);
    return link;
  }

  /** Cuts wires: bytes are held, dials time out. */
  cut(selection: LinkSelection): void {
    for (const link of this.#select(selection)) link.cut();
  }

  /** Mends wires: held bytes arrive. */
  mend(selection: LinkSelection): void {
    for (const link of this.#select(selection)) link.mend();
  }

  /** Mends every wire. */
  mendAll(): void {
    for (const link of this.#links.values()) link.mend();
  }

  /**
   * Resets the connections between two hosts, or all of a host, or all. Bytes on their way are
   * lost. With `halfOpen` only one side learns of it, the other when it writes.
   */
  reset(options: { hosts?: readonly string[]; halfOpen?: boolean } = {}): number {
    let count = 0;
    for (const [dialed, accepted] of this.#liveConnections()) {
      const ends = [dialed.hostName, accepted.hostName];
      if (options.hosts?.every((host) => ends.includes(host)) === false) continue;
      const silent = options.halfOpen === true ? this.#prng.pick([dialed, accepted]) : null;
      for (const side of [dialed, accepted]) {
        side.sever(side === silent ? null : drawLatencyMs(this.#prng, this.faults.latency));
      }
      count++;
    }
    return count;
  }

  /** How many connections at least one side believes in. */
  get connectionCount(): number {
    return this.#liveConnections().length;
  }

  #liveConnections(): [SimulatedStream, SimulatedStream][] {
    for (const [dialed, accepted] of this.#connections) {
      if (dialed.isClosed && accepted.isClosed) this.#connections.delete(dialed);
    }
    return [...this.#connections];
  }

  #select(selection: LinkSelection): SimulatedLink[] {
    const links: SimulatedLink[] = [];
    for (const from of selection.from) {
      for (const to of selection.to) {
        if (from === to) continue;
        links.push(this.link(from, to));
        if (selection.bothWays !== false) links.push(this.link(to, from));
      }
    }
    return links;
  }

  #listen(
    call: { host: Host; owner: SimulatedProcess; options: ListenOptions },
  ): Promise<Listener> {
    const { host, owner, options } = call;
    return new Promise((resolve, reject) => {
      const fail = (code: string) => {
        const message = `Cannot listen on "${options.host}:${options.port}": ${code}`;
        reject(new NetworkError(code, message));
      };
      owner.schedule(() => {
        const name = options.host;
        const local = WILDCARDS.has(name) || LOOPBACKS.has(name) || name === host.name;
        if (!local) return fail("EADDRNOTAVAIL");
        if (host.ports.has(options.port)) return fail("EADDRINUSE");
        const port = options.port === 0 ? host.freePort() : options.port;
        const open: OpenPort = { owner, options };
        host.ports.set(port, open);
        const close = () => this.#closeListener({ host, port, open });
        resolve({ port, openFilesMax: this.openFilesMax, close });
      }, 0);
    });
  }

  #closeListener(listener: { host: Host; port: number; open: OpenPort }): Promise<void> {
    const { host, port, open } = listener;
    return new Promise((resolve) => {
      if (!open.owner.alive) return;
      if (host.ports.get(port) === open) host.ports.delete(port);
      open.owner.schedule(() => resolve(), 0);
    });
  }

  /** Dials: SYN goes out, and SYN-ACK or a refusal comes back, or nothing in time. */
  #connect(
    call: { host: Host; owner: SimulatedProcess; options: ConnectOptions },
  ): Promise<ByteStream> {
    const { host, owner, options } = call;
    assert(options.timeoutMs > 0, () => `timeoutMs ${options.timeoutMs} is positive`);
    return new Promise((resolve, reject) => {
      if (!owner.alive) return;
      let settled = false;
      let opened: SimulatedStream | null = null;
      const settle = (outcome: SimulatedStream | string) => {
        if (settled) return;
        settled = true;
        owner.cancel(timeout);
        if (typeof outcome !== "string") return owner.deliver(() => resolve(outcome));
        opened?.destroy();
        const message = `Cannot connect to "${options.host}:${options.port}": ${outcome}`;
        owner.deliver(() => reject(new NetworkError(outcome, message)));
      };
      const timeout = owner.schedule(() => settle("ETIMEDOUT"), options.timeoutMs);
      const target = LOOPBACKS.has(options.host) ? host : this.#hosts.get(options.host);
      if (target === undefined) {
        owner.schedule(() => settle("ENOTFOUND"), 0);
        return;
      }
      const synArrives = () => {
        if (settled || !owner.alive || !target.up) return;
        const answer = this.#accept({ host, owner, options, target });
        if (typeof answer !== "string") opened = answer;
        const back = this.link(target.name, host.name);
        back.send({ arrive: () => settle(answer), hold: () => true });
      };
      this.link(host.name, target.name).send({ arrive: synArrives, hold: () => true });
    });
  }

  /** SYN arrived: makes the connection and tells the listener, or refuses. */
  #accept(
    dial: { host: Host; owner: SimulatedProcess; options: ConnectOptions; target: Host },
  ): SimulatedStream | string {
    const { host, owner, options, target } = dial;
    const open = target.ports.get(options.port);
    if (open === undefined) return "ECONNREFUSED";
    // Two sides that do not agree on encryption never get through their handshake.
    if (open.options.tls?.ca !== options.tls?.ca) return "ECONNRESET";
    const shared = { scheduler: this.#scheduler, prng: this.#prng, faults: this.faults };
    const dialed = new SimulatedStream({
      ...shared,
      owner,
      host,
      link: this.link(host.name, target.name),
      remoteAddress: `${target.name}:${options.port}`,
      remoteHost: target.name,
    });
    const accepted = new SimulatedStream({
      ...shared,
      owner: open.owner,
      host: target,
      link: this.link(target.name, host.name),
      remoteAddress: `${host.name}:${host.freePort()}`,
      remoteHost: host.name,
    });
    pairStreams(dialed, accepted);
    this.#connections.set(dialed, accepted);
    open.owner.deliver(() => open.options.onConnection(accepted));
    return dialed;
  }
}
