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

/** The environment without what would change what the program does. */
export function cleanEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env)
    .filter(([name]) => !/^(?:RAFT_|BUN_|NODE_|FORCE_COLOR)/.test(name));
  return { ...Object.fromEntries(kept), NO_COLOR: "1" };
}

/** What a command line answered. */
export interface Answer {
  readonly words: readonly string[];
  readonly exit: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  /** The same as it came, also where it is no text. */
  readonly stdoutBytes: Uint8Array;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** A document of `-o json`; the tests know its fields. */
// deno-lint-ignore no-explicit-any
export type Json = any;

/** What a command line runs with. */
export interface RunOptions {
  /** What it reads; nothing unless told. */
  readonly input?: string | Uint8Array;
  /** The folder that it works in. */
  readonly folder?: string;
  /** Variables on top of the clean environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts a command line without waiting for it; `input` stays open and empty. */
export function startRaft(
  words: readonly string[],
  { folder, environment }: Omit<RunOptions, "input"> = {},
): OwnProcess {
  return new OwnProcess({
    command: [...raftCommand, ...words],
    environment: { ...cleanEnvironment(), ...environment },
    ...(folder === undefined ? {} : { folder }),
  });
}

/** Runs a command line to its end, whatever that is. */
export function runRaft(words: readonly string[], options: RunOptions = {}): Promise<Answer> {
  const child = startRaft(words, options);
  child.endInput(options.input);
  return answerOf(child, words);
}

/** What a process that runs with these words has answered in the end. */
export async function answerOf(child: OwnProcess, words: readonly string[]): Promise<Answer> {
  const startMs = performance.now();
  const { code, signal } = await child.ended;
  const text = (chunks: readonly Uint8Array[]): string => Buffer.concat(chunks).toString();
  return {
    words,
    exit: code,
    signal,
    stdout: text(child.output.stdout),
    stdoutBytes: new Uint8Array(Buffer.concat(child.output.stdout)),
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
