/**
 * A reporter for Node: one JSON line for every test and suite that ended. The lines of Node's own
 * reporters cannot be told apart from what a test prints.
 *
 * This is plain JavaScript because Node loads reporters before `--import` takes effect.
 * node_report.ts reads what it writes.
 */

function reasonOf({ skip, todo }) {
  if (typeof skip === "string") return skip;
  if (skip) return "";
  if (typeof todo === "string" && todo !== "") return `todo: ${todo}`;
  return todo ? "todo" : undefined;
}

/** Turns the events of the test runner into lines. */
// deno-lint-ignore explicit-module-boundary-types
export default async function* report(source) {
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const line = {
      ok: type === "test:pass",
      name: data.name,
      nesting: data.nesting,
      skip: reasonOf(data),
    };
    yield `${JSON.stringify(line)}\n`;
  }
}
