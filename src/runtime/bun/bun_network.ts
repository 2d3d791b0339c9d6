/**
 * TCP on Bun: Bun's own listener, which costs 10 to 25 % less processor time a message than
 * node:net, as scripts/measure_network.ts shows; and node:net for dialling, where it makes no
 * difference and where, unlike with Bun's own call, a dial that takes too long can be given up.
 *
 * @module
 */
import type { ByteStream, ConnectOptions, Listener, ListenOptions, Network } from "../runtime.ts";
import { SocketNetwork } from "../shared/socket_network.ts";
import { openFilesMax } from "../shared/open_files.ts";
import { formatAddress } from "../shared/socket_stream.ts";
import { networkError } from "../shared/system_error.ts";
import { bunNamespace } from "./bun_namespace.ts";
import { BunStream } from "./bun_stream.ts";

/** The network of this machine, seen from Bun. */
export class BunNetwork implements Network {
  readonly #sockets = new SocketNetwork();

  /** Listens; with TLS by node:tls. */
  async listen(options: ListenOptions): Promise<Listener> {
    const { host, port, tls, onConnection } = options;
    if (tls !== undefined) return this.#sockets.listen(options);
    const filesMax = await openFilesMax();
    try {
      const listener = bunNamespace().listen({
        hostname: host,
        port,
        exclusive: true,
        allowHalfOpen: true,
        socket: BunStream.socketHandler(onConnection),
      });
      const close = async () => listener.stop();
      return { port: listener.port, openFilesMax: filesMax, close };
    } catch (error) {
      throw networkError(`Cannot listen on "${formatAddress(host, port)}"`, error);
    }
  }

  /** Dials. */
  connect(options: ConnectOptions): Promise<ByteStream> {
    return this.#sockets.connect(options);
  }
}
