/**
 * HTTP by node:http, which Node, Deno and Bun share. Everything is bounded: connections, the bytes
 * of a request, the time that it may take.
 *
 * @module
 */
import * as http from "node:http";
import { HTTP_CONNECTIONS_MAX, HTTP_REQUEST_BYTES_MAX, HTTP_REQUEST_MS_MAX } from "../../limits.ts";
import type { HttpAnswer, HttpServer, HttpServerOptions } from "../http.ts";
import { formatAddress } from "./socket_stream.ts";
import { networkError } from "./system_error.ts";

const TEXT = "text/plain; charset=utf-8";

/** How often connections are looked at that take too long, in milliseconds. */
const CHECK_MS = 1_000;

/**
 * Listens.
 *
 * @throws {NetworkError} If the address cannot be listened on.
 */
export function listenHttp(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, answer } = options;
  const limits = {
    maxHeaderSize: HTTP_REQUEST_BYTES_MAX,
    headersTimeout: HTTP_REQUEST_MS_MAX,
    requestTimeout: HTTP_REQUEST_MS_MAX,
    connectionsCheckingInterval: CHECK_MS,
  };
  const server = http.createServer(limits, (request, response) => {
    respond(request, answer).then((given) => send(request, response, given), () => {
      response.destroy();
    });
  });
  server.maxConnections = HTTP_CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    // Later errors come from connections that cannot be accepted: those end, and this goes on.
    server.on("error", (error) => {
      reject(networkError(`Cannot listen on "${formatAddress(host, port)}"`, error));
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.unref();
      resolve(new SystemHttpServer(server));
    });
  });
}

async function respond(
  { method, url }: http.IncomingMessage,
  answer: HttpServerOptions["answer"],
): Promise<HttpAnswer> {
  if (method !== "GET") {
    return { status: 405, contentType: TEXT, body: "Cannot take this method: want GET\n" };
  }
  try {
    return await answer((url ?? "/").split("?", 1)[0]!);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { status: 500, contentType: TEXT, body: `Cannot answer: ${reason}\n` };
  }
}

function send(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  { status, contentType, body }: HttpAnswer,
): void {
  const { headers } = request;
  const hasBody = "content-length" in headers || "transfer-encoding" in headers;
  const bytes = new TextEncoder().encode(body);
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": bytes.length,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(status === 405 ? { allow: "GET" } : {}),
    // Nobody reads what else the client has to say.
    ...(hasBody || status === 405 ? { connection: "close" } : {}),
  });
  response.end(bytes);
}

class SystemHttpServer implements HttpServer {
  readonly port: number;
  readonly #server: http.Server;

  constructor(server: http.Server) {
    this.#server = server;
    const address = server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
