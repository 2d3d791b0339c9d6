/**
 * Kills all nodes of a cluster at once, again and again, under full load; see
 * tests/e2e/kit/kill_all.ts.
 *
 * Usage: bun scripts/kill_all.ts [--rounds N] [--writes N] [--acknowledged-max N] [--seed S]
 *
 * Prints what happens, and in the end what was counted. The exit code is 0 where every acknowledged
 * write was there after every kill. The program is dist/raft; see tests/e2e/kit/run_raft.ts for
 * another one.
 */
import { parseArgs } from "node:util";
import { runKillAll } from "../tests/e2e/kit/kill_all.ts";

const { values } = parseArgs({
  options: {
    "rounds": { type: "string", default: "200" },
    "writes": { type: "string", default: "256" },
    "acknowledged-max": { type: "string", default: "20000" },
    "seed": { type: "string", default: "1" },
  },
});

/** A flag that is a whole number. */
function wholeNumber(name: "rounds" | "writes" | "acknowledged-max"): number {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new RangeError(`--${name}: want a whole number above 0, not ${values[name]}`);
}

const { startMs, ...report } = await runKillAll({
  seed: values.seed,
  rounds: wholeNumber("rounds"),
  writes: wholeNumber("writes"),
  acknowledgedMax: wholeNumber("acknowledged-max"),
  say: (line) => console.log(line),
});
const medianMs = startMs[Math.floor(startMs.length / 2)];
console.log(JSON.stringify({ ...report, start: { medianMs, mostMs: startMs.at(-1) } }, null, 2));
