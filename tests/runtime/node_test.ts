/** The runtime contract on Node. */
import { runtimeContract } from "../../src/testing/runtime_contract.ts";
import { createRealHarness, skipUnless } from "./real_harness.ts";

runtimeContract({ name: "node", createHarness: createRealHarness, ...skipUnless("node") });
