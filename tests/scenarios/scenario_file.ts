/**
 * The form of a scenario: a story of commands, each with the output that it gives.
 *
 * ```
 * # What the story tells.
 * elect 1
 * ----
 * 1 -> 2 …
 *
 * deliver to=2
 * ----
 * ok
 * ```
 *
 * A step is one command, a line of four dashes, and its output up to an empty line.
 */
import assert from "node:assert/strict";

/** One step. */
export interface ScenarioStep {
  /** The comment and empty lines before the command, as they are. */
  readonly lead: string;
  /** The words of the command. */
  readonly words: readonly string[];
  /** The command as it is written. */
  readonly command: string;
  /** The output that the file expects. */
  readonly expected: string;
  /** The line of the command, from 1 on. */
  readonly line: number;
}

const SEPARATOR = "----";

/** Reads a scenario. */
export function parseScenario(text: string): ScenarioStep[] {
  const lines = text.trimEnd().split("\n");
  const steps: ScenarioStep[] = [];
  let position = 0;
  while (position < lines.length) {
    const lead: string[] = [];
    while (position < lines.length && /^(#|$)/.test(lines[position]!)) {
      lead.push(lines[position]!);
      position += 1;
    }
    if (position === lines.length) break;
    const line = position + 1;
    const command = lines[position]!;
    assert.equal(lines[position + 1], SEPARATOR, `line ${line + 1} is not "${SEPARATOR}"`);
    position += 2;
    const output: string[] = [];
    while (position < lines.length && lines[position] !== "") {
      output.push(lines[position]!);
      position += 1;
    }
    const expected = output.join("\n");
    steps.push({
      lead: lead.join("\n"),
      words: command.trim().split(/\s+/),
      command,
      expected,
      line,
    });
  }
  return steps;
}

/** Writes a scenario with these outputs. */
export function printScenario(
  steps: readonly ScenarioStep[],
  outputs: readonly string[],
): string {
  const parts = steps.map((step, i) => {
    const lead = step.lead === "" ? "" : `${step.lead}\n`;
    return `${lead}${step.command}\n${SEPARATOR}\n${outputs[i]}\n`;
  });
  // An empty line ends each output; the lead of the next step may start with it.
  return parts.map((part, i) => i === 0 || part.startsWith("\n") ? part : `\n${part}`).join("");
}
