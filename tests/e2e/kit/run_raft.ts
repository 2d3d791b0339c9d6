/**
 * The program under test as a client: one command line, and everything that it answered.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { OwnProcess } from "./own_process.ts";

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/**
 * The command that starts the program: the compiled binary, or what E2E_RAFT_COMMAND says, such as
 * `node_modules/.bin/bun cli.ts`.
 */
export const raftCommand: readonly string[] = process.env["E2E_RAFT_COMMAND"]?.split(" ") ??
  [join(root, "dist", "raft")];

/** The environment without what would change the program's settings. */
export function cleanEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("RAFT_"));
  return { ...Object.fromEntries(kept), NO_COLOR: "1" };
}

/** What a command line answered. */
export interface Answer {
  readonly words: readonly string[];
  readonly exit: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** A document of `-o json`; the tests know its fields. */
// deno-lint-ignore no-explicit-any
export type Json = any;

/** Starts a command line without waiting for it. */
export function startRaft(words: readonly string[]): OwnProcess {
  return new OwnProcess({ command: [...raftCommand, ...words], environment: cleanEnvironment() });
}

/** Runs a command line to its end, whatever that is. */
export async function runRaft(words: readonly string[]): Promise<Answer> {
  const startMs = performance.now();
  const child = startRaft(words);
  child.endInput();
  const { code, signal } = await child.ended;
  const text = (chunks: readonly Uint8Array[]): string => Buffer.concat(chunks).toString();
  return {
    words,
    exit: code,
    signal,
    stdout: text(child.output.stdout),
    stderr: text(child.output.stderr),
    elapsedMs: performance.now() - startMs,
  };
}

/** An answer as lines, for messages of failures. */
export function describeAnswer({ words, exit, signal, stdout, stderr, elapsedMs }: Answer): string {
  const ended = `exit ${exit ?? signal} after ${Math.round(elapsedMs)} ms`;
  return `raft ${words.join(" ")}: ${ended}\n${stdout}${stderr}`;
}

/** Fails unless the command line ended with this code. */
export function assertExit(answer: Answer, exit: number): void {
  assert.equal(answer.exit, exit, describeAnswer(answer));
}

/** The document on standard output of a command line that has to succeed. */
export function documentOf(answer: Answer): Json {
  assertExit(answer, 0);
  return JSON.parse(answer.stdout);
}

/** The `error` of the document on standard error of a command line that has to fail. */
export function errorOf(answer: Answer): Json {
  assert.notEqual(answer.exit, 0, describeAnswer(answer));
  assert.equal(answer.stdout, "", `An error is not data:\n${describeAnswer(answer)}`);
  return JSON.parse(answer.stderr.trimEnd().split("\n").at(-1) ?? "").error;
}
