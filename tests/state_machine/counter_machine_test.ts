/** Shows that the contract suite fits a machine that is nothing like a store. */
import { stateMachineContract } from "../../src/testing/state_machine_contract.ts";
import { CounterMachine } from "./counter_machine.ts";

stateMachineContract({
  name: "counter",
  createMachine: () => new CounterMachine(),
  createCommand: (prng) => Uint8Array.of(prng.range(0, 255)),
  queries: [new Uint8Array(0)],
});
