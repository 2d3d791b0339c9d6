/**
 * Runs command lines: parse, resolve settings, run, render, exit code. One session serves one
 * command line, or all lines of a shell, which then share a connection.
 *
 * @module
 */
import type { Settings } from "../config.ts";
import { globalSettings } from "../config/global_settings.ts";
import { startSettings } from "../config/start_settings.ts";
import { UsageError } from "../config/usage_error.ts";
import type { HostProcess } from "../runtime/process.ts";
import { FileError, type Runtime } from "../runtime/runtime.ts";
import type { Address } from "../types.ts";
import type { Cluster } from "./cluster.ts";
import type {
  Catalogue,
  Command,
  CommandContext,
  CommandResult,
  GlobalValues,
  LineOutcome,
  ProgramVersion,
} from "./command.ts";
import { CommandFailure } from "./command_failure.ts";
import { errorDocument, type FailedCommand, reportError } from "./error_report.ts";
import { ExitCode } from "./exit_codes.ts";
import { helpPage } from "./help.ts";
import { ItemPrinter } from "./item_printer.ts";
import type { JsonObject } from "./json.ts";
import {
  formatJson,
  type OutputOptions,
  type Renderer,
  renderError,
  renderResult,
} from "./output.ts";
import { parseCommandLine, type ParsedLine, type RawFlags } from "./parser.ts";
import {
  checkArguments,
  type ConfigurationFile,
  parseConfigurationFile,
  resolveFields,
  resolveSettings,
  type SettingSources,
  unknownVariables,
} from "./resolve_settings.ts";
import { styleFor } from "./style.ts";

/** How a session reaches a cluster. */
export interface ConnectOptions {
  readonly runtime: Runtime;
  readonly endpoints: readonly Address[];
}

/** What a session is made of. */
export interface SessionOptions {
  readonly host: HostProcess;
  readonly catalogue: Catalogue;
  readonly program: ProgramVersion;
  /** Finds the runtime; called at most once. */
  readonly detect: () => Promise<Runtime>;
  /** Opens a cluster; it connects when it is first asked. */
  readonly connect: (options: ConnectOptions) => Promise<Cluster>;
}

/** How one line is run. */
export interface RunOptions {
  /** Whether the result or the error is printed. */
  readonly print: boolean;
  /** Whether it is a line of a shell. */
  readonly isInShell?: boolean;
  /** Global flags of the shell around it, which the line's own flags replace. */
  readonly inherited?: RawFlags;
}

/** A line on its way. */
interface Line {
  readonly parsed: ParsedLine;
  readonly globals: GlobalValues;
  readonly sources: SettingSources;
  readonly options: RunOptions;
  readonly output: OutputOptions;
  readonly startMs: number;
}

const formatFlags = /^(?:--json|(?:-o|--output)=?(text|json|table)?)$/;

/** The output format that a line asks for, for errors that come before it is understood. */
export function guessFormat(words: readonly string[], fallback: unknown): OutputOptions["format"] {
  let format = fallback === "json" ? "json" : "text";
  words.forEach((word, position) => {
    const match = formatFlags.exec(word);
    if (match === null) return;
    if (word === "--json") format = "json";
    else format = match[1] ?? words[position + 1] ?? format;
  });
  return format === "json" ? "json" : "text";
}

/** Runs command lines and keeps what they share. */
export class Session {
  readonly #options: SessionOptions;
  readonly #clusters = new Map<string, Promise<Cluster>>();
  #runtime: Promise<Runtime> | null = null;
  #hasWarned = false;

  /** Creates a session that has connected to nothing. */
  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Runs one line; never rejects. The exit code is in the outcome. */
  async run(words: readonly string[], options: RunOptions): Promise<LineOutcome> {
    const { host, catalogue } = this.#options;
    const startMs = host.nowMs();
    const inherited = options.inherited ?? {};
    let output: OutputOptions = {
      format: guessFormat(words, inherited["output"] ?? host.environment["RAFT_OUTPUT"]),
      field: undefined,
    };
    let color: GlobalValues["color"] = "auto";
    let failed: FailedCommand = { isWrite: false };
    try {
      const parsed = await parseCommandLine(words, catalogue);
      if (parsed.command !== null) {
        const { name, isWrite = false } = parsed.command;
        failed = { isWrite, name };
      }
      const flags = { ...inherited, ...parsed.globalFlags };
      const sources = {
        flags,
        environment: host.environment,
        file: await this.#readConfiguration(flags),
      };
      const globals = resolveSettings(globalSettings, sources);
      color = globals.color;
      output = {
        format: globals.json ? "json" : globals.output,
        field: globals.field,
        endsLines: options.isInShell ?? false,
        isQuiet: globals.quiet,
      };
      this.#warnOnce(globals);
      const line: Line = { parsed, globals, sources, options, output, startMs };
      const result = await this.#runCommand(line);
      const renderer = this.#renderer(color);
      if (options.print) await print(renderer, { result, options: output });
      return { exit: result.exit ?? ExitCode.ok, document: result.document };
    } catch (error) {
      const report = reportError(error, failed);
      const renderer = this.#renderer(color);
      if (options.print) await renderError({ renderer, report, options: output });
      return { exit: report.exit, document: errorDocument(report) };
    } finally {
      if (!options.isInShell) await this.close();
    }
  }

  /** Closes every connection. */
  async close(): Promise<void> {
    const clusters = [...this.#clusters.values()];
    this.#clusters.clear();
    await Promise.allSettled(clusters.map(async (cluster) => (await cluster).close()));
  }

  #renderer(color: GlobalValues["color"]): Renderer {
    const { standardOutput, standardError, environment } = this.#options.host;
    const choice = { color, environment };
    return {
      output: standardOutput,
      errors: standardError,
      style: styleFor(standardOutput, choice),
      errorStyle: styleFor(standardError, choice),
    };
  }

  async #readConfiguration(flags: RawFlags): Promise<ConfigurationFile | null> {
    const { host } = this.#options;
    const path = flags["config"] ?? host.environment["RAFT_CONFIG"];
    if (typeof path !== "string" || path === "") return null;
    const content = new TextDecoder().decode(await host.files.read(path));
    return parseConfigurationFile(path, content);
  }

  #warnOnce(globals: GlobalValues): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    if (globals.quiet) return;
    for (const warning of unknownVariables(this.#options.host.environment)) this.#say(warning);
  }

  #say(line: string): void {
    // Talk that nobody can hear is no reason to fail.
    this.#options.host.standardError.write(`${line}\n`).catch(() => {});
  }

  async #runCommand(line: Line): Promise<CommandResult> {
    const { parsed, globals, sources } = line;
    const { command } = parsed;
    const { catalogue } = this.#options;
    if (command === null) {
      const { style } = this.#renderer(globals.color);
      const text = await helpPage(parsed.helpTopic, { catalogue, style });
      return { document: { help: text }, text };
    }
    if (line.options.isInShell && command.isForShell === false) {
      throw new UsageError(`raft ${command.name} cannot run inside the shell`, {
        fix: [`run it in another terminal: raft ${command.name}`],
      });
    }
    if (command.hasNoFields === true && globals.field !== undefined) {
      throw new UsageError(`Cannot print a field of raft ${command.name}: it has none`, {
        fix: ["leave out --field"],
      });
    }
    const options = resolveSettings(command.options, {
      ...sources,
      flags: parsed.optionFlags,
    });
    const checked = checkArguments(command, parsed.argumentValues);
    const context = this.#createContext(line, command);
    const result = await command.run(context, { arguments: checked, options });
    context.detail(`took ${Math.round(this.#options.host.nowMs() - line.startMs)}ms`);
    return result;
  }

  #createContext(line: Line, command: Command): CommandContext {
    const { host, program, catalogue } = this.#options;
    const { globals, sources, options, startMs } = line;
    const isJson = globals.json || globals.output === "json";
    const { style } = this.#renderer(globals.color);
    const talk = (text: string): void => globals.quiet ? undefined : this.#say(text);
    return {
      host,
      program,
      globals,
      catalogue,
      style,
      isInShell: options.isInShell ?? false,
      resolved: resolvedFields(line, command),
      runtime: () => this.#detect(),
      cluster: () => this.#cluster(globals.endpoints),
      remainingMs: () => Math.max(0, startMs + globals.timeoutMs - host.nowMs()),
      talk,
      detail: (text) => globals.verbose ? talk(text) : undefined,
      show: (text) => {
        if (isJson) talk(text);
        else host.standardOutput.write(`${text}\n`).catch(() => {});
      },
      items: () => new ItemPrinter(host.standardOutput, line.output),
      emit: (document: JsonObject) => host.standardOutput.write(formatJson(document, false)),
      runLine: (words, { print }) => {
        const { config: _config, help: _help, field: _field, ...inherited } = sources.flags;
        return this.run(words, { print, isInShell: true, inherited });
      },
    };
  }

  #detect(): Promise<Runtime> {
    this.#runtime ??= this.#options.detect();
    return this.#runtime;
  }

  #cluster(endpoints: readonly Address[]): Promise<Cluster> {
    const key = endpoints.join(",");
    let cluster = this.#clusters.get(key);
    if (cluster === undefined) {
      cluster = this.#detect().then((runtime) => this.#options.connect({ runtime, endpoints }));
      this.#clusters.set(key, cluster);
    }
    return cluster;
  }
}

/** Prints what a command has returned; what it did is done, whatever becomes of that. */
async function print(
  renderer: Renderer,
  { result, options }: { readonly result: CommandResult; readonly options: OutputOptions },
): Promise<void> {
  try {
    await renderResult({ renderer, result, options });
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause;
    throw new CommandFailure("the command was carried out, but its result cannot be printed", {
      exit: ExitCode.failed,
      applied: "yes",
      why: [cause.message],
      fix: ["free room where the output goes, or send it elsewhere"],
      cause,
    });
  }
}

/** Every setting with its source: the global ones, and those of a node. */
function resolvedFields(line: Line, command: Command): CommandContext["resolved"] {
  const { sources, parsed } = line;
  const globals = resolveFields(globalSettings as unknown as Settings, sources);
  const isStart = command.options as unknown === startSettings;
  const flags = isStart ? parsed.optionFlags : {};
  return [
    ...globals,
    ...resolveFields(startSettings as unknown as Settings, { ...sources, flags }),
  ];
}
