/**
 * Results of several rounds: medians, ratios, and a table of them.
 *
 * @module
 */
import Table from "cli-table3";
import { figureMeanings, type Figures, mediansOf } from "./figures.ts";
import type { Measurement } from "./scenario.ts";

/** All rounds of one measurement of one system. */
export interface Result {
  readonly scenario: string;
  readonly name: string;
  readonly system: string;
  readonly rounds: readonly Figures[];
  /** The median of each figure. */
  readonly medians: Figures;
  /** For each figure, what the first system has as a multiple of this one; not of the first. */
  readonly ratios?: Figures;
}

/** Collects measurements. */
export class Results {
  readonly #rounds = new Map<string, { scenario: string; system: string; rounds: Measurement[] }>();

  /** Takes what one round has measured. */
  add(
    { scenario, system }: { readonly scenario: string; readonly system: string },
    measurements: readonly Measurement[],
  ): void {
    for (const measurement of measurements) {
      const key = JSON.stringify([scenario, measurement.name, system]);
      const entry = this.#rounds.get(key) ?? { scenario, system, rounds: [] };
      entry.rounds.push(measurement);
      this.#rounds.set(key, entry);
    }
  }

  /** Every measurement of every system; those of one measurement stand together. */
  list(): Result[] {
    const results = [...this.#rounds.values()].map(({ scenario, system, rounds }): Result => {
      const figures = rounds.map((round) => round.figures);
      return {
        scenario,
        name: rounds[0]!.name,
        system,
        rounds: figures,
        medians: mediansOf(figures),
      };
    });
    const whatOf = ({ scenario, name }: Result): string => JSON.stringify([scenario, name]);
    return [...new Set(results.map(whatOf))].flatMap((what) => {
      const [first, ...others] = results.filter((result) => whatOf(result) === what);
      const ratio = (other: Result): Result => ({
        ...other,
        ratios: ratiosOf(first!.medians, other.medians),
      });
      return [first!, ...others.map(ratio)];
    });
  }
}

function ratiosOf(first: Figures, other: Figures): Figures {
  const names = Object.keys(first).filter((name) => (other[name] ?? 0) > 0);
  return Object.fromEntries(
    names.map((name) => [name, Math.round((100 * first[name]!) / other[name]!) / 100]),
  );
}

function shown(value: number | undefined): string {
  if (value === undefined) return "";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/** A table for each scenario: medians, and the first system as a multiple of each other one. */
export function tablesOf(results: readonly Result[]): string {
  const scenarios = [...new Set(results.map(({ scenario }) => scenario))];
  return scenarios.map((scenario) => {
    const rows = results.filter((result) => result.scenario === scenario);
    const columns = Object.keys(figureMeanings)
      .filter((name) => rows.some(({ medians }) => medians[name] !== undefined));
    const table = new Table({
      head: ["", "system", ...columns.map((name) => figureMeanings[name]!.title)],
      style: { head: [], border: [] },
      chars: { "mid": "", "left-mid": "", "mid-mid": "", "right-mid": "" },
      colAligns: ["left", "left", ...columns.map(() => "right" as const)],
    });
    rows.forEach(({ name, system, medians, ratios }, row) => {
      const isSame = rows[row - 1]?.name === name;
      table.push([isSame ? "" : name, system, ...columns.map((column) => shown(medians[column]))]);
      if (ratios === undefined) return;
      const ratioCells = columns.map((column) =>
        figureMeanings[column]!.isMoreBetter === null || ratios[column] === undefined
          ? ""
          : `× ${shown(ratios[column])}`
      );
      table.push(["", `raft / ${system}`, ...ratioCells]);
    });
    return table.toString();
  }).join("\n\n");
}
