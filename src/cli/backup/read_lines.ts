/**
 * Reads a file or standard input line by line, in bounded memory.
 *
 * @module
 */
import { IMPORT_LINE_BYTES_MAX } from "../../limits.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { concatenate } from "../bytes_text.ts";

/** How much of a file is read at a time. */
const READ_BYTES = 64 * 1024;

const LINE_END = 10;

/** A line without its end. */
export interface NumberedLine {
  /** From 1 on. */
  readonly number: number;
  /** What it says; empty where it is at fault. */
  readonly text: string;
  /** Why it cannot be read, or null. */
  readonly fault: string | null;
  /** The bytes up to its end, those of the lines before included. */
  readonly endBytes: number;
}

/** The bytes of a file, in pieces. */
export async function* readPieces(runtime: Runtime, path: string): AsyncGenerator<Uint8Array> {
  const file = await runtime.files.open(path, "read");
  try {
    for (let at = 0;;) {
      const bytes = new Uint8Array(READ_BYTES);
      const count = await file.read(bytes, at);
      if (count === 0) return;
      at += count;
      yield bytes.subarray(0, count);
    }
  } finally {
    await file.close();
  }
}

/**
 * The lines in pieces of bytes; a last one without an end counts, one that is empty does not. A
 * line that is too long is the last.
 */
export async function* splitLines(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<NumberedLine, void> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let endBytes = 0;
  let number = 1;
  const take = (last: Uint8Array): NumberedLine => {
    const text = decode(concatenate([...held, last]));
    held = [];
    heldBytes = 0;
    endBytes += last.length;
    return { number, text: text ?? "", fault: text === null ? "it is no UTF-8" : null, endBytes };
  };
  for await (const piece of pieces) {
    let start = 0;
    for (let end = piece.indexOf(LINE_END); end >= 0; end = piece.indexOf(LINE_END, start)) {
      const line = take(piece.subarray(start, end + 1));
      if (line.text !== "" || line.fault !== null) yield line;
      start = end + 1;
      number += 1;
    }
    const rest = piece.subarray(start);
    held.push(rest);
    heldBytes += rest.length;
    endBytes += rest.length;
    if (heldBytes <= IMPORT_LINE_BYTES_MAX) continue;
    const fault = `it has more than ${IMPORT_LINE_BYTES_MAX} bytes`;
    yield { number, text: "", fault, endBytes };
    return;
  }
  const last = take(new Uint8Array(0));
  if (last.text !== "" || last.fault !== null) yield last;
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } catch {
    return null;
  }
}
