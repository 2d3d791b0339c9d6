/** The runtime contract on Bun. */
import { runtimeContract } from "../../src/testing/runtime_contract.ts";
import { createRealHarness, skipUnless } from "./real_harness.ts";

runtimeContract({ name: "bun", createHarness: createRealHarness, ...skipUnless("bun") });
