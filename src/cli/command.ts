/**
 * What a command is: data, a schema, and a function that returns an object. No command prints its
 * result by itself; output.ts does.
 *
 * @module
 */
import type { Settings, SettingShape, SettingValues } from "../config.ts";
import type { globalSettings } from "../config/global_settings.ts";
import type { ResolvedField } from "./resolve_settings.ts";
import type { HostProcess } from "../runtime/process.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Cluster } from "./cluster.ts";
import type { ExitCode } from "./exit_codes.ts";
import type { JsonObject } from "./json.ts";
import type { Style } from "./style.ts";

/** Rows of text for `-o table`. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a command returns. */
export interface CommandResult {
  /** What `-o json` prints; its fields are a contract. */
  readonly document: JsonObject;
  /**
   * What people read: lines, or bytes that are printed as they are. Without it the fields of the
   * document are listed.
   */
  readonly text?: string | Uint8Array;
  /** What `-o table` prints; without it the fields of the document are listed. */
  readonly table?: Table;
  /** The exit code, 0 unless told. */
  readonly exit?: ExitCode;
  /** True if the command has emitted all there is to print; only the exit code is left. */
  readonly isPrinted?: boolean;
  /** Said on stderr after the result. */
  readonly notes?: readonly string[];
}

/** The headings of the help page, in its order. */
export const commandGroups = [
  "GETTING STARTED",
  "DATA",
  "COORDINATION",
  "CLUSTER",
  "BACKUP AND REPAIR",
  "TROUBLESHOOTING",
  "SET-UP",
] as const;

/** One of the headings. */
export type CommandGroup = (typeof commandGroups)[number];

/** A line to copy, and what it does. */
export interface Example {
  readonly command: string;
  readonly note: string;
}

/** The values of the global flags. */
export type GlobalValues = SettingValues<(typeof globalSettings)["shape"]>;

/** What `raft version` and `raft start` say of the program. */
export interface ProgramVersion {
  readonly version: string;
  readonly commit: string;
}

/** A name of a command and how its declaration is loaded. */
export interface CatalogueEntry {
  /** One word, or two such as `config show`. */
  readonly name: string;
  readonly load: () => Promise<Command>;
}

/** Every command that there is. */
export type Catalogue = readonly CatalogueEntry[];

/** How one command line ended, for the shell. */
export interface LineOutcome {
  readonly exit: number;
  /** The result, or `{"error":…}`. */
  readonly document: JsonObject;
}

/** Runs a command line inside this one, on the same connection: for the shell. */
export type RunLine = (
  words: readonly string[],
  options: { readonly print: boolean },
) => Promise<LineOutcome>;

/** One of many things that a command prints; only the form that is asked for is made. */
export interface Item {
  readonly document: () => JsonObject;
  readonly line: () => string;
}

/** Takes a result that comes item by item and may be larger than memory. */
export interface ItemSink {
  /** Whether a `flush` is due before the next item. */
  readonly isFull: boolean;
  /** Whether nobody reads any more: the rest need not be made. */
  readonly isAbandoned: boolean;
  /** Takes an item. */
  add(item: Item): void;
  /** Writes what was taken; resolves when more may come. */
  flush(): Promise<void>;
}

/** What a command has to work with. */
export interface CommandContext {
  readonly host: HostProcess;
  readonly program: ProgramVersion;
  readonly globals: GlobalValues;
  /** Every setting with its value and where that comes from: for `config show`. */
  readonly resolved: readonly ResolvedField[];
  readonly catalogue: Catalogue;
  /** The style of text on standard output. */
  readonly style: Style;
  /** True inside `raft shell`. */
  readonly isInShell: boolean;
  /** The runtime; detected by the first call. */
  runtime(): Promise<Runtime>;
  /** The connection to the cluster; opened by the first use, closed after the command. */
  cluster(): Promise<Cluster>;
  /** Milliseconds until the deadline of the whole command, at least 0. */
  remainingMs(): number;
  /** Says something to the person at the terminal: a line on stderr, silent with `--quiet`. */
  talk(line: string): void;
  /** Says something with `--verbose` only. */
  detail(line: string): void;
  /** Shows a line of progress that belongs to the result: on stdout, or stderr with `-o json`. */
  show(line: string): void;
  /** Prints one JSON document on a line of its own, for results that come one by one. */
  emit(document: JsonObject): Promise<void>;
  /** Prints a result of many items one by one; the command then returns `isPrinted`. */
  items(): ItemSink;
  /** Runs a command line on this command's connection. */
  runLine: RunLine;
}

/** The checked arguments and options of a command. */
export interface CommandInput<A extends SettingShape, O extends SettingShape> {
  readonly arguments: SettingValues<A>;
  readonly options: SettingValues<O>;
}

/** A command, as its file declares it. */
export interface CommandDeclaration<A extends SettingShape, O extends SettingShape> {
  /** One word, or two such as `config show`. */
  readonly name: string;
  readonly group: CommandGroup;
  /** One line for the overview. */
  readonly summary: string;
  /** What there is to know, in short paragraphs. */
  readonly description: string;
  readonly examples: readonly Example[];
  /** What follows the name, in order. */
  readonly arguments: Settings<A>;
  readonly options: Settings<O>;
  /** Understood, and not shown in help. */
  readonly isHidden?: boolean;
  /** Whether it changes the state of the cluster: an error then says what became of the write. */
  readonly isWrite?: boolean;
  /** Whether a line of `raft shell` may be this command; true unless told. */
  readonly isForShell?: boolean;
  /** Whether its output has no fields, so that `--field` is refused. */
  readonly hasNoFields?: boolean;
  /** Does it. Throws typed errors; see error_report.ts. */
  run(context: CommandContext, input: CommandInput<A, O>): Promise<CommandResult>;
}

/** A command of any arguments and options. */
export type Command = CommandDeclaration<SettingShape, SettingShape>;

/** Declares a command: checks its types where it is written, and forgets them afterwards. */
export function declareCommand<A extends SettingShape, O extends SettingShape>(
  declaration: CommandDeclaration<A, O>,
): Command {
  return declaration as unknown as Command;
}
