import { type Import, readImports } from "./imports.ts";
import type { Problem, SourceFile } from "./source_file.ts";

/**
 * The parts of the system and the parts that each may import besides itself. ARCHITECTURE.md
 * explains the order; a new arrow is a decision and belongs there too.
 */
const layers: Readonly<Record<string, readonly string[]>> = {
  base: [],
  runtime: ["base"],
  consensus: ["base"],
  wire: ["base", "runtime", "consensus"],
  log: ["base", "runtime", "consensus", "wire"],
  "state_machine": ["base", "runtime", "consensus", "wire"],
  transport: ["base", "runtime", "consensus", "wire"],
  observability: ["base", "runtime", "consensus", "wire"],
  config: ["base", "runtime", "consensus"],
  raft: [
    ...["base", "runtime", "consensus", "wire", "log", "state_machine", "transport"],
    ...["observability", "config"],
  ],
  client: [
    ...["base", "runtime", "consensus", "wire", "state_machine", "transport", "observability"],
    "config",
  ],
  node: [
    ...["base", "runtime", "consensus", "wire", "log", "state_machine", "transport"],
    ...["observability", "config", "raft", "client"],
  ],
  testing: [
    ...["base", "runtime", "consensus", "wire", "log", "state_machine", "transport"],
    ...["observability", "config", "raft", "client", "node"],
  ],
  adapters: ["base", "runtime"],
  // `raft simulate` ships the simulator, so the command line alone reaches into testing.
  cli: [
    ...["base", "runtime", "consensus", "wire", "log", "state_machine", "transport"],
    ...["observability", "config", "raft", "client", "node", "testing", "adapters"],
  ],
  entry: [
    ...["base", "runtime", "consensus", "wire", "log", "state_machine", "transport"],
    ...["observability", "config", "raft", "client", "node", "adapters", "cli"],
  ],
};

/** Packages that one file or folder hides from the rest. */
const packageHomes: readonly { name: string; home: string }[] = [
  { name: "zod", home: "src/config.ts" },
  { name: "commander", home: "src/cli/parser.ts" },
  { name: "cliffy", home: "src/cli/" },
  { name: "cli-progress", home: "src/cli/progress_bar.ts" },
  { name: "capnp-ts", home: "src/wire/" },
  { name: "prom-client", home: "src/observability/prometheus_metrics.ts" },
];

const baseFiles = /^src\/(?:assert|types|limits|errors|bytes|address)\.ts$/;
/** Files directly in src/runtime hold interfaces; everything below is an adapter of a runtime. */
const adapterFiles = /^src\/runtime\/(?:detect\.ts|[^/]+\/)/;

/** Contract suites register tests, so that whoever implements an interface can run them. */
const contractFiles = /^src\/testing\/(?:_\w+|\w+_contract)\.ts$/;
const testBuiltins = new Set(["node:test", "node:assert/strict"]);

/**
 * The part that a file belongs to, or undefined for what never ships.
 *
 * @param path A path relative to the root.
 */
export function layerOf(path: string): string | undefined {
  if (path === "cli.ts" || path === "mod.ts") return "entry";
  if (!path.startsWith("src/")) return undefined;
  if (baseFiles.test(path)) return "base";
  if (path === "src/config.ts") return "config";
  if (adapterFiles.test(path)) return "adapters";
  return path.split("/")[1];
}

function checkLocal(from: string, path: string, imported: Import): string | undefined {
  const to = layerOf(imported.target);
  if (to === undefined) return `Do not import "${imported.target}" from ${path}: it never ships`;
  if (from === to) return undefined;
  const allowed = layers[from];
  if (!allowed) return `Add the part "${from}" to the table in scripts/tidy/layer_rules.ts`;
  if (!allowed.includes(to)) {
    return `Do not import ${to} ("${imported.target}") from ${from}: want one of ${
      allowed.join(", ") || "nothing"
    }`;
  }
  if (from === "wire" && to === "consensus" && !imported.typeOnly) {
    return `Import "${imported.target}" with \`import type\`: wire needs its types only`;
  }
  return undefined;
}

function checkPackage(path: string, imported: Import): string | undefined {
  const { target } = imported;
  if (target.startsWith("node:") || target.startsWith("bun:") || target === "bun") {
    if (path.startsWith("src/runtime/")) return undefined;
    if (contractFiles.test(path) && testBuiltins.has(target)) return undefined;
    return `Do not import "${target}" here: want it behind an interface in src/runtime`;
  }
  const owned = packageHomes.find(({ name }) => target === name || target.startsWith(`${name}/`));
  if (!owned || path.startsWith(owned.home)) return undefined;
  return `Do not import "${target}" here: want it in ${owned.home} only`;
}

/**
 * Imports point down: a part imports only the parts below it, only the runtime folder imports
 * built-ins, and a library with a home is imported nowhere else.
 *
 * @param source The file to check.
 */
export function checkLayers(source: SourceFile): Problem[] {
  const { path } = source;
  const from = layerOf(path);
  if (from === undefined) return [];
  return readImports(source).flatMap((imported) => {
    const message = imported.local
      ? checkLocal(from, path, imported)
      : checkPackage(path, imported);
    return message === undefined ? [] : [{ path, line: imported.line, message }];
  });
}

/**
 * No file imports itself by way of others, types included.
 *
 * @param sources All files.
 */
export function checkCycles(sources: readonly SourceFile[]): Problem[] {
  const graph = new Map(
    sources.map((source) => [source.path, readImports(source).filter(({ local }) => local)]),
  );
  const problems: Problem[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    trail.push(path);
    for (const { target, line } of graph.get(path) ?? []) {
      const start = trail.indexOf(target);
      if (start >= 0) {
        const cycle = [...trail.slice(start), target].join(" → ");
        problems.push({ path, line, message: `Break this cycle of imports: ${cycle}` });
      } else if (!done.has(target)) visit(target);
    }
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) if (!done.has(path)) visit(path);
  return problems;
}
