/** The HTTP server of the pages: what it answers, and what it does not put up with. */
import assert from "node:assert/strict";
import * as net from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { HTTP_CONNECTIONS_MAX, HTTP_REQUEST_BYTES_MAX } from "../../src/limits.ts";
import type { HttpServer } from "../../src/runtime/http.ts";
import { NetworkError } from "../../src/runtime/runtime.ts";
import { listenHttp } from "../../src/runtime/shared/system_http.ts";

const HOST = "127.0.0.1";

/** A connection that has sent `text`, and everything that comes until it is closed. */
function talk(port: number, text: string): { socket: net.Socket; ended: Promise<string> } {
  const socket = net.connect({ host: HOST, port });
  let received = "";
  const ended = new Promise<string>((resolve) => {
    socket.on("error", () => {});
    socket.on("close", () => resolve(received));
  });
  socket.on("data", (chunk) => received += chunk.toString());
  socket.on("connect", () => socket.write(text));
  return { socket, ended };
}

describe("listenHttp", () => {
  let server: HttpServer;
  const paths: string[] = [];

  beforeEach(async () => {
    paths.length = 0;
    server = await listenHttp({
      host: HOST,
      port: 0,
      answer: (path) => {
        paths.push(path);
        if (path === "/broken") return Promise.reject(new Error("it broke"));
        return Promise.resolve({ status: 200, contentType: "text/plain", body: `page ${path} ü` });
      },
    });
  });

  afterEach(() => server.close());

  function ask(head: string): Promise<string> {
    return talk(server.port, `${head}\r\nHost: a\r\nConnection: close\r\n\r\n`).ended;
  }

  it("answers a GET of a path without its query", async () => {
    const answer = await ask("GET /health?verbose=1 HTTP/1.1");
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /content-type: text\/plain\r\n/i);
    assert.match(answer, /cache-control: no-store\r\n/i);
    assert.ok(answer.endsWith("page /health ü"), answer);
    assert.deepEqual(paths, ["/health"]);
  });

  it("answers nothing but a GET", async () => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const answer = await ask(`${method} /health HTTP/1.1`);
      assert.match(answer, /^HTTP\/1\.1 405 /, method);
      assert.match(answer, /allow: GET\r\n/i);
    }
    assert.deepEqual(paths, []);
  });

  it("says what went wrong where a page fails, and goes on", async () => {
    assert.match(
      await ask("GET /broken HTTP/1.1"),
      /^HTTP\/1\.1 500 [^]*Cannot answer: it broke\n$/,
    );
    assert.match(await ask("GET / HTTP/1.1"), /^HTTP\/1\.1 200 /);
  });

  it("refuses what is too long or no HTTP, and closes", async () => {
    const long = "x".repeat(2 * HTTP_REQUEST_BYTES_MAX);
    const { ended } = talk(server.port, `GET / HTTP/1.1\r\nX: ${long}`);
    assert.match(await ended, /^HTTP\/1\.1 431 /);
    assert.match(
      await talk(server.port, "\0\0\0\0rubbish\r\n\r\n").ended,
      /^(?:HTTP\/1\.1 400 |$)/,
    );
    assert.deepEqual(paths, []);
  });

  it("takes so many connections and no more, and lets go of all when it closes", async () => {
    const held = [];
    for (let i = 0; i < HTTP_CONNECTIONS_MAX; i += 1) {
      const one = talk(server.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      held.push(one);
      await new Promise((resolve) => one.socket.once("data", resolve));
    }
    assert.equal(await ask("GET / HTTP/1.1"), "", "one too many");
    await server.close();
    for (const { ended } of held) assert.match(await ended, /page \/ ü$/);
    server = await listenHttp({
      host: HOST,
      port: server.port,
      answer: () => Promise.reject(new Error("nobody asks")),
    });
  });

  it("rejects where the port is taken, with the address", async () => {
    const answer = () => Promise.reject(new Error("nobody asks"));
    await assert.rejects(listenHttp({ host: HOST, port: server.port, answer }), (error) => {
      assert.ok(error instanceof NetworkError);
      assert.equal(error.code, "EADDRINUSE");
      assert.match(error.message, new RegExp(`Cannot listen on "127.0.0.1:${server.port}"`));
      return true;
    });
  });
});
