/**
 * A network between the nodes that can be cut: every node is reached by a proxy, which knows by the
 * first message of a connection who dials.
 *
 * @module
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { FrameDecoder } from "../../../src/wire/frame.ts";
import { decodeHelloFrame } from "../../../src/wire/hello_codec.ts";

/** A node behind a proxy. */
export interface ProxyTarget {
  readonly id: number;
  /** The port of the proxy. */
  readonly proxyPort: number;
  /** The port that the node listens on. */
  readonly port: number;
}

/** One connection by a proxy. */
class ProxiedConnection {
  readonly #dialer: Socket;
  readonly #target: ProxyTarget;
  /** Cuts the first message from what arrives, for it names the dialer. */
  readonly #decoder = new FrameDecoder();
  readonly #arrived: Uint8Array[] = [];
  /** 0 for a client; null before it has said who it is. */
  #dialerId: number | null = null;
  #node: Socket | null = null;

  constructor(dialer: Socket, target: ProxyTarget) {
    this.#dialer = dialer;
    this.#target = target;
    dialer.on("error", () => this.destroy());
    dialer.on("close", () => this.destroy());
  }

  /** Waits for the first message, then forwards unless `isHeld` says otherwise. */
  start(isHeld: (connection: ProxiedConnection) => boolean): void {
    this.#dialer.on("data", (chunk: Uint8Array) => {
      if (this.#node !== null) {
        this.#node.write(chunk);
        return;
      }
      this.#arrived.push(chunk);
      if (this.#dialerId !== null) return;
      this.#decoder.push(chunk);
      const frame = this.#decoder.next();
      if (frame === null) return;
      this.#dialerId = decodeHelloFrame(frame).nodeId;
      if (!isHeld(this)) this.#forward();
    });
  }

  /** Whether the node with this id is at either end. */
  isOf(id: number): boolean {
    return this.#dialerId === id || this.#target.id === id;
  }

  /** Delivers nothing more, in both directions; what is sent meanwhile arrives later. */
  hold(): void {
    this.#dialer.pause();
    this.#node?.pause();
  }

  /** Delivers again. */
  release(): void {
    this.#dialer.resume();
    if (this.#node !== null) this.#node.resume();
    else if (this.#dialerId !== null) this.#forward();
  }

  /** Ends both sides. */
  destroy(): void {
    this.#dialer.destroy();
    this.#node?.destroy();
  }

  #forward(): void {
    const node = connect({ host: "127.0.0.1", port: this.#target.port });
    this.#node = node;
    node.on("data", (chunk: Uint8Array) => this.#dialer.write(chunk));
    node.on("error", () => this.destroy());
    node.on("close", () => this.destroy());
    for (const chunk of this.#arrived.splice(0)) node.write(chunk);
  }
}

/** A proxy for every node. */
export class PeerProxies {
  readonly #servers: Server[] = [];
  readonly #connections = new Set<ProxiedConnection>();
  #isolatedId: number | null = null;

  /** Starts to listen; nobody is cut off. */
  static async start(targets: readonly ProxyTarget[]): Promise<PeerProxies> {
    const proxies = new PeerProxies();
    await Promise.all(targets.map((target) => proxies.#listen(target)));
    return proxies;
  }

  /**
   * Cuts a node off from everybody who reaches it, or is reached by it, by a proxy. A client still
   * reaches it at the address that it listens on.
   */
  isolate(id: number): void {
    this.#isolatedId = id;
    for (const connection of this.#connections) if (connection.isOf(id)) connection.hold();
  }

  /** Ends the isolation. */
  heal(): void {
    this.#isolatedId = null;
    for (const connection of this.#connections) connection.release();
  }

  /** Ends every connection and listens no more. */
  close(): void {
    for (const server of this.#servers) server.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #listen(target: ProxyTarget): Promise<void> {
    const server = createServer((socket) => {
      const connection = new ProxiedConnection(socket, target);
      this.#connections.add(connection);
      socket.once("close", () => this.#connections.delete(connection));
      connection.start((greeted) => this.#isolatedId !== null && greeted.isOf(this.#isolatedId));
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: "127.0.0.1", port: target.proxyPort }, resolve);
    });
  }
}
