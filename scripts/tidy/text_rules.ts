import ts from "typescript";
import { lineOf, type Problem, type SourceFile, walk } from "./source_file.ts";

/** A comment with a note for later and nobody in brackets who will do it. */
const ownerlessNote = /(?:\/\/|\*).*\b(TODO|FIXME|XXX)\b(?!\([^)\s][^)]*\))/;

/** Places that exist on one machine only. */
const machinePath = new RegExp(
  `(?:^|[\\s"'\`(=])(/(?:${["home", "root", "Users", "work"].join("|")})/[\\w.-]+)`,
);

const registryHost = /https?:\/\/registry\.[\w.-]+/;

/** Checks a file line by line. */
function checkLines(
  path: string,
  text: string,
  check: (line: string) => string | undefined,
): Problem[] {
  return text.split("\n").flatMap((line, i) => {
    const message = check(line);
    return message === undefined ? [] : [{ path, line: i + 1, message }];
  });
}

/**
 * Every note for later names an owner or an issue, as in `NOTE(name)`.
 *
 * @param source The file to check.
 */
export function checkNoteOwners(source: SourceFile): Problem[] {
  // This file has to spell the words.
  if (source.path === "scripts/tidy/text_rules.ts") return [];
  return checkLines(source.path, source.text, (line) => {
    const note = ownerlessNote.exec(line)?.[1];
    return note && `Give the ${note} an owner or an issue: want ${note}(name) or ${note}(#1)`;
  });
}

/**
 * No file names a place on somebody's machine, or the host of a package registry.
 *
 * @param path The file.
 * @param text Its contents; any text file will do.
 */
export function checkMachinePaths(path: string, text: string): Problem[] {
  return checkLines(path, text, (line) => {
    const found = machinePath.exec(line)?.[1] ?? registryHost.exec(line)?.[0];
    return found && `Remove "${found}": want a path below the repository or a temporary folder`;
  });
}

/**
 * No sort without a comparator, because the default one sorts numbers as text.
 *
 * @param source The file to check.
 */
export function checkBareSort(source: SourceFile): Problem[] {
  const problems: Problem[] = [];
  walk(source.tree, (node) => {
    if (!ts.isCallExpression(node) || node.arguments.length > 0) return;
    if (!ts.isPropertyAccessExpression(node.expression)) return;
    const name = node.expression.name.text;
    if (name !== "sort" && name !== "toSorted") return;
    const message = `Pass a comparator to ${name}(): want ${name}((a, b) => a - b) for numbers`;
    problems.push({ path: source.path, line: lineOf(source, node), message });
  });
  return problems;
}
