/**
 * Adds and removes members, moves leadership and kills nodes under load; see
 * tests/e2e/kit/chaos.ts.
 *
 * Usage: bun scripts/chaos.ts [--seconds N] [--transfers N] [--kill-every MILLISECONDS] [--seed S]
 *   [--logs DIR]
 *
 * Prints what happens, and in the end what was counted. The exit code is 0 where every acknowledged
 * write was there, at every node, and clients were told nothing but applied, not applied or
 * unknown. The program is dist/raft; see tests/e2e/kit/run_raft.ts for another one.
 */
import { parseArgs } from "node:util";
import { runChaos } from "../tests/e2e/kit/chaos.ts";

const { values } = parseArgs({
  options: {
    "seconds": { type: "string", default: "60" },
    "transfers": { type: "string", default: "20" },
    "kill-every": { type: "string", default: "2000" },
    "seed": { type: "string", default: "1" },
    "logs": { type: "string" },
  },
});

/** A flag that is a whole number. */
function wholeNumber(name: "seconds" | "transfers" | "kill-every"): number {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new RangeError(`--${name}: want a whole number above 0, not ${values[name]}`);
}

const leastMs = 1000 * wholeNumber("seconds");
const killEveryMs = wholeNumber("kill-every");
const report = await runChaos({
  seed: values.seed,
  transfers: wholeNumber("transfers"),
  kills: Math.floor(leastMs / killEveryMs),
  killEveryMs,
  leastMs,
  snapshotEvery: 2_000,
  installations: 5,
  writes: 16,
  ...(values.logs === undefined ? {} : { logsPath: values.logs }),
  say: (line) => console.log(line),
});
console.log(JSON.stringify(report, null, 2));
