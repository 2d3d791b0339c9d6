/**
 * Colours and signs for people. Without colour every function returns its text.
 *
 * @module
 */
import type { OutputStream } from "../runtime/process.ts";

/** How text is decorated. */
export interface Style {
  readonly isColored: boolean;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

function decorate(isColored: boolean, code: number): (text: string) => string {
  if (!isColored) return (text) => text;
  const end = code <= 2 ? 22 : 39;
  return (text) => `\x1b[${code}m${text}\x1b[${end}m`;
}

/** A style with or without colour. */
export function createStyle(isColored: boolean): Style {
  return {
    isColored,
    bold: decorate(isColored, 1),
    dim: decorate(isColored, 2),
    red: decorate(isColored, 31),
    green: decorate(isColored, 32),
    yellow: decorate(isColored, 33),
    cyan: decorate(isColored, 36),
  };
}

/** What decides about colour. */
export interface ColorChoice {
  readonly color: "auto" | "always" | "never";
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The style for a stream: the flag decides, then NO_COLOR and FORCE_COLOR, then the terminal. */
export function styleFor(stream: OutputStream, { color, environment }: ColorChoice): Style {
  if (color !== "auto") return createStyle(color === "always");
  if (environment["NO_COLOR"]) return createStyle(false);
  if (environment["FORCE_COLOR"]) return createStyle(environment["FORCE_COLOR"] !== "0");
  return createStyle(stream.isTerminal && environment["TERM"] !== "dumb");
}
