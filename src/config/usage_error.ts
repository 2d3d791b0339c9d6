/** What a {@linkcode UsageError} tells beyond its message. */
export interface UsageErrorOptions extends ErrorOptions {
  /** Why it cannot be used, one reason an element. */
  readonly why?: readonly string[];
  /** What to do instead, one step an element. */
  readonly fix?: readonly string[];
}

/** A flag, an argument or a configuration that cannot be used: nothing was sent, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** Why it cannot be used. */
  readonly why: readonly string[];
  /** What to do instead. */
  readonly fix: readonly string[];

  /** Creates the error; `message` says what is wrong in one line. */
  constructor(message: string, options: UsageErrorOptions = {}) {
    super(message, options);
    this.why = options.why ?? [];
    this.fix = options.fix ?? [];
  }
}
