import { formatAddress } from "../../config/address.ts";
import { NetworkError, type Runtime } from "../../runtime/runtime.ts";
import type { Address } from "../../types.ts";

const HOST = "127.0.0.1";
const BASE_PORT = 7238;
const PORT_STEP = 10;

/** Listens for a moment; the port that was used, or null where it is taken. */
async function tryPort(runtime: Runtime, port: number): Promise<number | null> {
  try {
    const listener = await runtime.network.listen({
      host: HOST,
      port,
      onConnection: (stream) => {
        stream.start({ data: () => {}, closed: () => {} });
        stream.destroy();
      },
    });
    const used = listener.port;
    await listener.close();
    return used;
  } catch (error) {
    if (error instanceof NetworkError) return null;
    throw error;
  }
}

/**
 * Addresses on this machine that nobody listens on: 7238, 7248 and so on, or any free ports where
 * one of those is taken.
 *
 * @param runtime Where to try them.
 * @param count How many.
 */
export async function findFreeAddresses(runtime: Runtime, count: number): Promise<Address[]> {
  const addresses: Address[] = [];
  for (let position = 0; position < count; position += 1) {
    const port = await tryPort(runtime, BASE_PORT + position * PORT_STEP) ??
      await tryPort(runtime, 0);
    if (port === null) throw new NetworkError("EADDRINUSE", "Cannot find a free port");
    addresses.push(formatAddress({ host: HOST, port }));
  }
  return addresses;
}
