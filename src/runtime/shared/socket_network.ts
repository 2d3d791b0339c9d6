/**
 * TCP by node:net, and TLS by node:tls, for Node, Deno and Bun alike: measured against the native
 * calls of Deno and Bun by scripts/measure_network.ts.
 *
 * @module
 */
import * as net from "node:net";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import {
  type ByteStream,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type Network,
  NetworkError,
} from "../runtime.ts";
import { formatAddress, SocketStream } from "./socket_stream.ts";
import { openFilesMax } from "./open_files.ts";
import { networkError } from "./system_error.ts";
import { connectTls, createTlsServer } from "./tls.ts";

/** Connections that wait in the kernel to be accepted. */
const BACKLOG = 511;

/** The network of this machine. */
export class SocketNetwork implements Network {
  /** Listens; connections are given to `onConnection` with TCP_NODELAY on. */
  async listen(options: ListenOptions): Promise<Listener> {
    const filesMax = await openFilesMax();
    const { host, port, tls, onConnection } = options;
    const onSocket = (socket: net.Socket): void => {
      socket.setNoDelay(true);
      onConnection(new SocketStream(socket));
    };
    return await new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        reject(networkError(`Cannot listen on "${formatAddress(host, port)}"`, error));
      };
      try {
        const server = tls === undefined
          ? net.createServer(onSocket)
          : createTlsServer(tls, onSocket);
        // Later errors come from connections that cannot be accepted, as too many files are open.
        // Those end; the dialling side sees it, and listening goes on.
        server.on("error", fail);
        server.listen({ host, port, backlog: BACKLOG, exclusive: true }, () => {
          resolve(new SocketListener(server, filesMax));
        });
      } catch (error) {
        // A certificate or key that cannot be read, for one.
        fail(error);
      }
    });
  }

  /** Dials. */
  connect(options: ConnectOptions): Promise<ByteStream> {
    const { host, port, timeoutMs } = options;
    const what = `Cannot connect to "${formatAddress(host, port)}"`;
    return new Promise((resolve, reject) => {
      let socket: net.Socket;
      try {
        socket = dial(options);
      } catch (error) {
        reject(networkError(what, error));
        return;
      }
      const timer = setTimeout(() => {
        reject(new NetworkError("ETIMEDOUT", `${what}: no answer within ${timeoutMs} ms`));
        socket.destroy();
      }, timeoutMs);
      // Stays, as a socket without it throws what follows a failure; a promise is settled once.
      socket.on("error", (error) => {
        clearTimeout(timer);
        reject(networkError(what, error));
      });
      socket.once("close", () => {
        clearTimeout(timer);
        reject(new NetworkError("ECONNRESET", `${what}: the other side closed (ECONNRESET)`));
      });
      socket.once(options.tls === undefined ? "connect" : "secureConnect", () => {
        clearTimeout(timer);
        if (socket.destroyed) return;
        socket.setNoDelay(true);
        resolve(new SocketStream(socket));
      });
    });
  }
}

/** Starts to dial. */
function dial({ tls, ...options }: ConnectOptions): net.Socket {
  if (tls !== undefined) return connectTls({ ...options, tls });
  return net.connect({ host: options.host, port: options.port, noDelay: true });
}

/** A listening socket. */
class SocketListener implements Listener {
  readonly port: number;
  readonly openFilesMax: number | null;
  readonly #server: net.Server;

  constructor(server: net.Server, openFilesMax: number | null) {
    this.#server = server;
    this.openFilesMax = openFilesMax;
    const address = server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
  }

  close(): Promise<void> {
    // The server's own "close" event waits for every connection to end, which ours need not.
    this.#server.close();
    return new Promise((resolve) => setImmediate(resolve));
  }
}
