import { createServer } from "node:net";
import process from "node:process";

/**
 * Below the ports that the kernel gives to outgoing connections: the port of a node that is down
 * for a moment must not be taken by a peer that dials.
 */
const PORT_FIRST = 20_000;
const PORTS_A_BLOCK = 100;
const BLOCKS = 120;

/** Every test process begins in a block of its own: the gate gives each file another number. */
const block = Number(process.env["TEST_PORT_BLOCK"] ?? process.pid) % BLOCKS;
let nextPort = PORT_FIRST + block * PORTS_A_BLOCK;

/** Whether nobody listens on the port. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port }, () => server.close(() => resolve(true)));
  });
}

/**
 * Ports on 127.0.0.1 that nobody listens on. None is given twice by one process, and processes that
 * run at the same time look in different places.
 *
 * @param count How many.
 */
export async function findFreePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = nextPort;
    nextPort += 1;
    if (nextPort >= PORT_FIRST + BLOCKS * PORTS_A_BLOCK) nextPort = PORT_FIRST;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}
