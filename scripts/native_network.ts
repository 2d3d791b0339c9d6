/**
 * TCP by the native calls of Deno and Bun, as far as measure_network.ts needs it: what node:net is
 * measured against, not a runtime adapter.
 *
 * @module
 */
import type {
  ByteStream,
  ByteStreamHandler,
  ConnectOptions,
  Listener,
  ListenOptions,
  Network,
} from "../src/runtime/runtime.ts";

/** A runtime with TCP calls of its own. */
export type NativeKind = "deno" | "bun";

/** The native TCP of the runtime at hand. */
export function nativeNetwork(kind: NativeKind): Network {
  return kind === "deno" ? new DenoNetwork() : new BunNetwork();
}

interface DenoConnection {
  read(target: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  setNoDelay(on: boolean): void;
  close(): void;
}

interface DenoListener extends AsyncIterable<DenoConnection> {
  readonly addr: { readonly port: number };
  close(): void;
}

interface DenoCalls {
  listen(options: { hostname: string; port: number }): DenoListener;
  connect(options: { hostname: string; port: number }): Promise<DenoConnection>;
}

const READ_BYTES = 64 * 1024;

function deno(): DenoCalls {
  return (globalThis as unknown as { Deno: DenoCalls }).Deno;
}

class DenoNetwork implements Network {
  listen({ host, port, onConnection }: ListenOptions): Promise<Listener> {
    const listener = deno().listen({ hostname: host, port });
    void (async () => {
      for await (const connection of listener) onConnection(new DenoStream(connection));
    })();
    const close = async () => listener.close();
    return Promise.resolve({ port: listener.addr.port, openFilesMax: null, close });
  }

  async connect({ host, port }: ConnectOptions): Promise<ByteStream> {
    return new DenoStream(await deno().connect({ hostname: host, port }));
  }
}

class DenoStream implements ByteStream {
  readonly remoteAddress = "";
  writeBufferedBytes = 0;
  readonly #connection: DenoConnection;
  #queue: Uint8Array[] = [];
  #writing = false;

  constructor(connection: DenoConnection) {
    this.#connection = connection;
    connection.setNoDelay(true);
  }

  start(handler: ByteStreamHandler): void {
    void this.#read(handler);
  }

  async #read(handler: ByteStreamHandler): Promise<void> {
    try {
      // A read buffer that lives on, and a copy for the receiver: faster than a new one each time.
      const buffer = new Uint8Array(READ_BYTES);
      while (true) {
        const count = await this.#connection.read(buffer);
        if (count === null) break;
        handler.data(buffer.slice(0, count));
      }
      handler.closed(null);
    } catch (error) {
      handler.closed(error as Error);
    }
  }

  write(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    if (!this.#writing) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    try {
      for (let bytes = this.#queue.shift(); bytes !== undefined; bytes = this.#queue.shift()) {
        for (let sent = 0; sent < bytes.length;) {
          sent += await this.#connection.write(bytes.subarray(sent));
        }
      }
    } catch {
      // The other side is gone: reading says so.
    }
    this.#writing = false;
  }

  pause(): void {}
  resume(): void {}

  close(): void {
    this.#connection.close();
  }

  destroy(): void {
    this.#connection.close();
  }
}

interface BunSocket {
  data: BunStream;
  write(bytes: Uint8Array): number;
  setNoDelay(on: boolean): void;
  end(): void;
}

interface BunHandler {
  open(socket: BunSocket): void;
  data(socket: BunSocket, chunk: Uint8Array): void;
  drain(socket: BunSocket): void;
  close(socket: BunSocket): void;
  error(socket: BunSocket, error: Error): void;
}

interface BunCalls {
  listen(
    options: { hostname: string; port: number; socket: BunHandler },
  ): { readonly port: number; stop(): void };
  connect(options: { hostname: string; port: number; socket: BunHandler }): Promise<BunSocket>;
}

function bun(): BunCalls {
  return (globalThis as unknown as { Bun: BunCalls }).Bun;
}

/** One set of callbacks for all sockets, as Bun recommends. */
function bunHandler(onOpen: (stream: BunStream) => void): BunHandler {
  return {
    open(socket) {
      socket.setNoDelay(true);
      socket.data = new BunStream(socket);
      onOpen(socket.data);
    },
    data: (socket, chunk) => socket.data.handler?.data(chunk),
    drain: (socket) => socket.data.drain(),
    close: (socket) => socket.data.handler?.closed(null),
    error: (socket, error) => socket.data.handler?.closed(error),
  };
}

class BunNetwork implements Network {
  listen({ host, port, onConnection }: ListenOptions): Promise<Listener> {
    const socket = bunHandler(onConnection);
    const listener = bun().listen({ hostname: host, port, socket });
    const close = async () => listener.stop();
    return Promise.resolve({ port: listener.port, openFilesMax: null, close });
  }

  async connect({ host, port }: ConnectOptions): Promise<ByteStream> {
    const socket = await bun().connect({ hostname: host, port, socket: bunHandler(() => {}) });
    return socket.data;
  }
}

class BunStream implements ByteStream {
  readonly remoteAddress = "";
  writeBufferedBytes = 0;
  handler: ByteStreamHandler | null = null;
  readonly #socket: BunSocket;
  #queue: Uint8Array[] = [];

  constructor(socket: BunSocket) {
    this.#socket = socket;
  }

  start(handler: ByteStreamHandler): void {
    this.handler = handler;
  }

  write(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    if (this.#queue.length === 1) this.drain();
  }

  drain(): void {
    for (let bytes = this.#queue[0]; bytes !== undefined; bytes = this.#queue[0]) {
      const sent = Math.max(0, this.#socket.write(bytes));
      if (sent < bytes.length) {
        this.#queue[0] = bytes.subarray(sent);
        return;
      }
      this.#queue.shift();
    }
  }

  pause(): void {}
  resume(): void {}

  close(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.end();
  }
}
