/**
 * Every setting and its schema: flags, arguments, environment and configuration file. This is the
 * only file that knows zod; commands declare their options with the functions below.
 *
 * A value comes from the first of: flag, environment variable, configuration file, default.
 *
 * @module
 */
import { z } from "zod";
import {
  ADDRESS_FORMS,
  normalAddress,
  parseAddressList,
  parsePeers,
  type Peer,
} from "./config/address.ts";
import { nearestMatch } from "./config/nearest_match.ts";
import { DURATION_FORMS, parseDuration, parseSize, SIZE_FORMS } from "./config/units.ts";
import { UsageError } from "./config/usage_error.ts";
import type { Address } from "./types.ts";
import { INTEGER_MAX } from "./types.ts";

/** What people are told about a setting, and how they set it. */
export interface SettingMetadata {
  /** What it does, in a few words. */
  readonly summary: string;
  /** The word that stands for its value in help, such as `DUR`; a switch has none. */
  readonly placeholder?: string;
  /** The flag without its dashes, where it is not the property's name. */
  readonly flag?: string;
  /** The one-letter flag. */
  readonly short?: string;
  /** Whether `RAFT_…` and the configuration file may set it too. */
  readonly isConfigurable?: boolean;
  /** Understood, and not shown in help. */
  readonly isHidden?: boolean;
  /** The values that TAB offers. */
  readonly choices?: readonly string[];
  /** Whether giving the flag again adds to the list instead of replacing the value. */
  readonly isList?: boolean;
  /** For the last argument: it takes every word that is left. */
  readonly isRest?: boolean;
  /** What holds where nobody sets it, as a user would write it. */
  readonly defaultText?: string;
  /** Told in help where the default is not a constant. */
  readonly defaultNote?: string;
}

/** What a builder adds to what the caller says. */
interface StoredMetadata extends SettingMetadata {
  readonly isSwitch: boolean;
  readonly isRequired: boolean;
}

/** A setting that becomes a `T`. */
export type Setting<T> = z.ZodType<T, unknown>;

/** Settings by property name. */
export type SettingShape = Readonly<Record<string, Setting<unknown>>>;

/** Several settings: the options or the arguments of a command. */
export type Settings<S extends SettingShape = SettingShape> = z.ZodObject<S>;

/** What several settings become. */
export type SettingValues<S extends SettingShape> = { readonly [K in keyof S]: z.output<S[K]> };

const metadataOf = z.registry<StoredMetadata>();

/** A setting as the parser, help and completion see it. */
export interface SettingField extends StoredMetadata {
  /** The property of the values. */
  readonly key: string;
  /** The flag without its dashes. */
  readonly flag: string;
  /** `RAFT_…`, where the environment may set it. */
  readonly environment: string | null;
  /** The key in the configuration file. */
  readonly fileKey: string;
}

function store<T>(schema: Setting<T>, metadata: SettingMetadata, isSwitch = false): Setting<T> {
  const described = schema.describe(metadata.summary);
  metadataOf.add(described, { ...metadata, isSwitch, isRequired: !isSwitch });
  return described;
}

/** Runs a parser of text inside a schema: its UsageError becomes the issue. */
function parsed<T>(parse: (text: string) => T, description: string): Setting<T> {
  const input = z.union([z.string(), z.number()]).meta({ examples: [description] });
  return input.transform((value, context) => {
    try {
      return parse(String(value));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      context.issues.push({
        code: "custom",
        input: value,
        message: error.message,
        params: { why: error.why, fix: error.fix },
      });
      return z.NEVER;
    }
  });
}

/** Any text. */
export function text(metadata: SettingMetadata): Setting<string> {
  return store(parsed((value) => value, "text"), metadata);
}

/** For the last argument: every word that is left, one by one. */
export function texts(metadata: SettingMetadata): Setting<readonly string[]> {
  return store(z.array(z.string()), { ...metadata, isRest: true, isList: true });
}

/** A switch: true where the flag is given. */
export function toggle(metadata: SettingMetadata): Setting<boolean> {
  const words = z.enum(["true", "false", "1", "0", ""]);
  const schema = z.union([z.boolean(), words]).transform((value) =>
    value === true || value === "true" || value === "1"
  );
  return store(schema.optional().transform((value) => value ?? false), metadata, true);
}

/** The bounds of {@linkcode integer}. */
export interface IntegerMetadata extends SettingMetadata {
  readonly min?: number;
  readonly max?: number;
}

/** An integer between `min` (0 unless told) and `max`. */
export function integer(metadata: IntegerMetadata): Setting<number> {
  const { min = 0, max = INTEGER_MAX, ...rest } = metadata;
  const parse = (value: string): number => {
    const number = /^[+-]?\d+$/.test(value.trim()) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    const isLarge = max < INTEGER_MAX || number > max;
    const wanted = isLarge ? `${min} to ${max}` : `≥ ${min}`;
    throw new UsageError(`Cannot use "${value}" as a number: want an integer ${wanted}`);
  };
  return store(parsed(parse, `${Math.max(min, 1)}`), rest);
}

/** A duration in milliseconds. */
export function duration(metadata: SettingMetadata): Setting<number> {
  const described = { placeholder: "DUR", ...metadata };
  return store(parsed(parseDuration, DURATION_FORMS), described);
}

/** A size in bytes. */
export function size(metadata: IntegerMetadata): Setting<number> {
  const { min = 0, max = INTEGER_MAX, ...rest } = metadata;
  const parse = (value: string): number => {
    const bytes = parseSize(value);
    if (bytes >= min && bytes <= max) return bytes;
    throw new UsageError(`Cannot use "${value}" as a size: want ${min}B to ${max}B`);
  };
  return store(parsed(parse, SIZE_FORMS), { placeholder: "SIZE", ...rest });
}

/** A count of bytes: a bare number, or a size with its unit. */
export function byteCount(metadata: IntegerMetadata): Setting<number> {
  const { min = 0, max = INTEGER_MAX, ...rest } = metadata;
  const parse = (value: string): number => {
    const bytes = /^\d+$/.test(value.trim()) ? Number(value) : parseSize(value);
    if (bytes >= min && bytes <= max) return bytes;
    throw new UsageError(`Cannot use "${value}" as a count of bytes: want ${min} to ${max}`);
  };
  return store(parsed(parse, SIZE_FORMS), { placeholder: "BYTES", ...rest });
}

/** One of the choices. */
export function choice<const T extends string>(
  choices: readonly T[],
  metadata: SettingMetadata,
): Setting<T> {
  const parse = (value: string): T => {
    const found = choices.find((candidate) => candidate === value);
    if (found !== undefined) return found;
    const near = nearestMatch(value, choices);
    throw new UsageError(`Cannot use "${value}" here: want ${choices.join(", ")}`, {
      fix: near === undefined ? [] : [`did you mean ${near}?`],
    });
  };
  const schema = parsed(parse, choices.join("|"));
  return store(schema, { placeholder: choices.join("|"), ...metadata, choices });
}

/** `HOST:PORT`. */
export function address(metadata: SettingMetadata): Setting<Address> {
  return store(parsed(normalAddress, ADDRESS_FORMS), { placeholder: "HOST:PORT", ...metadata });
}

/** Several `HOST:PORT` with commas between. */
export function addressList(metadata: SettingMetadata): Setting<Address[]> {
  const described = { placeholder: "HOST:PORT,…", isList: true, ...metadata };
  return store(parsed(parseAddressList, ADDRESS_FORMS), described);
}

/** `ID=HOST:PORT` with commas between. */
export function peerList(metadata: SettingMetadata): Setting<Peer[]> {
  const described = { isList: true, ...metadata };
  return store(parsed(parsePeers, "1=10.0.0.1:7238,2=10.0.0.2:7238"), described);
}

/** How fresh a read must be. */
export interface ReadConsistency {
  readonly level: "linearizable" | "lease" | "stale";
  /** For a stale read the oldest contact with the leader that is good enough; 0 for any. */
  readonly maxAgeMs: number;
}

/** 0 stands for any age, so nobody may mean it. */
function parseMaxAge(value: string, age: string): number {
  const maxAgeMs = parseDuration(age);
  if (maxAgeMs >= 1) return maxAgeMs;
  throw new UsageError(`Cannot use "${value}" as a consistency: no copy is that fresh`, {
    fix: [
      "for what is current: --consistency linearizable",
      "for a copy of any age: --consistency stale; of at most 1ms: stale:1ms",
    ],
  });
}

function parseConsistency(value: string): ReadConsistency {
  const [level = "", ...rest] = value.split(":");
  const age = rest.join(":");
  if (level === "stale" && rest.length > 0) return { level, maxAgeMs: parseMaxAge(value, age) };
  if (rest.length === 0 && (level === "linearizable" || level === "lease" || level === "stale")) {
    return { level, maxAgeMs: 0 };
  }
  const near = nearestMatch(level, ["linearizable", "lease", "stale"]);
  throw new UsageError(`Cannot use "${value}" as a consistency`, {
    fix: [
      ...(near === undefined ? [] : [`did you mean ${near}?`]),
      "want linearizable, lease, stale, or stale:MAX_AGE such as stale:500ms",
    ],
  });
}

/** `linearizable`, `lease` or `stale[:MAX_AGE]`. */
export function consistency(metadata: SettingMetadata): Setting<ReadConsistency> {
  const choices = ["linearizable", "lease", "stale"];
  const described = { placeholder: "linearizable|lease|stale[:MAX_AGE]", choices, ...metadata };
  return store(parsed(parseConsistency, "stale:500ms"), described);
}

/** The same setting, and undefined where nobody sets it. */
export function optional<T>(setting: Setting<T>): Setting<T | undefined> {
  const schema: Setting<T | undefined> = setting.optional();
  const metadata = metadataOf.get(setting)!;
  const described = schema.describe(metadata.summary);
  metadataOf.add(described, { ...metadata, isRequired: false });
  return described;
}

/** Several settings together. */
export function settings<S extends SettingShape>(shape: S): Settings<S> {
  return z.strictObject(shape) as unknown as Settings<S>;
}

/** The settings one by one, in the order of their declaration. */
export function fieldsOf(group: Settings): SettingField[] {
  return Object.entries(group.shape).map(([key, schema]) => {
    const metadata = metadataOf.get(schema);
    if (metadata === undefined) throw new TypeError(`Setting "${key}" has no metadata`);
    const flag = metadata.flag ?? key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const environment = `RAFT_${flag.toUpperCase().replaceAll("-", "_")}`;
    return {
      ...metadata,
      key,
      flag,
      environment: metadata.isConfigurable ? environment : null,
      fileKey: flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    };
  });
}

/** What the user set, before it is checked: property name to raw value. */
export type RawValues = Readonly<Record<string, unknown>>;

/** How messages call a setting. */
export type NameOf = (field: SettingField) => string;

interface IssueParameters {
  readonly why?: readonly string[];
  readonly fix?: readonly string[];
}

/**
 * Checks raw values and turns them into what the program works with; throws a
 * {@linkcode UsageError} for the first that does not fit.
 *
 * @param group The settings.
 * @param raw Their raw values, each a string but for switches.
 * @param nameOf How the message calls a setting, such as `--timeout`.
 */
export function checkSettings<S extends SettingShape>(
  { group, raw, nameOf }: { group: Settings<S>; raw: RawValues; nameOf: NameOf },
): SettingValues<S> {
  const fields = fieldsOf(group as unknown as Settings);
  for (const field of fields) {
    if (field.isRequired && raw[field.key] === undefined) throw missing(field, nameOf(field));
  }
  const result = group.safeParse(raw, { jitless: true } as never);
  if (result.success) return result.data as SettingValues<S>;
  const issue = result.error.issues[0]!;
  const field = fields.find(({ key }) => key === issue.path[0]);
  const name = field === undefined ? String(issue.path[0] ?? "value") : nameOf(field);
  const { why = [], fix = [] } =
    ((issue as { params?: IssueParameters }).params ?? {}) as IssueParameters;
  throw new UsageError(`${name}: ${issue.message}`, { why, fix });
}

function missing(field: SettingField, name: string): UsageError {
  const example = field.placeholder === undefined ? "" : `: ${field.summary}`;
  const variable = field.environment === null ? "" : ` or set ${field.environment}`;
  return new UsageError(`${name} is missing`, { fix: [`add ${name}${variable}${example}`] });
}

/** The JSON schema of one setting as a user writes it in a file. */
export function jsonSchemaOf(setting: Setting<unknown>): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(setting, { io: "input" });
  return schema;
}
