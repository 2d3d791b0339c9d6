/**
 * A copy of the source with one mutation in it, and runs of the simulator in that copy.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { mutate, type Mutation, type Simulator } from "./mutation.ts";

/** What is tried. */
export interface MutantRun {
  readonly firstSeed: number;
  readonly seeds: number;
  /** How many where it is bare cores: those take milliseconds. */
  readonly coreSeeds: number;
  /** Virtual seconds a seed. */
  readonly seconds: number;
  /** How long all of it may take, in real milliseconds; what hangs was caught. */
  readonly timeoutMs: number;
  /** Ends with the first seed that finds it. */
  readonly stopsAtFirst: boolean;
}

/** What one seed said; `fault` is null where it found nothing. */
export interface SeedResult {
  readonly seed: number;
  readonly fault: string | null;
}

const COPIED = ["src", "scripts/mutations", "package.json", "tsconfig.json"];

/** Runs seeds against a copy of `root` with the mutation; null is the source as it is. */
export async function runMutant(
  root: string,
  mutation: Mutation | null,
  run: MutantRun,
): Promise<SeedResult[]> {
  const copy = mkdtempSync(join(tmpdir(), "raft-mutant-"));
  try {
    for (const path of COPIED) cpSync(join(root, path), join(copy, path), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    if (mutation !== null) {
      const file = join(copy, mutation.file);
      writeFileSync(file, mutate(mutation, readFileSync(file, "utf8")));
    }
    return await runSeeds(root, copy, { ...run, words: wordsOf(mutation, run) });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** The words of run_seeds.ts. */
function wordsOf(mutation: Mutation | null, run: MutantRun): string[] {
  const { simulator = "clusters", kinds = [], cores = {} } = mutation ?? {};
  const words: Record<Simulator, () => readonly unknown[]> = {
    clusters: () => [run.seeds, run.seconds, ...kinds],
    cores: () => [run.coreSeeds, JSON.stringify(cores)],
  };
  return [simulator, run.firstSeed, ...words[simulator]()].map(String);
}

function runSeeds(
  root: string,
  copy: string,
  run: MutantRun & { readonly words: readonly string[] },
): Promise<SeedResult[]> {
  const script = join(copy, "scripts/mutations/run_seeds.ts");
  const bun = join(root, "node_modules/.bin/bun");
  const results: SeedResult[] = [];
  return new Promise((resolve, reject) => {
    const child = spawn(bun, [script, ...run.words], {
      cwd: copy,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const timer = setTimeout(() => {
      const seed = run.firstSeed + results.length;
      results.push({ seed, fault: `did not end within ${run.timeoutMs} ms` });
      child.kill("SIGKILL");
    }, run.timeoutMs);
    createInterface({ input: child.stdout }).on("line", (line) => {
      const result = JSON.parse(line) as SeedResult;
      results.push(result);
      if (result.fault !== null && run.stopsAtFirst) child.kill("SIGKILL");
    });
    child.on("error", reject);
    child.on("close", () => {
      clearTimeout(timer);
      resolve(results);
    });
  });
}
