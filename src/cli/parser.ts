/**
 * From the words of a command line to a command and the raw values of its flags. The only file that
 * knows `commander`, which is used for one thing: telling flags, their values and operands apart.
 *
 * @module
 */
import { Command as WordParser, CommanderError, Option } from "commander";
import { fieldsOf, type SettingField, type Settings, settings, toggle } from "../config.ts";
import { globalSettings } from "../config/global_settings.ts";
import { nearestMatch } from "../config/nearest_match.ts";
import { UsageError } from "../config/usage_error.ts";
import type { Catalogue, Command } from "./command.ts";

/** Property name to what the user wrote. */
export type RawFlags = Record<string, unknown>;

/** A command line, understood as far as its words go; values are not checked yet. */
export interface ParsedLine {
  /** The command, or null where help was asked for. */
  readonly command: Command | null;
  /** What help was asked for: the words of a command or topic, none for the overview. */
  readonly helpTopic: readonly string[];
  readonly globalFlags: RawFlags;
  readonly optionFlags: RawFlags;
  readonly argumentValues: RawFlags;
}

const versionSettings = settings({ version: toggle({ short: "V", summary: "Show the version" }) });

function fields(group: unknown): SettingField[] {
  return fieldsOf(group as Settings);
}

/** A parser of words that knows these flags and stops at nothing else. */
function wordParser(known: readonly SettingField[]): WordParser {
  const parser = new WordParser();
  parser.exitOverride().helpOption(false).configureOutput({ outputError: () => {} });
  for (const { flag, short, isSwitch, isList } of known) {
    const names = short === undefined ? `--${flag}` : `-${short}, --${flag}`;
    const option = new Option(isSwitch ? names : `${names} <value>`);
    if (isList) {
      option.argParser((value: string, previous: unknown) =>
        typeof previous === "string" ? `${previous},${value}` : value
      );
    }
    parser.addOption(option);
  }
  return parser;
}

/** Flags by property name, operands in order, and the rest from the first unknown flag on. */
interface SplitWords {
  readonly flags: RawFlags;
  readonly operands: string[];
  readonly unknown: string[];
}

interface SplitOptions {
  readonly known: readonly SettingField[];
  /** Whether everything behind the first operand is taken as it is. */
  readonly stopsAtOperand: boolean;
}

function splitWords(words: readonly string[], { known, stopsAtOperand }: SplitOptions): SplitWords {
  const parser = wordParser(known);
  if (stopsAtOperand) parser.enablePositionalOptions().passThroughOptions();
  try {
    const { operands, unknown } = parser.parseOptions([...words]);
    const values = parser.opts();
    const flags: RawFlags = {};
    for (const { key, fileKey } of known) {
      if (values[fileKey] !== undefined) flags[key] = values[fileKey];
    }
    return { flags, operands, unknown };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const flag = /--[\w-]+/.exec(error.message)?.[0] ?? "A flag";
    const field = known.find((candidate) => `--${candidate.flag}` === flag);
    throw new UsageError(`${flag} needs a value`, {
      fix: [`write ${flag} ${field?.placeholder ?? "VALUE"}`],
      cause: error,
    });
  }
}

/** Where `raft help` says more, for the last line of a message. */
function seeHelp(name: string): string {
  return `see: raft help${name === "" ? "" : ` ${name}`}`;
}

function unknownFlag(
  word: string,
  { name, known }: { name: string; known: readonly SettingField[] },
): UsageError {
  const flag = word.split("=")[0]!;
  const switched = known.find((field) => field.isSwitch && `--${field.flag}` === flag);
  if (switched !== undefined) return new UsageError(`${flag} takes no value`);
  const where = name === "" ? "" : ` for raft ${name}`;
  const near = nearestMatch(flag, known.filter((f) => !f.isHidden).map((f) => `--${f.flag}`));
  return new UsageError(`Unknown flag "${flag}"${where}`, {
    fix: [
      ...(near === undefined ? [] : [`did you mean ${near}?`]),
      `is it a value? write -- in front of it: raft ${name || "COMMAND"} … -- ${word}`,
      seeHelp(name),
    ],
  });
}

/** The words that may come next behind `prefix`: commands, or the second words of a group. */
function nextWords(catalogue: Catalogue, prefix: string): string[] {
  const start = prefix === "" ? "" : `${prefix} `;
  const names = catalogue.map(({ name }) => name).filter((name) => name.startsWith(start));
  return [...new Set(names.map((name) => name.slice(start.length).split(" ")[0]!))];
}

function unknownCommand(catalogue: Catalogue, prefix: string, word: string): UsageError {
  const words = nextWords(catalogue, prefix);
  const near = nearestMatch(word, words);
  const full = prefix === "" ? "" : `${prefix} `;
  return new UsageError(`Unknown command "${full}${word}"`, {
    fix: [
      ...(near === undefined ? [] : [`did you mean raft ${full}${near}?`]),
      ...(prefix === "" ? [] : [`want one of: ${words.join(", ")}`]),
      seeHelp(prefix),
    ],
  });
}

/** What was found in front of, and as, the name of a command. */
interface FoundCommand {
  readonly command: Command | null;
  readonly helpTopic: readonly string[];
  readonly flags: RawFlags;
  readonly rest: readonly string[];
}

/** Reads global flags and the one or two words of a command's name. */
async function findCommand(words: readonly string[], catalogue: Catalogue): Promise<FoundCommand> {
  const globals = fields(globalSettings);
  const known = [...globals, ...fields(versionSettings)];
  let flags: RawFlags = {};
  let rest: readonly string[] = words;
  let prefix = "";
  for (;;) {
    const split = splitWords(rest, { known, stopsAtOperand: true });
    flags = { ...flags, ...split.flags };
    const [unknown] = split.unknown;
    if (unknown !== undefined) throw unknownFlag(unknown, { name: prefix, known });
    const word = split.operands[0];
    if (flags["version"] === true) return findCommand(["version"], catalogue);
    const helpTopic = prefix === "" ? [] : [prefix];
    if (word === undefined) {
      if (prefix === "" || flags["help"] === true) {
        return { command: null, helpTopic, flags, rest: [] };
      }
      const fix = [`want one of: ${nextWords(catalogue, prefix).join(", ")}`, seeHelp(prefix)];
      throw new UsageError(`raft ${prefix} is not complete`, { fix });
    }
    const name = prefix === "" ? word : `${prefix} ${word}`;
    rest = split.operands.slice(1);
    const entry = catalogue.find((candidate) => candidate.name === name);
    if (entry !== undefined) return { command: await entry.load(), helpTopic, flags, rest };
    if (!nextWords(catalogue, prefix).includes(word)) {
      throw unknownCommand(catalogue, prefix, word);
    }
    prefix = name;
  }
}

/** Gives the operands to the arguments in order. */
function assignOperands(command: Command, operands: readonly string[]): RawFlags {
  const declared = fields(command.arguments);
  const values: RawFlags = {};
  declared.forEach(({ key, isRest, isList }, position) => {
    if (isRest) {
      const words = operands.slice(position);
      if (words.length > 0) values[key] = isList ? words : words.join(" ");
    } else if (operands[position] !== undefined) values[key] = operands[position];
  });
  const takesAll = declared.some(({ isRest }) => isRest);
  const excess = operands[declared.length];
  if (excess !== undefined && !takesAll) {
    const fix = declared.length > 0 && operands.every((word) => !word.includes(" "))
      ? ["a value with spaces needs quotes around it", seeHelp(command.name)]
      : [seeHelp(command.name)];
    const count = declared.length === 0 ? "no argument" : `at most ${declared.length}`;
    throw new UsageError(`Unexpected argument "${excess}": raft ${command.name} takes ${count}`, {
      fix,
    });
  }
  return values;
}

/**
 * Understands the words of a command line. Throws a {@linkcode UsageError} that names the nearest
 * match for a command or flag that does not exist.
 *
 * @param words What follows the program's name.
 * @param catalogue The commands that there are.
 */
export async function parseCommandLine(
  words: readonly string[],
  catalogue: Catalogue,
): Promise<ParsedLine> {
  const found = await findCommand(words, catalogue);
  const { command } = found;
  const noValues = { optionFlags: {}, argumentValues: {} };
  if (command === null) {
    return { command, helpTopic: found.helpTopic, globalFlags: found.flags, ...noValues };
  }
  const globals = fields(globalSettings);
  const options = fields(command.options);
  const known = [...options, ...globals];
  const split = splitWords(found.rest, { known, stopsAtOperand: false });
  const globalFlags: RawFlags = { ...found.flags };
  const optionFlags: RawFlags = {};
  for (const [key, value] of Object.entries(split.flags)) {
    if (options.some((option) => option.key === key)) optionFlags[key] = value;
    else globalFlags[key] = value;
  }
  if (globalFlags["help"] === true) {
    return { command: null, helpTopic: command.name.split(" "), globalFlags, ...noValues };
  }
  const [unknown] = split.unknown;
  if (unknown !== undefined) throw unknownFlag(unknown, { name: command.name, known });
  const argumentValues = assignOperands(command, split.operands);
  return { command, helpTopic: [], globalFlags, optionFlags, argumentValues };
}
