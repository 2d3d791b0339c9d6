/**
 * What every {@linkcode Log} has to do, as tests: each sentence of the contract in log.ts has one.
 *
 * @module
 */
import { describe, it } from "node:test";
import { appendTests } from "./_log_append_contract.ts";
import { readTests } from "./_log_read_contract.ts";
import { truncationTests } from "./_log_truncation_contract.ts";
import type { LogWorld } from "./_log_world.ts";

export { type LogWorld, readRange, syncLog } from "./_log_world.ts";

/** The options of {@linkcode logContract}. */
export interface LogContractOptions {
  /** Starts the names of the tests. */
  readonly name: string;
  /** Makes a fresh world. */
  readonly createWorld: () => Promise<LogWorld>;
}

/** Registers the tests of the contract with `node:test`. */
export function logContract(options: LogContractOptions): void {
  describe(options.name, () => {
    for (const [name, body] of [...appendTests, ...readTests, ...truncationTests]) {
      it(name, async () => {
        const world = await options.createWorld();
        try {
          await world.run(() => body(world));
        } finally {
          await world.dispose();
        }
      });
    }
  });
}
