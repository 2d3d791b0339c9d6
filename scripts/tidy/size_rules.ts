import ts from "typescript";
import { lineOf, type Problem, type SourceFile, walk } from "./source_file.ts";

const functionLinesMax = 70;
const fileLinesMax = 500;
const lineColumnsMax = 100;

/** Files whose functions are limited; the callbacks of a test suite are not functions to read. */
function limitsFunctions(path: string): boolean {
  return !path.startsWith("tests/");
}

function nameOf(node: ts.Node): string {
  const named = node as { name?: ts.Node };
  if (named.name) return named.name.getText();
  const parent = node.parent as { name?: ts.Node } | undefined;
  return parent?.name?.getText() ?? "(anonymous)";
}

/**
 * No function is longer than 70 lines, from its signature to its closing brace.
 *
 * @param source The file to check.
 */
export function checkFunctionLength(source: SourceFile): Problem[] {
  if (!limitsFunctions(source.path)) return [];
  const problems: Problem[] = [];
  walk(source.tree, (node) => {
    if (!ts.isFunctionLike(node) || !("body" in node) || !node.body) return;
    const line = lineOf(source, node);
    const lastLine = source.tree.getLineAndCharacterOfPosition(node.getEnd()).line + 1;
    const lines = lastLine - line + 1;
    if (lines <= functionLinesMax) return;
    const message = `Split ${nameOf(node)}: it has ${lines} lines, want ≤ ${functionLinesMax}`;
    problems.push({ path: source.path, line, message });
  });
  return problems;
}

/**
 * No file is longer than 500 lines.
 *
 * @param source The file to check.
 */
export function checkFileLength(source: SourceFile): Problem[] {
  const lines = source.text.trimEnd().split("\n").length;
  if (lines <= fileLinesMax) return [];
  const message = `Split this file: it has ${lines} lines, want ≤ ${fileLinesMax}`;
  return [{ path: source.path, line: lines, message }];
}

/**
 * No line is longer than 100 columns; the formatter does not break comments and strings.
 *
 * @param source The file to check.
 */
export function checkLineLength(source: SourceFile): Problem[] {
  return source.text.split("\n").flatMap((text, i) => {
    const columns = [...text].length;
    if (columns <= lineColumnsMax) return [];
    const message = `Break this line: it has ${columns} columns, want ≤ ${lineColumnsMax}`;
    return [{ path: source.path, line: i + 1, message }];
  });
}
