/**
 * The process by node:process, which Node, Deno and Bun share.
 *
 * @module
 */
import process from "node:process";
import type { HttpServer, HttpServerOptions } from "../http.ts";
import type {
  ChildProcess,
  HostProcess,
  InputStream,
  LineEditor,
  LineEditorOptions,
  LinePipe,
  MachineFacts,
  OutputStream,
  ProcessUsage,
  SignalName,
  SpawnOptions,
  UserFiles,
} from "../process.ts";
import { spawnChild } from "./system_child.ts";
import { openSystemLineEditor } from "./system_line_editor.ts";
import { openSystemLinePipe } from "./system_line_pipe.ts";
import { systemMachine } from "./system_machine.ts";
import { SystemInput, SystemOutput } from "./system_streams.ts";
import { SystemUserFiles } from "./system_user_files.ts";

/** Where the modules of a compiled binary pretend to be. */
const BINARY_ROOTS = ["/$bunfs/", "B:/~BUN/", "B:\\~BUN\\"];

/** The command that starts this program again: the binary itself, or a runtime and a script. */
function ownCommand(): string[] {
  const script = process.argv[1] ?? "";
  if (BINARY_ROOTS.some((root) => script.startsWith(root))) return [process.execPath];
  if ("deno" in process.versions) return [process.execPath, "run", "-A", "--no-check", script];
  return [process.execPath, ...process.execArgv, script];
}

/** The real process. */
export class SystemProcess implements HostProcess {
  readonly standardInput: InputStream = new SystemInput();
  readonly standardOutput: OutputStream = new SystemOutput(() => process.stdout);
  readonly standardError: OutputStream = new SystemOutput(() => process.stderr);
  readonly files: UserFiles = new SystemUserFiles();
  readonly machine: MachineFacts = systemMachine;

  /** The id of this process. */
  get pid(): number {
    return process.pid;
  }

  /** What follows the program's name. */
  get arguments(): readonly string[] {
    return process.argv.slice(2);
  }

  /** The environment. */
  get environment(): Readonly<Record<string, string | undefined>> {
    return process.env;
  }

  /** The command that starts this program again. */
  get ownCommand(): readonly string[] {
    return ownCommand();
  }

  /** Monotonic milliseconds. */
  nowMs(): number {
    return performance.now();
  }

  /** What this process has taken of its machine. */
  usage(): ProcessUsage {
    const { user, system } = process.cpuUsage();
    return { residentBytes: process.memoryUsage().rss, cpuSeconds: (user + system) / 1e6 };
  }

  /** Listens for requests of pages; loads what that takes. */
  async listenHttp(options: HttpServerOptions): Promise<HttpServer> {
    const { listenHttp } = await import("./system_http.ts");
    return await listenHttp(options);
  }

  /** Sets the code to end with. */
  setExitCode(code: number): void {
    process.exitCode = code;
  }

  /** Ends now. */
  exitNow(code: number): void {
    process.exit(code);
  }

  /** Calls `callback` for each such signal. */
  onSignal(signal: SignalName, callback: () => void): () => void {
    process.on(signal, callback);
    return () => process.off(signal, callback);
  }

  /** Calls `callback` when the process ends. */
  onExit(callback: () => void): () => void {
    process.on("exit", callback);
    return () => process.off("exit", callback);
  }

  /** Starts a child. */
  spawn(options: SpawnOptions): ChildProcess {
    return spawnChild(options);
  }

  /** Opens a line editor on the terminal. */
  openLineEditor(options: LineEditorOptions): LineEditor {
    return openSystemLineEditor(options);
  }

  /** A pipe inside this process. */
  openLinePipe(): LinePipe {
    return openSystemLinePipe();
  }
}
