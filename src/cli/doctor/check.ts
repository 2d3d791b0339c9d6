import { ExitCode } from "../exit_codes.ts";

/** One thing that `raft doctor` looked at. */
export interface Check {
  readonly name: string;
  readonly status: "ok" | "warning" | "problem";
  /** What was found, with the numbers. */
  readonly message: string;
  /** What to do about it, a step an element. */
  readonly fix: readonly string[];
  /** The exit code that a problem of this kind ends with. */
  readonly exit: ExitCode;
}

/** Something that is as it should be. */
export function fine(name: string, message: string): Check {
  return { name, status: "ok", message, fix: [], exit: ExitCode.ok };
}

/** Something that works, and deserves a look. */
export function warning(name: string, message: string, fix: readonly string[]): Check {
  return { name, status: "warning", message, fix, exit: ExitCode.ok };
}

/** Something that is broken or soon will be. */
export function problem(
  name: string,
  { message, fix, exit = ExitCode.condition }: {
    readonly message: string;
    readonly fix: readonly string[];
    readonly exit?: ExitCode;
  },
): Check {
  return { name, status: "problem", message, fix, exit };
}
