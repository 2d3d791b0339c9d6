/**
 * The pages of `raft start --http`. Without the flag nothing is loaded and nobody listens.
 *
 * @module
 */
import { formatAddress, parseAddress } from "../config/address.ts";
import type { NodeReadings } from "../observability/node_readings.ts";
import type { Logger } from "../observability/logger.ts";
import type { HostProcess } from "../runtime/process.ts";
import type { Address } from "../types.ts";

/** The pages of a node, which may have to start yet. */
export interface HttpPages {
  /** Where they are; null for nowhere. */
  readonly address: Address | null;
  /** From now on they show this node. */
  shows(node: { readings(): NodeReadings }): void;
  /** Listens no more. */
  close(): Promise<void>;
}

const nowhere: HttpPages = { address: null, shows: () => {}, close: () => Promise.resolve() };

/**
 * Listens for requests of the pages, where it is told to.
 *
 * @throws {NetworkError} If the address cannot be listened on.
 */
export async function openHttpPages(
  host: HostProcess,
  { listen, logger }: { readonly listen: Address | undefined; readonly logger: Logger },
): Promise<HttpPages> {
  if (listen === undefined) return nowhere;
  const { NodePages } = await import("../observability/node_pages.ts");
  let node: { readings(): NodeReadings } | null = null;
  const pages = new NodePages({
    readings: () => node?.readings() ?? null,
    usage: () => host.usage(),
  });
  const wanted = parseAddress(listen);
  const server = await host.listenHttp({ ...wanted, answer: (path) => pages.answer(path) });
  const address = formatAddress({ ...wanted, port: server.port });
  logger.info("Answers /metrics, /health and /status", { http: address });
  return {
    address,
    shows: (started) => node = started,
    close: () => server.close(),
  };
}
