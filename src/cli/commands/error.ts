import { settings, text } from "../../config.ts";
import { nearestMatch } from "../../config/nearest_match.ts";
import { UsageError } from "../../config/usage_error.ts";
import { declareCommand } from "../command.ts";
import { childExitCodes, exitCodeMeanings } from "../exit_codes.ts";

const FIRST_SIGNAL_CODE = 128;
const CODE_MAX = 255;

const NAMED = [...exitCodeMeanings, ...childExitCodes];

/** The code that is meant: a number, or a name such as `no_quorum`. */
function codeOf(word: string): number {
  const named = NAMED.find(({ name }) => name === word.toLowerCase());
  if (named !== undefined) return named.code;
  const code = /^\d{1,3}$/.test(word) ? Number(word) : CODE_MAX + 1;
  if (code <= CODE_MAX) return code;
  const near = nearestMatch(word, NAMED.map(({ name }) => name));
  throw new UsageError(`Cannot use "${word}" as an exit code`, {
    fix: [
      ...(near === undefined ? [] : [`did you mean ${near}?`]),
      `want a number from 0 to ${CODE_MAX}, or ${NAMED.map(({ name }) => name).join(", ")}`,
    ],
  });
}

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
  examples: [
    { command: "raft error 7", note: "may it have been applied?" },
    { command: "raft error refused", note: "by the name that the message shows" },
  ],
  arguments: settings({
    code: text({ placeholder: "CODE", summary: "The exit code, or its name" }),
  }),
  options: settings({}),
  run({ style }, { arguments: { code: word } }) {
    const code = codeOf(word);
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
