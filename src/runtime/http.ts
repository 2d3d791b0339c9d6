/**
 * A small HTTP server for pages that a node shows of itself, as an interface. This file imports
 * nothing.
 *
 * @module
 */

/** What is answered to a request. */
export interface HttpAnswer {
  readonly status: number;
  /** With its character set, such as `application/json; charset=utf-8`. */
  readonly contentType: string;
  readonly body: string;
}

/** How to listen for requests. */
export interface HttpServerOptions {
  readonly host: string;
  /** 0 chooses one. */
  readonly port: number;
  /** Answers a GET of this path, which comes without its query; anything else is refused. */
  readonly answer: (path: string) => Promise<HttpAnswer>;
}

/** A server that listens. It does not keep the process alive. */
export interface HttpServer {
  /** The port in use, also where 0 was asked for. */
  readonly port: number;
  /** Ends, with all its connections. */
  close(): Promise<void>;
}
