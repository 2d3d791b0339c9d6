/**
 * Encrypted connections by node:tls, which Node, Deno and Bun share. Both sides prove who they are:
 * a side without a certificate of the given authorities gets no connection.
 *
 * With TLS 1.3 the dialling side is done before the accepting one has judged its certificate: a
 * refused dial can resolve, and then end with an error before any byte arrives.
 *
 * On Deno 2.9 a paused TLS socket goes on reading into memory: `pause` holds nobody back there.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Server, Socket } from "node:net";
import * as tls from "node:tls";
import { HELLO_TIMEOUT_MS } from "../../limits.ts";
import type { ConnectOptions, TlsOptions } from "../runtime.ts";

const MIN_VERSION = "TLSv1.3";

/** What both sides tell node:tls. Throws where key and certificate cannot be used together. */
function commonOptions(
  options: TlsOptions,
): tls.CommonConnectionOptions & tls.SecureContextOptions {
  const { ca, certificate, key } = options;
  // Deno would find out during each handshake only, and keep it to itself.
  const privateKey = explain("private key", () => createPrivateKey(key));
  const own = explain("certificate", () => new X509Certificate(certificate));
  explain("certificate authority", () => new X509Certificate(ca));
  if (!own.checkPrivateKey(privateKey)) throw unusable("the private key is not the certificate's");
  return { ca, cert: certificate, key, minVersion: MIN_VERSION, rejectUnauthorized: true };
}

function explain<Result>(what: string, parse: () => Result): Result {
  try {
    return parse();
  } catch (cause) {
    throw unusable(`the ${what} is not readable PEM`, cause);
  }
}

function unusable(message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code: "ERR_TLS_OPTIONS" });
}

/** A server that gives `onSocket` the connections whose other side has proved who it is. */
export function createTlsServer(options: TlsOptions, onSocket: (socket: Socket) => void): Server {
  const server = tls.createServer({
    ...commonOptions(options),
    requestCert: true,
    handshakeTimeout: HELLO_TIMEOUT_MS,
  }, onSocket);
  // A failed handshake ends that connection; there is nobody to tell.
  server.on("tlsClientError", () => {});
  return server;
}

/** Dials; the socket's `secureConnect` says that the other side has proved who it is. */
export function connectTls(options: ConnectOptions & { readonly tls: TlsOptions }): Socket {
  const { host, port } = options;
  const { serverName } = options.tls;
  return tls.connect({
    ...commonOptions(options.tls),
    host,
    port,
    ...serverName === undefined ? {} : { servername: serverName },
  });
}
