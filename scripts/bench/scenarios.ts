import type { CountScenario, Scenario } from "./scenario.ts";
import { connections, many } from "./scenarios/capacity_scenarios.ts";
import { catchUp, failover, idle, restart } from "./scenarios/event_scenarios.ts";
import { followers } from "./scenarios/follower_scenario.ts";
import { gets, large, memory, openLoop, puts } from "./scenarios/load_scenarios.ts";
import { pauses } from "./scenarios/pause_scenario.ts";
import { wire } from "./scenarios/wire_scenario.ts";

/** Everything that can be measured or counted, in the order of a run. */
export const scenarios: readonly (Scenario | CountScenario)[] = [
  ...[wire, puts, gets, followers, large, openLoop, connections],
  ...[failover, restart, catchUp, memory, pauses, many, idle],
];

/** Whether a scenario is measured where none is named. */
export function isUsual(scenario: Scenario | CountScenario): boolean {
  return "count" in scenario || scenario.isOnRequest !== true;
}
