/**
 * TCP by node:net, for Node, Deno and Bun alike: measured against the native calls of Deno and Bun
 * by scripts/measure_network.ts.
 *
 * @module
 */
import * as net from "node:net";
import { clearTimeout, setTimeout } from "node:timers";
import {
  type ByteStream,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type Network,
  NetworkError,
} from "../runtime.ts";
import { formatAddress, SocketStream } from "./socket_stream.ts";
import { networkError } from "./system_error.ts";

/** Connections that wait in the kernel to be accepted. */
const BACKLOG = 511;

/** The network of this machine. */
export class SocketNetwork implements Network {
  /** Listens; connections are given to `onConnection` with TCP_NODELAY on. */
  listen(options: ListenOptions): Promise<Listener> {
    const { host, port, onConnection } = options;
    const server = net.createServer((socket) => {
      socket.setNoDelay(true);
      onConnection(new SocketStream(socket));
    });
    return new Promise((resolve, reject) => {
      server.once("error", (error) => {
        reject(networkError(`Cannot listen on "${formatAddress(host, port)}"`, error));
      });
      server.listen({ host, port, backlog: BACKLOG, exclusive: true }, () => {
        // A connection that cannot be accepted, as too many files are open, ends there: the
        // dialling side sees it, and listening goes on.
        server.on("error", () => {});
        resolve(new SocketListener(server));
      });
    });
  }

  /** Dials. */
  connect(options: ConnectOptions): Promise<ByteStream> {
    const { host, port, timeoutMs } = options;
    const address = formatAddress(host, port);
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host, port, noDelay: true });
      const timer = setTimeout(() => {
        const message = `Cannot connect to "${address}": no answer within ${timeoutMs} ms`;
        reject(new NetworkError("ETIMEDOUT", message));
        socket.destroy();
      }, timeoutMs);
      const onError = (error: Error): void => {
        clearTimeout(timer);
        reject(networkError(`Cannot connect to "${address}"`, error));
      };
      socket.once("error", onError);
      socket.once("connect", () => {
        clearTimeout(timer);
        const stream = new SocketStream(socket);
        socket.off("error", onError);
        socket.setNoDelay(true);
        resolve(stream);
      });
    });
  }
}

/** A listening socket. */
class SocketListener implements Listener {
  readonly port: number;
  readonly #server: net.Server;

  constructor(server: net.Server) {
    this.#server = server;
    const address = server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
  }

  close(): Promise<void> {
    // The server's own "close" event waits for every connection to end, which ours need not.
    this.#server.close();
    return new Promise((resolve) => setImmediate(resolve));
  }
}
