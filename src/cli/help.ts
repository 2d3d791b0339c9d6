/**
 * Help pages, made from the declarations of the commands.
 *
 * @module
 */
import { fieldsOf, type SettingField, type Settings } from "../config.ts";
import { globalSettings } from "../config/global_settings.ts";
import { nearestMatch } from "../config/nearest_match.ts";
import { UsageError } from "../config/usage_error.ts";
import { type Catalogue, type Command, commandGroups, type Example } from "./command.ts";
import { exitCodeMeanings } from "./exit_codes.ts";
import type { Style } from "./style.ts";

const WIDTH = 96;

/** What the overview shows for a start. */
const firstSteps: readonly Example[] = [
  { command: "raft demo", note: "three nodes on this machine, a crash, and nothing lost" },
  { command: "raft start --id 1 --bootstrap", note: "a cluster of one node, here and now" },
  { command: "raft put greeting hello", note: "write a key" },
  { command: "raft get greeting", note: "read it back" },
];

/** Breaks a paragraph into lines; the first is expected to start at `indent` already. */
function wrap(paragraph: string, indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of paragraph.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.join(`\n${" ".repeat(indent)}`);
}

/** Two columns with two spaces before them; the second wraps. */
function columns(rows: readonly (readonly [string, string])[], style: Style): string {
  const width = Math.min(34, Math.max(0, ...rows.map(([left]) => left.length)));
  return rows.map(([left, right]) => {
    const label = `  ${style.cyan(left)}${" ".repeat(Math.max(0, width - left.length))}  `;
    const gap = left.length > width ? `\n${" ".repeat(width + 4)}` : "";
    return `${label}${gap}${wrap(right, width + 4)}\n`;
  }).join("");
}

function examples(list: readonly Example[], style: Style): string {
  const width = Math.min(52, Math.max(0, ...list.map(({ command }) => command.length)));
  return list.map(({ command, note }) => {
    const fill = command.length > width ? `\n${" ".repeat(width + 4)}` : " ".repeat(
      width - command.length + 2,
    );
    return `  ${style.cyan(command)}${fill}${style.dim(wrap(note, width + 4))}\n`;
  }).join("");
}

function heading(text: string, style: Style): string {
  return `\n${style.bold(text)}\n`;
}

/** `-t, --timeout DUR` */
function flagLabel({ flag, short, isSwitch, placeholder }: SettingField): string {
  const long = isSwitch ? `--${flag}` : `--${flag} ${placeholder ?? "VALUE"}`;
  return short === undefined ? long : `-${short}, ${long}`;
}

/** What a flag does, its default and its variable. */
function flagText(field: SettingField): string {
  const { summary, defaultText, defaultNote, environment } = field;
  const known = defaultNote ?? defaultText;
  const notes = [
    ...(known === undefined ? [] : [`default ${known}`]),
    ...(environment === null ? [] : [environment]),
  ];
  return notes.length === 0 ? summary : `${summary} (${notes.join("; ")})`;
}

function flagRows(group: unknown): (readonly [string, string])[] {
  return fieldsOf(group as Settings)
    .filter(({ isHidden }) => !isHidden)
    .map((field) => [flagLabel(field), flagText(field)] as const);
}

/** How a positional argument stands in a usage line. */
function argumentLabel({ key, placeholder, isRequired, isRest }: SettingField): string {
  const word = `${placeholder ?? key.toUpperCase()}${isRest ? "…" : ""}`;
  return isRequired ? word : `[${word}]`;
}

/** `raft get KEY [FLAG…]` */
export function usageLine(command: Command): string {
  const words = fieldsOf(command.arguments).map(argumentLabel);
  const hasOptions = fieldsOf(command.options).some(({ isHidden }) => !isHidden);
  return ["raft", command.name, ...words, ...(hasOptions ? ["[FLAG…]"] : [])].join(" ");
}

/** The page of one command. */
export function commandHelp(command: Command, style: Style): string {
  const parts = [
    `${style.bold(`raft ${command.name}`)}: ${command.summary}\n`,
    `\nusage: ${usageLine(command)}\n`,
  ];
  for (const paragraph of command.description.split("\n\n")) {
    parts.push(`\n${paragraph.split("\n").map((line) => wrap(line, 0)).join("\n")}\n`);
  }
  const positional = fieldsOf(command.arguments).map((field) =>
    [field.placeholder ?? field.key.toUpperCase(), flagText(field)] as const
  );
  if (positional.length > 0) parts.push(heading("Arguments", style), columns(positional, style));
  const flags = flagRows(command.options);
  if (flags.length > 0) parts.push(heading("Flags", style), columns(flags, style));
  if (command.examples.length > 0) {
    parts.push(heading("Examples", style), examples(command.examples, style));
  }
  parts.push(`\n${style.dim("Flags that every command takes: raft help flags")}\n`);
  return parts.join("");
}

/** The commands that help shows, loaded. */
export async function loadCommands(catalogue: Catalogue): Promise<Command[]> {
  const commands = await Promise.all(catalogue.map(({ load }) => load()));
  return commands.filter(({ isHidden }) => !isHidden);
}

/** The overview. */
export function overview(commands: readonly Command[], style: Style): string {
  const parts = [
    `${style.bold("raft")}: a replicated, strongly consistent log and key-value store\n`,
    "\nusage: raft COMMAND [ARGUMENT…] [FLAG…]\n",
  ];
  for (const group of commandGroups) {
    const rows = commands
      .filter((command) => command.group === group)
      .map(({ name, summary }) => [name, summary] as const);
    if (rows.length > 0) parts.push(heading(group, style), columns(rows, style));
  }
  parts.push(heading("FIRST STEPS", style), examples(firstSteps, style));
  const more = [
    ["raft help COMMAND", "what a command does, its flags, and examples"],
    ["raft help flags", "the flags that every command takes"],
    ["raft help exit-codes", "what scripts can rely on"],
    ["raft help recover", "a cluster that has lost its quorum"],
  ] as const;
  parts.push(heading("MORE", style), columns(more, style));
  return parts.join("");
}

function flagsPage(style: Style): string {
  return `${style.bold("Flags that every command takes")}\n\n` +
    columns(flagRows(globalSettings), style) +
    "\nA value comes from the flag, else the variable, else the configuration file, else the " +
    "default.\nDurations need a unit (500ms, 5s, 2m), sizes too (64KiB, 16MiB).\n" +
    "See where each value comes from: raft config show --explain\n";
}

function exitCodesPage(style: Style): string {
  const rows = exitCodeMeanings.map(({ code, name, meaning, retry }) =>
    [`${String(code).padStart(3)} ${name}`, `${meaning} (try again: ${retry})`] as const
  );
  return `${style.bold("Exit codes")}\n\n${columns(rows, style)}` +
    "\nMore on one of them, and what to do: raft error CODE\n";
}

/** What to do when a cluster has lost its quorum, step by step. */
const recoverSteps: readonly (readonly [string, string])[] = [
  [
    "1 is it lost?",
    "raft status shows who is missing. A voter that comes back with its disk is " +
    "better than any recovery: start it (raft start --id N --data DIR)",
  ],
  [
    "2 a backup?",
    "raft snapshot restore FILE makes a new cluster of what was saved, with an id " +
    "of its own; what was written since is not in it",
  ],
  ["3 stop", "Stop the nodes that are left, and bring their data directories (or copies) together"],
  [
    "4 compare",
    "raft recover plan DIR… says which one is the most up to date, whether writes that " +
    "were acknowledged may be lost, and the command of step 5",
  ],
  [
    "5 give up",
    "raft recover apply --data DIR --id N --confirm CLUSTER makes that one a new " +
    "cluster of one node, with a new cluster id. There is no way back",
  ],
  [
    "6 start",
    "raft start --id N --data DIR: it serves alone, with all its keys, sessions and " +
    "request ids",
  ],
  [
    "7 grow",
    "On other machines, with empty directories: raft start --id M --join HOST:PORT, until " +
    "raft wait healthy --voters 3",
  ],
];

function recoverPage(style: Style): string {
  return `${style.bold("When a cluster has lost its quorum for good")}\n\n` +
    columns(recoverSteps, style) +
    "\nA cut step 5 is told from a finished one: no node starts in the directory until the same\n" +
    "command has completed it. Old members that come back are refused by the new cluster and\n" +
    "stop with exit code 8: keep their directories aside, for they may hold what it lacks.\n";
}

const topics: ReadonlyMap<string, (style: Style) => string> = new Map([
  ["flags", flagsPage],
  ["exit-codes", exitCodesPage],
  ["recover", recoverPage],
]);

/** The page of a group of commands such as `config`. */
function groupPage(
  { prefix, commands, style }: { prefix: string; commands: readonly Command[]; style: Style },
): string {
  const rows = commands.map((command) => [usageLine(command), command.summary] as const);
  return `${style.bold(`raft ${prefix}`)}\n\n${columns(rows, style)}` +
    `\n${style.dim(`More: raft help ${prefix} NAME`)}\n`;
}

/**
 * The page for a topic: nothing for the overview, the words of a command, or the name of a topic.
 *
 * @param topic The words.
 * @param catalogue The commands that there are.
 * @param style How to decorate.
 */
export async function helpPage(
  topic: readonly string[],
  { catalogue, style }: { catalogue: Catalogue; style: Style },
): Promise<string> {
  const name = topic.join(" ");
  if (name === "") return overview(await loadCommands(catalogue), style);
  const entry = catalogue.find((candidate) => candidate.name === name);
  if (entry !== undefined) return commandHelp(await entry.load(), style);
  const page = topics.get(name);
  if (page !== undefined) return page(style);
  const inGroup = catalogue.filter((candidate) => candidate.name.startsWith(`${name} `));
  if (inGroup.length > 0) {
    return groupPage({ prefix: name, commands: await loadCommands(inGroup), style });
  }
  const near = nearestMatch(name, [...catalogue.map((one) => one.name), ...topics.keys()]);
  throw new UsageError(`There is no help for "${name}"`, {
    fix: [
      ...(near === undefined ? [] : [`did you mean raft help ${near}?`]),
      `topics: ${[...topics.keys()].join(", ")}; commands: raft help`,
    ],
  });
}
