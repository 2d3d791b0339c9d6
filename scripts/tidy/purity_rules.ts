import ts from "typescript";
import { lineOf, type Problem, type SourceFile, walk } from "./source_file.ts";

/** The folders whose code must give the same answer to the same input, always. */
const pureFolders = ["src/consensus/", "src/state_machine/"];

/** Parts of the language that are not functions of their arguments. */
const impureProperties = new Set(["Date.now", "Math.random"]);

function impureNameOf(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) {
    const name = `${node.expression.getText()}.${node.name.text}`;
    return impureProperties.has(name) ? name : undefined;
  }
  if (ts.isNewExpression(node) && node.expression.getText() === "Date") return "new Date";
  return ts.isIdentifier(node) && node.text === "globalThis" ? node.text : undefined;
}

/**
 * The consensus core and the state machine use no clock, no randomness and no global object.
 *
 * @param source The file to check.
 */
export function checkImpureNames(source: SourceFile): Problem[] {
  if (!pureFolders.some((folder) => source.path.startsWith(folder))) return [];
  const problems: Problem[] = [];
  walk(source.tree, (node) => {
    const name = impureNameOf(node);
    if (name === undefined) return;
    const message = `Replace ${name}: want time and randomness as inputs`;
    problems.push({ path: source.path, line: lineOf(source, node), message });
  });
  return problems;
}
