/**
 * What tests of this system, and of what is built upon it, are made of: worlds that are simulated
 * from one seed, and checkers of what happens in them.
 *
 * @module
 */
export { AcknowledgedDurability } from "./checkers/acknowledged_durability.ts";
export { ElectionSafety } from "./checkers/election_safety.ts";
export { History } from "./checkers/history.ts";
export type { Operation, PendingOperation } from "./checkers/history.ts";
export { keyValueModel } from "./checkers/key_value_model.ts";
export type {
  KeyValueCondition,
  KeyValueInput,
  KeyValueOutput,
  KeyValueSeen,
  KeyValueState,
} from "./checkers/key_value_model.ts";
export { LeaderCompleteness } from "./checkers/leader_completeness.ts";
export { checkLinearizability } from "./checkers/linearizability.ts";
export type { LinearizabilityOptions, LinearizabilityReport } from "./checkers/linearizability.ts";
export { LogMatching } from "./checkers/log_matching.ts";
export type {
  AcknowledgeObservation,
  AppendObservation,
  ApplyObservation,
  CommitObservation,
  LeaderObservation,
  Observations,
  ObservedEntry,
  ObservedLog,
  RestoreObservation,
} from "./checkers/observations.ts";
export { PropertyViolation } from "./checkers/property_violation.ts";
export { SafetyCheckers } from "./checkers/safety_checkers.ts";
export type { SequentialModel } from "./checkers/sequential_model.ts";
export { StateMachineSafety } from "./checkers/state_machine_safety.ts";
export type { DiskCall, DiskCallKind, DiskFaults, DiskVerdict } from "./disk_faults.ts";
export type { Latency } from "./latency.ts";
export type { FrameFault, FrameVerdict, NetworkFaults, ObservedFrame } from "./network_faults.ts";
export { Prng } from "./prng.ts";
export { ClockSettings, SimulatedClock } from "./simulated_clock.ts";
export { SimulatedDisk } from "./simulated_disk.ts";
export { SimulatedNetwork } from "./simulated_network.ts";
export type { LinkSelection } from "./simulated_network.ts";
export { SimulatedCrashError, SimulatedProcess } from "./simulated_process.ts";
export type { CrashKind } from "./simulated_process.ts";
export { SimulatedMachine, SimulatedRuntime, SimulatedWorld } from "./simulated_runtime.ts";
export type { SimulatedWorldOptions } from "./simulated_runtime.ts";
export { SimulatedCluster } from "./simulated_cluster.ts";
export type { SimulatedClusterOptions, SimulatedNode } from "./simulated_cluster.ts";
export { faultKinds } from "./faults/fault_table.ts";
export type { FaultKind } from "./faults/fault_table.ts";
export type { FaultEvent } from "./simulated_faults.ts";
export { simulate } from "./simulation.ts";
export { SimulationFailure } from "./simulation_failure.ts";
export type { SimulationOptions, SimulationReport } from "./simulation_options.ts";
export { SimulatedScheduler } from "./simulated_scheduler.ts";
export type { RunEnd, RunOptions } from "./simulated_scheduler.ts";
export { TraceHash } from "./trace_hash.ts";
