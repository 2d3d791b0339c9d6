import { fieldsOf, type SettingField, type Settings } from "../../config.ts";
import { globalSettings } from "../../config/global_settings.ts";
import type { LineCompletion } from "../../runtime/process.ts";
import type { Catalogue, Command } from "../command.ts";

/** Finds keys that begin with a text. */
export type FindKeys = (prefix: string) => Promise<readonly string[]>;

/** What TAB may know. */
export interface CompleteOptions {
  readonly catalogue: Catalogue;
  readonly findKeys: FindKeys;
}

/** Commands of the shell itself. */
const SHELL_WORDS = ["exit"];

function visible(fields: readonly SettingField[]): SettingField[] {
  return fields.filter(({ isHidden }) => !isHidden);
}

async function completeArgument(
  command: Command,
  { words, partial, findKeys }: { words: readonly string[]; partial: string; findKeys: FindKeys },
): Promise<readonly string[]> {
  const fields = visible([
    ...fieldsOf(command.options),
    ...fieldsOf(globalSettings as unknown as Settings),
  ]);
  if (partial.startsWith("-")) return fields.map(({ flag }) => `--${flag}`);
  const previous = words.at(-1) ?? "";
  const flag = fields.find(({ flag, short }) =>
    previous === `--${flag}` || previous === `-${short}`
  );
  if (flag !== undefined && !flag.isSwitch) return flag.choices ?? [];
  const position = words.filter((word) => !word.startsWith("-")).length;
  const argument = fieldsOf(command.arguments)[position];
  if (argument === undefined) return [];
  if (argument.choices !== undefined) return argument.choices;
  const isKey = ["KEY", "PREFIX", "K", "K[=V]"].includes(argument.placeholder ?? "");
  return isKey ? await findKeys(partial) : [];
}

/**
 * What TAB offers behind a text: commands, flags, choices, keys.
 *
 * @param text What stands before the cursor.
 * @param options Where to look.
 */
export async function completeLine(
  text: string,
  { catalogue, findKeys }: CompleteOptions,
): Promise<LineCompletion> {
  const words = text.split(/\s+/).filter((word) => word !== "");
  const partial = /\s$/.test(text) || text === "" ? "" : words.pop() ?? "";
  const fitting = (candidates: readonly string[]): LineCompletion => ({
    candidates: [...new Set(candidates)].filter((one) => one.startsWith(partial)).map((one) =>
      `${one} `
    ),
    replaces: partial,
  });
  if (words[0] === "raft") words.shift();
  for (const length of [2, 1]) {
    const entry = catalogue.find(({ name }) => name === words.slice(0, length).join(" "));
    if (entry === undefined || words.length < length) continue;
    const rest = { words: words.slice(length), partial, findKeys };
    return fitting(await completeArgument(await entry.load(), rest));
  }
  const start = words.length === 0 ? "" : `${words.join(" ")} `;
  const next = catalogue
    .map(({ name }) => name)
    .filter((name) => name.startsWith(start))
    .map((name) => name.slice(start.length).split(" ")[0]!);
  return fitting(start === "" ? [...next, ...SHELL_WORDS] : next);
}
