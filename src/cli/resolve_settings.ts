/**
 * Where the value of a setting comes from: flag, environment, configuration file, default, in this
 * order, always.
 *
 * @module
 */
import {
  checkSettings,
  fieldsOf,
  type SettingField,
  type Settings,
  type SettingShape,
  type SettingValues,
} from "../config.ts";
import { configurableFields, configurableGroups } from "../config/configuration_file.ts";
import { nearestMatch } from "../config/nearest_match.ts";
import { UsageError } from "../config/usage_error.ts";

/** Where a value comes from. */
export type SettingSource = "flag" | "environment" | "file" | "default" | "unset";

/** A setting, what the user wrote for it, and where. */
export interface ResolvedField {
  readonly field: SettingField;
  /** What was written; undefined where nobody set it. */
  readonly raw: unknown;
  readonly source: SettingSource;
}

/** The settings of a configuration file by their keys. */
export interface ConfigurationFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** The places that values come from. */
export interface SettingSources {
  /** Property name to raw value. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly file: ConfigurationFile | null;
}

function resolveField(field: SettingField, sources: SettingSources): ResolvedField {
  const flag = sources.flags[field.key];
  if (flag !== undefined) return { field, raw: flag, source: "flag" };
  const variable = field.environment === null ? undefined : sources.environment[field.environment];
  if (variable !== undefined && variable !== "") {
    return { field, raw: variable, source: "environment" };
  }
  const inFile = field.isConfigurable ? sources.file?.values[field.fileKey] : undefined;
  if (inFile !== undefined) {
    return { field, raw: Array.isArray(inFile) ? inFile.join(",") : inFile, source: "file" };
  }
  if (field.defaultText !== undefined) {
    return { field, raw: field.defaultText, source: "default" };
  }
  return { field, raw: undefined, source: "unset" };
}

/** The settings of a group, each with its raw value and its source. */
export function resolveFields(group: Settings, sources: SettingSources): ResolvedField[] {
  return fieldsOf(group).map((field) => resolveField(field, sources));
}

/** How a message calls a setting, by where its value was written. */
function nameIn({ field, source }: ResolvedField, file: ConfigurationFile | null): string {
  if (source === "environment") return field.environment ?? field.flag;
  if (source === "file") return `${file?.path ?? "configuration"}: ${field.fileKey}`;
  return `--${field.flag}`;
}

/** Resolves and checks a group of settings; throws a {@linkcode UsageError}. */
export function resolveSettings<S extends SettingShape>(
  group: Settings<S>,
  sources: SettingSources,
): SettingValues<S> {
  const resolved = resolveFields(group as unknown as Settings, sources);
  const raw: Record<string, unknown> = {};
  const names = new Map<string, string>();
  for (const one of resolved) {
    if (one.raw !== undefined) raw[one.field.key] = one.raw;
    names.set(one.field.key, nameIn(one, sources.file));
  }
  return checkSettings({ group, raw, nameOf: ({ key, flag }) => names.get(key) ?? `--${flag}` });
}

/** What a command says of its arguments. */
export interface ArgumentOwner {
  readonly name: string;
  readonly arguments: Settings;
}

/** Checks the arguments of a command; throws a {@linkcode UsageError}. */
export function checkArguments(
  owner: ArgumentOwner,
  raw: Readonly<Record<string, unknown>>,
): SettingValues<SettingShape> {
  const placeholder = ({ placeholder, key }: SettingField): string =>
    placeholder ?? key.toUpperCase();
  for (const field of fieldsOf(owner.arguments)) {
    if (!field.isRequired || raw[field.key] !== undefined) continue;
    const usage = fieldsOf(owner.arguments).map(placeholder).join(" ");
    throw new UsageError(`${placeholder(field)} is missing`, {
      fix: [`usage: raft ${owner.name} ${usage}`, `see: raft help ${owner.name}`],
    });
  }
  return checkSettings({ group: owner.arguments, raw, nameOf: placeholder });
}

/** The beginnings of variables that raft sets for the programs it starts. */
const CHILD_VARIABLES = ["RAFT_LOCK_", "RAFT_WATCH_"];

/** A line for each `RAFT_…` variable that nothing reads, with the nearest that exists. */
export function unknownVariables(
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const known = new Set(["RAFT_CONFIG"]);
  for (const { environment: name } of configurableFields()) {
    if (name !== null) known.add(name);
  }
  return Object.keys(environment)
    .filter((name) => name.startsWith("RAFT_") && !known.has(name))
    .filter((name) => !CHILD_VARIABLES.some((prefix) => name.startsWith(prefix)))
    .map((name) => {
      const near = nearestMatch(name, known);
      const hint = near === undefined ? "see raft config show --explain" : `did you mean ${near}?`;
      return `warning: ${name} is not a variable of raft and has no effect: ${hint}`;
    });
}

/**
 * Reads the text of a configuration file: an object of known keys. The values are checked when
 * they are used; `raft config check` checks them all.
 *
 * @param path For messages.
 * @param content The text of the file.
 */
export function parseConfigurationFile(path: string, content: string): ConfigurationFile {
  let values: unknown;
  try {
    values = JSON.parse(content);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`Cannot read "${path}" as JSON: ${reason}`, { cause: error });
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new UsageError(`Cannot use "${path}" as a configuration: want a JSON object`);
  }
  const known = configurableFields().map(({ fileKey }) => fileKey);
  for (const key of Object.keys(values)) {
    if (known.includes(key) || key === "$schema") continue;
    const near = nearestMatch(key, known);
    throw new UsageError(`${path}: there is no setting "${key}"`, {
      fix: [
        near === undefined ? "see the settings: raft config schema" : `did you mean "${near}"?`,
      ],
    });
  }
  return { path, values: values as Record<string, unknown> };
}

/**
 * Checks every value of a configuration file; throws a {@linkcode UsageError} for the first that
 * cannot be used.
 *
 * @returns The keys that the file sets.
 */
export function checkConfigurationFile(file: ConfigurationFile): string[] {
  const sources: SettingSources = { flags: {}, environment: {}, file };
  const keys: string[] = [];
  for (const group of configurableGroups(Object.keys(file.values))) {
    resolveSettings(group, sources);
    keys.push(...fieldsOf(group).map(({ fileKey }) => fileKey));
  }
  return keys;
}
