/**
 * The only renderer: turns what a command returns into text, JSON or a table. Data goes to standard
 * output; what is said to people goes to standard error.
 *
 * @module
 */
import type { OutputStream } from "../runtime/process.ts";
import type { CommandResult, Table } from "./command.ts";
import { errorDocument, type ErrorReport, formatErrorText } from "./error_report.ts";
import { readField } from "./field_path.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import type { Style } from "./style.ts";

/** How results are printed. */
export interface OutputOptions {
  readonly format: "text" | "json" | "table";
  /** Print this field alone. */
  readonly field: string | undefined;
  /** Whether bytes are followed by a line end even where nobody watches: between shell lines. */
  readonly endsLines?: boolean;
  /** Whether data alone is wanted: notes are not printed. */
  readonly isQuiet?: boolean;
}

/** A JSON document: on one line for programs, indented on a terminal. */
export function formatJson(document: Json, isTerminal: boolean): string {
  return `${JSON.stringify(document, null, isTerminal ? 2 : undefined)}\n`;
}

/** One field: text as it is, everything else as JSON. */
export function formatField(value: Json): string {
  return typeof value === "string" ? `${value}\n` : `${JSON.stringify(value)}\n`;
}

/** A value in a cell or behind a name. */
function formatValue(value: Json | undefined): string {
  if (value === null || value === undefined) return "-";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The fields of a document, one a line, for commands without a text of their own. */
function formatFields(document: JsonObject): string {
  const entries = Object.entries(document).filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${formatValue(value)}\n`).join("");
}

/** A table for a document that brings none: the first list of objects in it, or its fields. */
function tableOf(document: JsonObject): Table {
  const lists = Object.values(document).filter((value) => Array.isArray(value)) as Json[][];
  const rows = lists.find((list) => list.length > 0 && list.every(isJsonObject)) as
    | JsonObject[]
    | undefined;
  if (rows === undefined) {
    const fields = Object.entries(document).map(([name, value]) => [name, formatValue(value)]);
    return { columns: ["field", "value"], rows: fields };
  }
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return {
    columns,
    rows: rows.map((row) => columns.map((column) => formatValue(row[column]))),
  };
}

/** Draws a table; the library is loaded by the first one. */
async function drawTable(table: Table, style: Style): Promise<string> {
  const library = await import("cli-table3");
  const Drawing = library.default;
  const drawing = new Drawing({
    head: table.columns.map((column) => style.bold(column)),
    style: { head: [], border: [] },
  });
  for (const row of table.rows) drawing.push([...row]);
  return `${drawing.toString()}\n`;
}

const LINE_END = 10;

/** Writes bytes as they are; without `endsLine` nothing is added. */
async function writeRaw(
  stream: OutputStream,
  { bytes, endsLine }: { bytes: Uint8Array; endsLine: boolean },
): Promise<void> {
  await stream.write(bytes);
  if (endsLine && bytes[bytes.length - 1] !== LINE_END) await stream.write("\n");
}

/** Where and how to print. */
export interface Renderer {
  readonly output: OutputStream;
  readonly errors: OutputStream;
  /** The style of standard output. */
  readonly style: Style;
  /** The style of standard error. */
  readonly errorStyle: Style;
}

/**
 * Prints a result. Throws a NoSuchFieldError where `--field` names none.
 *
 * @param renderer Where to print.
 * @param result What the command returned.
 * @param options How to print it.
 */
export async function renderResult(
  { renderer, result, options }: {
    renderer: Renderer;
    result: CommandResult;
    options: OutputOptions;
  },
): Promise<void> {
  const { output, style } = renderer;
  if (result.isPrinted) return;
  if (options.field !== undefined) {
    await output.write(formatField(readField(result.document, options.field)));
  } else if (options.format === "json") {
    await output.write(formatJson(result.document, output.isTerminal));
  } else if (options.format === "table") {
    await output.write(await drawTable(result.table ?? tableOf(result.document), style));
  } else if (result.text instanceof Uint8Array) {
    const endsLine = output.isTerminal || options.endsLines === true;
    await writeRaw(output, { bytes: result.text, endsLine });
  } else {
    const text = result.text ?? formatFields(result.document);
    await output.write(text === "" || text.endsWith("\n") ? text : `${text}\n`);
  }
  if (options.isQuiet === true) return;
  for (const note of result.notes ?? []) await renderer.errors.write(`${note}\n`);
}

/** Prints an error on standard error: as text, or as the error document with `-o json`. */
export async function renderError(
  { renderer, report, options }: {
    renderer: Renderer;
    report: ErrorReport;
    options: OutputOptions;
  },
): Promise<void> {
  const text = options.format === "json"
    ? formatJson(errorDocument(report), false)
    : formatErrorText(report, renderer.errorStyle);
  await renderer.errors.write(text);
}
