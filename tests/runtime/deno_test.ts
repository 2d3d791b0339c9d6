/** The runtime contract on Deno. */
import { runtimeContract } from "../../src/testing/runtime_contract.ts";
import { createRealHarness, skipUnless } from "./real_harness.ts";

runtimeContract({ name: "deno", createHarness: createRealHarness, ...skipUnless("deno") });
