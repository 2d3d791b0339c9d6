/** The network's contract over mutual TLS, and who is kept out. */
import assert from "node:assert/strict";
import * as net from "node:net";
import { test } from "node:test";
import { detectRuntime } from "../../src/runtime/detect.ts";
import {
  type ByteStream,
  type Network,
  NetworkError,
  type TlsOptions,
} from "../../src/runtime/runtime.ts";
import { runtimeContract } from "../../src/testing/runtime_contract.ts";
import { createRealHarness, runningRuntime } from "./real_harness.ts";
import { hasOpenssl, makeCertificates } from "./test_certificates.ts";

const missing = hasOpenssl() ? undefined : "there is no openssl tool here to make certificates";
const skip = { skip: missing ?? false };

const NO_CERTIFICATE: TlsOptions = { ca: "", certificate: "", key: "" };
const [server = NO_CERTIFICATE, client = NO_CERTIFICATE] = missing === undefined
  ? makeCertificates(["server", "client"])
  : [];

/** `network` with TLS on every connection. */
function encrypted(network: Network): Network {
  return {
    listen: (options) => network.listen({ ...options, tls: server }),
    connect: (options) => network.connect({ ...options, tls: { ...client, serverName: "server" } }),
  };
}

runtimeContract({
  name: "TLS",
  networkOnly: true,
  transferBytes: 16 * 1024 * 1024,
  createHarness: async () => {
    const harness = await createRealHarness();
    const runtime = { ...harness.runtime, network: encrypted(harness.runtime.network) };
    return { ...harness, runtime };
  },
  knownGaps: runningRuntime !== "deno" ? {} : {
    "network holds the sender back while the receiver pauses":
      "a paused TLS socket of Deno goes on reading into memory",
  },
  ...missing === undefined ? {} : { skip: missing },
});

/** How a dial ended: `rejected`, or `ended` with what the stream told before. */
interface Outcome {
  readonly how: "rejected" | "ended";
  readonly error: unknown;
  readonly receivedBytes: number;
  /** Connections that the accepting side took for good. */
  readonly accepted: number;
}

/** Dials a TLS listener that greets everybody, and waits for the end. */
async function dial(listenTls: TlsOptions, connectTls: TlsOptions | undefined): Promise<Outcome> {
  const { network } = await detectRuntime();
  const host = "127.0.0.1";
  let accepted = 0;
  const listener = await network.listen({
    host,
    port: 0,
    tls: listenTls,
    onConnection: (stream) => {
      accepted += 1;
      stream.start({ data() {}, closed() {} });
      stream.write(new TextEncoder().encode("welcome"));
      stream.close();
    },
  });
  try {
    const tls = connectTls === undefined ? {} : { tls: connectTls };
    const { port } = listener;
    const stream = await network.connect({ host, port, timeoutMs: 10_000, ...tls });
    return { how: "ended", ...await endOf(stream), accepted };
  } catch (error) {
    return { how: "rejected", error, receivedBytes: 0, accepted };
  } finally {
    await listener.close();
  }
}

function endOf(stream: ByteStream): Promise<{ error: Error | null; receivedBytes: number }> {
  return new Promise((resolve) => {
    let receivedBytes = 0;
    stream.start({
      data: (chunk) => receivedBytes += chunk.length,
      closed: (error) => resolve({ error, receivedBytes }),
    });
    // Says something first, so that a listener that speaks another protocol has to decide.
    stream.write(new TextEncoder().encode("hello, this is no handshake at all"));
  });
}

test("tls lets a side with a certificate of the authority in", skip, async () => {
  const { how, error, receivedBytes, accepted } = await dial(server, client);
  assert.deepEqual({ how, error, receivedBytes, accepted }, {
    how: "ended",
    error: null,
    receivedBytes: 7,
    accepted: 1,
  });
});

test("tls keeps out a side whose certificate is of another authority", skip, async () => {
  const [stranger = NO_CERTIFICATE] = makeCertificates(["client"]);
  const outcome = await dial(server, { ...stranger, ca: server.ca });
  assert.equal(outcome.accepted, 0);
  assert.equal(outcome.receivedBytes, 0);
});

test("tls does not talk to a listener of another authority", skip, async () => {
  const [stranger = NO_CERTIFICATE] = makeCertificates(["server"]);
  const outcome = await dial({ ...stranger, ca: client.ca }, client);
  assert.equal(outcome.how, "rejected");
  assert.ok(outcome.error instanceof NetworkError, String(outcome.error));
  assert.match(outcome.error.message, /^Cannot connect to "127\.0\.0\.1:[0-9]+": /);
});

test("tls does not talk to a listener with another name than asked for", skip, async () => {
  const outcome = await dial(server, { ...client, serverName: "somebody-else" });
  assert.equal(outcome.how, "rejected");
  assert.ok(outcome.error instanceof NetworkError, String(outcome.error));
});

test("tls takes no connection without encryption", skip, async () => {
  const outcome = await dial(server, undefined);
  assert.equal(outcome.accepted, 0);
});

test("tls dialling a listener without it is refused, and the listener lives on", skip, async () => {
  const plain = net.createServer((socket) => {
    socket.on("error", () => {}).resume();
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  const { port } = plain.address() as net.AddressInfo;
  const { network } = await detectRuntime();
  const dialled = network.connect({ host: "127.0.0.1", port, timeoutMs: 10_000, tls: client });
  await assert.rejects(dialled, NetworkError);
  await new Promise((resolve) => plain.close(resolve));
});

test("tls rejects where key and certificate cannot be used", skip, async () => {
  const { network } = await detectRuntime();
  const host = "127.0.0.1";
  const unusable: readonly (readonly [TlsOptions, RegExp])[] = [
    [{ ...server, key: "no key" }, /the private key is not readable PEM/],
    [{ ...server, certificate: "none" }, /the certificate is not readable PEM/],
    [{ ...server, ca: "none" }, /the certificate authority is not readable PEM/],
    [{ ...server, key: client.key }, /the private key is not the certificate's/],
  ];
  for (const [tls, message] of unusable) {
    const expected = { name: "NetworkError", code: "ERR_TLS_OPTIONS", message };
    const listening = network.listen({ host, port: 0, tls, onConnection: () => {} });
    await assert.rejects(listening, expected);
    await assert.rejects(network.connect({ host, port: 1, timeoutMs: 1000, tls }), expected);
  }
});
