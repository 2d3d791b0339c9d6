import { integer, settings } from "../../config.ts";
import { UsageError } from "../../config/usage_error.ts";
import { declareCommand } from "../command.ts";
import { childExitCodes, exitCodeMeanings } from "../exit_codes.ts";

const FIRST_SIGNAL_CODE = 128;
const CODE_MAX = 255;

/** What a code means, also the ones of programs that were started. */
function meaningOf(code: number): { name: string; meaning: string; retry: string } {
  const own = exitCodeMeanings.find((one) => one.code === code);
  if (own !== undefined) return own;
  const child = childExitCodes.find((one) => one.code === code);
  if (child !== undefined) return { ...child, retry: "it depends on the command" };
  if (code > FIRST_SIGNAL_CODE) {
    const meaning = `Killed by signal ${code - FIRST_SIGNAL_CODE}`;
    return { name: "killed", meaning, retry: "maybe" };
  }
  const known = exitCodeMeanings.map((one) => one.code).join(", ");
  throw new UsageError(`raft never ends with code ${code}`, { fix: [`want one of ${known}`] });
}

/** `raft error CODE` */
export const error = declareCommand({
  name: "error",
  group: "TROUBLESHOOTING",
  summary: "Explain an exit code and what to do",
  description: "Every command says with its exit code whether it was applied, and whether to try " +
    "again.",
  examples: [{ command: "raft error 7", note: "may it have been applied?" }],
  arguments: settings({
    code: integer({ placeholder: "CODE", summary: "The exit code", max: CODE_MAX }),
  }),
  options: settings({}),
  run({ style }, { arguments: { code } }) {
    const { name, meaning, retry } = meaningOf(code);
    const advice = exitCodeMeanings.find((one) => one.code === code)?.advice ?? [];
    const lines = [
      `${style.bold(`${code} ${name}`)}: ${meaning}`,
      `  try again: ${retry}`,
      ...advice.map((step) => `  - ${step}`),
    ];
    const document = { code, name, meaning, retry, advice };
    return Promise.resolve({ document, text: lines.join("\n") });
  },
});
