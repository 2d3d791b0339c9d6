/**
 * What every {@linkcode Runtime} has to do, as tests: the real ones on Node, Deno and Bun, and the
 * simulated one. The parts are in the files beside this one.
 *
 * @module
 */
import { describe, it } from "node:test";
import { clockContract } from "./_clock_contract.ts";
import { fileContract } from "./_file_contract.ts";
import { networkContract } from "./_network_contract.ts";
import { randomContract } from "./_random_contract.ts";
import { streamEndContract } from "./_stream_end_contract.ts";
import type { ContractTest, RuntimeContractOptions } from "./runtime_harness.ts";

export type { ContractTest, RuntimeContractOptions, RuntimeHarness } from "./runtime_harness.ts";

/** Registers the tests of the contract with `node:test`. */
export function runtimeContract(options: RuntimeContractOptions): void {
  const tests: readonly ContractTest[] = [
    ...networkContract,
    ...streamEndContract,
    ...options.networkOnly ? [] : [...fileContract, ...clockContract, ...randomContract],
  ];
  describe(`${options.name} runtime`, () => {
    for (const test of tests) {
      const skip = options.skip ?? options.knownGaps?.[test.name] ?? false;
      it(test.name, { skip }, () => runTest(test, options));
    }
  });
}

async function runTest(test: ContractTest, options: RuntimeContractOptions): Promise<void> {
  const harness = await options.createHarness();
  try {
    await harness.run(() => test.body(harness, options));
  } finally {
    await harness.dispose();
  }
}
