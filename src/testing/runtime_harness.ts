/**
 * What a test of the runtime contract is given, and what it is.
 *
 * @module
 */
import type { Runtime } from "../runtime/runtime.ts";

/** One fresh world for one test. */
export interface RuntimeHarness {
  /** The runtime under test. */
  readonly runtime: Runtime;
  /** The host to listen on and to dial. */
  readonly host: string;
  /** A directory that exists and is empty. */
  readonly directory: string;
  /** Runs the body of a test to its end; a simulator drives its virtual time meanwhile. */
  run(body: () => Promise<void>): Promise<void>;
  /** An address that neither accepts nor refuses a connection, where one can be made. */
  silentAddress?(): Promise<{ readonly host: string; readonly port: number }>;
  /** Removes what the world left behind. */
  dispose(): Promise<void>;
}

/** The options of `runtimeContract`. */
export interface RuntimeContractOptions {
  /** Starts the names of the tests, such as `node`. */
  readonly name: string;
  /** Makes a fresh world. */
  readonly createHarness: () => Promise<RuntimeHarness>;
  /** How much the largest transfer moves; 64 MiB unless told otherwise. */
  readonly transferBytes?: number;
  /** Whether only the tests of the network are registered. */
  readonly networkOnly?: boolean;
  /** Tests, by name, that this runtime is known to fail, each with the reason. */
  readonly knownGaps?: Readonly<Record<string, string>>;
  /** Why the tests cannot run here; they are then skipped by name. */
  readonly skip?: string;
}

/** One test of the contract. */
export interface ContractTest {
  /** What must be true, after the name of the symbol. */
  readonly name: string;
  /** Proves it. */
  readonly body: (harness: RuntimeHarness, options: RuntimeContractOptions) => Promise<void>;
}
