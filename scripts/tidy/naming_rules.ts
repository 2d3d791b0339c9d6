import ts from "typescript";
import { lineOf, type Problem, type SourceFile, walk } from "./source_file.ts";

const snakeCasePath = /^(?:[a-z0-9]+(?:_[a-z0-9]+)*\/)*_?[a-z0-9]+(?:_[a-z0-9]+)*\.(?:d\.)?ts$/;

/** Names that say nothing about what a file is for. */
const emptyNames = new Set(["index.ts", "utils.ts", "util.ts", "helpers.ts", "common.ts"]);

/**
 * Files and folders are named in snake_case after what they hold.
 *
 * @param source The file to check.
 */
export function checkFileName({ path }: SourceFile): Problem[] {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (emptyNames.has(name)) {
    const message = `Rename "${name}" after its main symbol; a list of exports is mod.ts`;
    return [{ path, line: 1, message }];
  }
  if (snakeCasePath.test(path)) return [];
  return [{ path, line: 1, message: `Rename this file: want snake_case such as frame_reader.ts` }];
}

/**
 * Exported names are listed one by one, so that a review of the list is a review of the interface.
 *
 * @param source The file to check.
 */
export function checkExportStar(source: SourceFile): Problem[] {
  return source.tree.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement)) return [];
    if (statement.exportClause && ts.isNamedExports(statement.exportClause)) return [];
    const message = "Replace `export *`: want the exported names one by one";
    return [{ path: source.path, line: lineOf(source, statement), message }];
  });
}

function isExported(statement: ts.Statement): boolean {
  if (!ts.canHaveModifiers(statement)) return false;
  const modifiers = ts.getModifiers(statement) ?? [];
  return modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
}

/** The names that a statement declares; one for anything but a list of variables. */
function declaredNames(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  const { name } = statement as { name?: ts.Node };
  return [name?.getText() ?? "default"];
}

/**
 * Every exported symbol has a JSDoc comment; of overloaded functions, the first.
 *
 * @param source The file to check.
 */
export function checkExportDocs(source: SourceFile): Problem[] {
  if (source.path.startsWith("tests/")) return [];
  const documented = new Set<string>();
  const problems: Problem[] = [];
  for (const statement of source.tree.statements) {
    if (!isExported(statement)) continue;
    const hasDocs = ts.getJSDocCommentsAndTags(statement).length > 0;
    for (const name of declaredNames(statement)) {
      if (hasDocs) documented.add(name);
      if (documented.has(name)) continue;
      const message = `Document ${name}: want a JSDoc comment that says what it is for`;
      problems.push({ path: source.path, line: lineOf(source, statement), message });
    }
  }
  return problems;
}

/** Globals that only the runtime adapters may name. */
const runtimeGlobals = new Set(["Deno", "Bun", "process", "Buffer"]);

/** Where the globals of a runtime are at home: its adapters, and what never ships. */
function mayNameRuntime(path: string): boolean {
  return ["src/runtime/", "scripts/", "tests/"].some((folder) => path.startsWith(folder));
}

/**
 * Only the runtime adapters name `Deno`, `Bun` and Node's globals.
 *
 * @param source The file to check.
 */
export function checkRuntimeGlobals(source: SourceFile): Problem[] {
  if (mayNameRuntime(source.path)) return [];
  const problems: Problem[] = [];
  walk(source.tree, (node) => {
    if (!ts.isPropertyAccessExpression(node) || !ts.isIdentifier(node.expression)) return;
    const name = node.expression.text;
    if (!runtimeGlobals.has(name)) return;
    const message = `Replace ${name}.${node.name.text}: want a Runtime that is passed in`;
    problems.push({ path: source.path, line: lineOf(source, node), message });
  });
  return problems;
}
