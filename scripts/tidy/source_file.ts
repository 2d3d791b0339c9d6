import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { findFiles } from "../gate/find_files.ts";

/** A parsed TypeScript file of this repository. */
export interface SourceFile {
  /** Relative to the root, with "/" between. */
  path: string;
  text: string;
  tree: ts.SourceFile;
}

/** Where a rule is broken and what is wanted instead. */
export interface Problem {
  path: string;
  /** Counted from 1. */
  line: number;
  message: string;
}

/** Written by the schema compiler; its style is not ours. */
const generatedFolder = "src/wire/generated/";

/**
 * Parses a file that need not exist on disk.
 *
 * @param path Its path relative to the root, which decides which rules hold for it.
 * @param text Its contents.
 */
export function parseSource(path: string, text: string): SourceFile {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  return { path, text, tree };
}

/**
 * Every TypeScript file of ours, generated code apart.
 *
 * @param root The root of the repository.
 */
export function loadSources(root: string): SourceFile[] {
  return findFiles(root, "")
    .filter((path) => path.endsWith(".ts") && !path.startsWith(generatedFolder))
    .map((path) => parseSource(path, readFileSync(join(root, path), "utf8")));
}

/**
 * The line of a node, counted from 1, without the comments above it.
 *
 * @param source The file.
 * @param node A node of its tree.
 */
export function lineOf(source: SourceFile, node: ts.Node): number {
  return source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree)).line + 1;
}

/**
 * Visits a node and everything below it, parents first.
 *
 * @param node Where to start.
 * @param visit Is called with every node.
 */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/**
 * A problem as a person and an editor's terminal read it.
 *
 * @param problem What to print.
 */
export function formatProblem({ path, line, message }: Problem): string {
  return `${path}:${line}: ${message}`;
}
