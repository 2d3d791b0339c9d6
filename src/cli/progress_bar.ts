/**
 * A bar on the terminal for work that takes seconds. It goes to standard error, and only where a
 * person reads it; nothing is shown of what is done within the first moment.
 *
 * @module
 */
import type { SingleBar } from "cli-progress";
import { formatSize } from "../config/units.ts";
import type { CommandContext } from "./command.ts";

/** How long work may take before the bar appears, and how often it is drawn. */
const PATIENCE_MS = 300;
const REDRAW_MS = 100;

/** How far some work is, in bytes. */
export interface Progress {
  /** Notes how far it is; cheap enough to be called often. */
  update(doneBytes: number, totalBytes: number): void;
  /** Takes the bar away. */
  end(): void;
}

const SILENT: Progress = { update: () => {}, end: () => {} };

/**
 * A bar for the work of this command.
 *
 * @param label What is done, such as `reading the log`.
 */
export async function startProgress(
  { host, globals }: Pick<CommandContext, "host" | "globals">,
  label: string,
): Promise<Progress> {
  const { standardError } = host;
  if (!standardError.isTerminal || globals.quiet) return SILENT;
  const { SingleBar } = (await import("cli-progress")).default;
  const stream = {
    isTTY: true,
    columns: standardError.columns,
    write: (text: string, callback?: () => void): boolean => {
      standardError.write(text).then(callback, callback);
      return true;
    },
  };
  const bar = new SingleBar({
    stream: stream as unknown as NodeJS.WritableStream,
    format: `${label} {bar} {percentage}%  {done} of {all}`,
    barsize: 32,
    // A signal ends this process as it does without a bar, so nothing may need to be put back.
    hideCursor: false,
    gracefulExit: false,
    clearOnComplete: true,
    noTTYOutput: false,
    synchronousUpdate: false,
    barCompleteChar: "#",
    barIncompleteChar: "-",
  });
  return new DrawnProgress(bar, host);
}

class DrawnProgress implements Progress {
  readonly #bar: SingleBar;
  readonly #host: CommandContext["host"];
  #nextMs: number;
  #isShown = false;

  constructor(bar: SingleBar, host: CommandContext["host"]) {
    this.#bar = bar;
    this.#host = host;
    this.#nextMs = host.nowMs() + PATIENCE_MS;
  }

  update(doneBytes: number, totalBytes: number): void {
    const nowMs = this.#host.nowMs();
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + REDRAW_MS;
    const words = { done: formatSize(doneBytes), all: formatSize(totalBytes) };
    if (!this.#isShown) this.#bar.start(totalBytes, doneBytes, words);
    this.#isShown = true;
    this.#bar.setTotal(totalBytes);
    this.#bar.update(doneBytes, words);
    // The library draws by a timer, which does not fire while the loop is busy.
    this.#bar.render();
  }

  end(): void {
    if (this.#isShown) this.#bar.stop();
  }
}
