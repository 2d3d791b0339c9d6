/**
 * A network that is slow: what a node sends to another arrives later, in order.
 *
 * @module
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { FrameDecoder } from "../../src/wire/frame.ts";
import { decodeHelloFrame } from "../../src/wire/hello_codec.ts";

/** Whether the first message of a connection names a node, not a client; null for "not yet". */
class Greeting {
  readonly #decoder = new FrameDecoder();
  isNode: boolean | null = null;

  read(chunk: Uint8Array): void {
    if (this.isNode !== null) return;
    this.#decoder.push(chunk);
    const frame = this.#decoder.next();
    if (frame !== null) this.isNode = decodeHelloFrame(frame).nodeId !== 0;
  }
}

/** Passes on what a dialer says, later where it is a node. */
function forwardLate(dialer: Socket, node: Socket, delayMs: number): void {
  const greeting = new Greeting();
  dialer.on("data", (chunk: Uint8Array) => {
    greeting.read(chunk);
    if (greeting.isNode === true) setTimeout(() => node.write(chunk), delayMs);
    else node.write(chunk);
  });
}

/**
 * Listens on `port` and passes connections on to `target`. Only what a node that dials says is
 * late: each node says what it has to say on the connection that it dialed, so every message from
 * node to node is late once, and clients are not.
 */
export class DelayProxy {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Starts to listen on loopback. */
  static start(
    { port, target, delayMs }: {
      readonly port: number;
      readonly target: number;
      readonly delayMs: number;
    },
  ): Promise<DelayProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new DelayProxy(server);
    server.on("connection", (dialer) => {
      const node = connect({ host: "127.0.0.1", port: target, noDelay: true });
      forwardLate(dialer, node, delayMs);
      node.on("data", (chunk: Uint8Array) => dialer.write(chunk));
      proxy.#join(dialer, node);
      proxy.#join(node, dialer);
    });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: "127.0.0.1", port }, () => resolve(proxy));
    });
  }

  /** Ends the other side with this one. */
  #join(socket: Socket, other: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => other.destroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      other.destroy();
    });
  }

  /** Ends every connection and listens no more. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
