import { spawn } from "node:child_process";
import process from "node:process";

/** How a command ended and what it printed. */
export interface CommandResult {
  /** Null when a signal ended it. */
  code: number | null;
  /** Standard output and standard error in the order in which they came. */
  output: string;
  /** A phrase such as "exit 1", "SIGKILL" or "no end after 600 s". */
  ending: string;
}

/** What to run and where. */
export interface CommandOptions {
  cwd: string;
  env?: Readonly<Record<string, string>>;
  /** The command is killed after this time, so that a hang is a failure and not a wait. */
  timeoutMs?: number;
}

/** Well above any stage's real time; a stage that needs it has hung. */
const commandTimeoutMsDefault = 10 * 60 * 1000;

/** The processes of this gate that are still alive, to be ended with it. */
const running = new Set<number>();

/**
 * The environment of the children: ours, without variables that the `raft` binary would obey, so
 * that a developer's own cluster settings do not change what the tests see.
 */
function childEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("RAFT_"));
  return { ...Object.fromEntries(inherited), ...extra };
}

/** Kills a command and what it started: each command leads its own process group. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group has ended by itself in the meantime.
  }
}

/** Kills every command that is still running; for when the gate itself is interrupted. */
export function killRunningCommands(): void {
  for (const pid of running) killGroup(pid);
}

/**
 * Runs a command to its end and collects what it prints. Never throws: a command that cannot be
 * started has ended with a code of null and says why.
 *
 * @param command The program and its arguments.
 * @param options Where and how long.
 */
export function runCommand(
  command: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? commandTimeoutMsDefault;
  const [program = "", ...programArguments] = command;
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let timedOut = false;
    const child = spawn(program, programArguments, {
      cwd: options.cwd,
      env: childEnvironment(options.env),
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const pid = child.pid;
    if (pid !== undefined) running.add(pid);
    const timer = setTimeout(() => {
      timedOut = true;
      if (pid !== undefined) killGroup(pid);
    }, timeoutMs);
    child.stdout.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    const finish = (code: number | null, ending: string): void => {
      clearTimeout(timer);
      if (pid !== undefined) running.delete(pid);
      resolve({ code, output: Buffer.concat(chunks).toString("utf8"), ending });
    };
    child.on("error", (error) => finish(null, `Cannot run ${program}: ${error.message}`));
    child.on("close", (code, signal) => {
      if (timedOut) finish(null, `no end after ${timeoutMs / 1000} s`);
      else finish(code, signal ?? `exit ${code}`);
    });
  });
}
