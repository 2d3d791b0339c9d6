/**
 * A connection to a node on which a test says whatever it likes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { ByteBuilder } from "../../src/wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../../src/wire/client_codec.ts";
import type { ClientMessage } from "../../src/wire/client_messages.ts";
import { FrameDecoder } from "../../src/wire/frame.ts";
import type { Hello, HelloReply } from "../../src/wire/hello.ts";

/** What a client says that knows nothing of the cluster. */
export const clientHello: Hello = {
  protocolMin: 1,
  protocolMax: 1,
  role: "client",
  clusterId: "",
  clusterName: "",
  nodeId: 0,
  instanceId: "",
  address: "",
  targetNodeId: 0,
  configurationIndex: 0,
};

/** A message of a client as bytes. */
export function clientBytes(message: ClientMessage): Uint8Array {
  const builder = new ByteBuilder();
  writeClientMessage(builder, message);
  return builder.take();
}

/** A hello as bytes, of a peer or a client: the two look the same. */
export function helloBytes(hello: Hello): Uint8Array {
  return clientBytes({ type: "hello", hello });
}

/** A raw connection. */
export class HostileConnection {
  /** `HOST:PORT` of this end, as the node's log names it. */
  readonly localAddress: string;
  /** Resolves when the node has closed it. */
  readonly closed: Promise<void>;
  isClosed = false;
  readonly #socket: Socket;
  readonly #messages: ClientMessage[] = [];
  readonly #decoder = new FrameDecoder();
  #arrived: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.localAddress = `127.0.0.1:${socket.localPort}`;
    socket.on("data", (chunk) => this.#receive(chunk));
    // A reset is an end as good as another.
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.isClosed = true;
        this.#arrived();
        resolve();
      });
    });
  }

  /** Dials a node. */
  static open(address: string): Promise<HostileConnection> {
    const [host, port] = address.split(":");
    const socket = connect({ host: host!, port: Number(port) });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new HostileConnection(socket));
      });
    });
  }

  /** Sends bytes. */
  write(bytes: Uint8Array | string): void {
    this.#socket.write(bytes);
  }

  /** Ends what this side sends. */
  end(): void {
    this.#socket.end();
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** The next message of the node. */
  async nextMessage(): Promise<ClientMessage> {
    while (this.#messages.length === 0) {
      assert.ok(!this.isClosed, "the node closed the connection");
      await new Promise<void>((resolve) => this.#arrived = resolve);
    }
    return this.#messages.shift()!;
  }

  /** Says hello, and returns the answer. */
  async greet(hello: Hello): Promise<HelloReply> {
    this.write(helloBytes(hello));
    const message = await this.nextMessage();
    assert.equal(message.type, "helloReply");
    return (message as { readonly reply: HelloReply }).reply;
  }

  #receive(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
    for (let frame = this.#decoder.next(); frame !== null; frame = this.#decoder.next()) {
      this.#messages.push(decodeClientMessage(frame));
    }
    this.#arrived();
  }
}
