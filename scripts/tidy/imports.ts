import { posix } from "node:path";
import ts from "typescript";
import { lineOf, type SourceFile } from "./source_file.ts";

/** One import or re-export. */
export interface Import {
  /** The file relative to the root, or the name of a package or built-in. */
  target: string;
  /** Whether the target is a file of this repository. */
  local: boolean;
  /** Whether only types cross, so that nothing is loaded. */
  typeOnly: boolean;
  line: number;
}

/** Whether an import or export declaration moves types only. */
function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) {
    if (node.isTypeOnly) return true;
    const clause = node.exportClause;
    return !!clause && ts.isNamedExports(clause) && clause.elements.every((e) => e.isTypeOnly);
  }
  const clause = node.importClause;
  if (!clause) return false;
  if (clause.isTypeOnly) return true;
  const bindings = clause.namedBindings;
  if (clause.name || !bindings || !ts.isNamedImports(bindings)) return false;
  return bindings.elements.every((element) => element.isTypeOnly);
}

function toImport(source: SourceFile, node: ts.Node, name: string, typeOnly: boolean): Import {
  const local = name.startsWith(".");
  const target = local ? posix.join(posix.dirname(source.path), name) : name;
  return { target, local, typeOnly, line: lineOf(source, node) };
}

/**
 * Every import of a file: static, re-exported and dynamic with a literal name.
 *
 * @param source The file to read.
 */
export function readImports(source: SourceFile): Import[] {
  const imports: Import[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      const name = (node.moduleSpecifier as ts.StringLiteral).text;
      imports.push(toImport(source, node, name, isTypeOnly(node)));
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteralLike(argument)) {
        imports.push(toImport(source, node, argument.text, false));
      }
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      const name = (node.argument.literal as ts.StringLiteral).text;
      imports.push(toImport(source, node, name, true));
    }
    ts.forEachChild(node, visit);
  };
  visit(source.tree);
  return imports;
}
