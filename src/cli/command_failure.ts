import type { Applied } from "../errors.ts";
import type { ExitCode } from "./exit_codes.ts";

/** What is known of a failed command. */
export interface CommandFailureOptions extends ErrorOptions {
  /** The code to end with. */
  readonly exit: ExitCode;
  /** Whether it took effect; `no` unless told. */
  readonly applied?: Applied;
  /** Why it failed, one line an element. */
  readonly why?: readonly string[];
  /** What to do about it, one step an element. */
  readonly fix?: readonly string[];
  /** Whether the same command may succeed later; false unless told. */
  readonly isRetryable?: boolean;
}

/** A command that could not do what it was asked, and knows why: not found, a failed compare. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exit: ExitCode;
  readonly applied: Applied;
  readonly why: readonly string[];
  readonly fix: readonly string[];
  readonly isRetryable: boolean;

  /** Creates the failure; `message` says what happened in one line. */
  constructor(message: string, options: CommandFailureOptions) {
    super(message, options);
    this.exit = options.exit;
    this.applied = options.applied ?? "no";
    this.why = options.why ?? [];
    this.fix = options.fix ?? [];
    this.isRetryable = options.isRetryable ?? false;
  }
}
