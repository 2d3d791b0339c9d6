/**
 * A TCP proxy that keeps what passes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, createServer, type Server, type Socket } from "node:net";

/** One connection that was dialed through the proxy. */
export interface RecordedConnection {
  /** What the dialer sent, and what the listener answered. */
  readonly sent: Buffer[];
  readonly answered: Buffer[];
}

/** Stands in front of a node. */
export class RecordingProxy {
  readonly connections: RecordedConnection[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  /** Creates a proxy for `targetPort`. */
  constructor(targetPort: number) {
    this.#server = createServer((dialer) => this.#accept(dialer, targetPort));
  }

  /** Listens on a port of this machine. */
  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host: "127.0.0.1", port }, resolve);
    });
  }

  /** Ends everything. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(dialer: Socket, targetPort: number): void {
    const target = connect({ host: "127.0.0.1", port: targetPort });
    const recorded: RecordedConnection = { sent: [], answered: [] };
    this.connections.push(recorded);
    this.#forward({ from: dialer, to: target, record: recorded.sent });
    this.#forward({ from: target, to: dialer, record: recorded.answered });
  }

  #forward({ from, to, record }: { from: Socket; to: Socket; record: Buffer[] }): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (chunk: Buffer) => {
      record.push(Buffer.from(chunk));
      to.write(chunk);
    });
    from.on("error", () => {});
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
