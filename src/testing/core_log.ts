/**
 * Entries and logs for tests of the consensus core, which itself sees indexes and terms only.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { SnapshotSummary } from "../consensus/input.ts";
import type { LogChange } from "../consensus/effects.ts";
import type { IndexedConfiguration } from "../consensus/membership.ts";
import type { EntriesSlice } from "../consensus/messages.ts";
import { type Configuration, EntryKind, type Index, type Member } from "../types.ts";
import type { NodeId, Term, TermRun } from "../types.ts";

/** One entry as a test's log holds it; the entry with index i is at position i - 1. */
export interface CoreEntry {
  readonly term: Term;
  /** Tells entries apart: two that share index and term must share this too. */
  readonly payload: string;
  readonly configuration?: Configuration;
}

/** A snapshot as a test's node stores it: its state is the entries that it covers. */
export interface CoreSnapshot extends SnapshotSummary {
  /** The entries 1 to lastIncludedIndex. */
  readonly entries: readonly CoreEntry[];
}

/** A snapshot of a log with these terms, whose configuration is that of `configurationIndex`. */
export function snapshotOf(
  terms: readonly Term[],
  carried: IndexedConfiguration = { index: 0, configuration: configurationOf([1, 2, 3]) },
): CoreSnapshot {
  const last = terms[terms.length - 1];
  assert(last !== undefined, "a snapshot of nothing");
  return {
    snapshotId: `${terms.length}@${last}`,
    lastIncludedIndex: terms.length,
    lastIncludedTerm: last,
    configurationIndex: carried.index,
    configuration: carried.configuration,
    entries: entriesOfTerms(terms),
  };
}

/** What the driver of a test finds the entries of a message by. */
export interface CoreEntriesSource {
  readonly firstIndex: Index;
  readonly entries: readonly CoreEntry[];
}

/** Members with made-up addresses. */
export function membersOf(ids: readonly NodeId[]): Member[] {
  return ids.map((id) => ({
    id,
    address: `node${id}:7000`,
    instanceId: id.toString(16).padStart(32, "0"),
  }));
}

/** A configuration of these voters, of old ones where it is joint, and of learners. */
export function configurationOf(
  voters: readonly NodeId[],
  others: { readonly votersOld?: readonly NodeId[]; readonly learners?: readonly NodeId[] } = {},
): Configuration {
  return {
    voters: membersOf(voters),
    votersOld: membersOf(others.votersOld ?? []),
    learners: membersOf(others.learners ?? []),
    promotions: [],
  };
}

/** One entry a term, in this order; equal index and term give an equal entry. */
export function entriesOfTerms(terms: readonly Term[], firstIndex: Index = 1): CoreEntry[] {
  return terms.map((term, position) => ({ term, payload: `${firstIndex + position}@${term}` }));
}

/** The stretches of one term. */
export function termRunsOf(entries: readonly CoreEntry[], firstIndex: Index = 1): TermRun[] {
  const runs: TermRun[] = [];
  entries.forEach((entry, position) => {
    const last = runs[runs.length - 1];
    if (last?.term !== entry.term) {
      runs.push({ term: entry.term, firstIndex: firstIndex + position });
    }
  });
  return runs;
}

/** The configurations among the entries, with their indexes. */
export function configurationsOf(
  entries: readonly CoreEntry[],
  firstIndex: Index = 1,
): IndexedConfiguration[] {
  const found: IndexedConfiguration[] = [];
  entries.forEach((entry, position) => {
    if (entry.configuration === undefined) return;
    found.push({ index: firstIndex + position, configuration: entry.configuration });
  });
  return found;
}

/** Entries as a message carries them. */
export function sliceOf(firstIndex: Index, entries: readonly CoreEntry[]): EntriesSlice {
  assert(entries.length > 0, () => `a slice at ${firstIndex} without entries`);
  const source: CoreEntriesSource = { firstIndex, entries };
  return {
    firstIndex,
    lastIndex: firstIndex + entries.length - 1,
    termRuns: termRunsOf(entries, firstIndex),
    configurations: configurationsOf(entries, firstIndex),
    source,
  };
}

/** The entries of an append: a leader's message brings them, or this node makes them. */
export function entriesToAppend(
  append: (LogChange & { type: "append" })["append"],
): CoreEntry[] {
  const count = append.lastIndex - append.firstIndex + 1;
  if (append.kind === null) {
    const source = append.source as CoreEntriesSource;
    const start = append.firstIndex - source.firstIndex;
    assert(
      start >= 0 && start + count === source.entries.length,
      () => `cut ${start} of a message`,
    );
    return source.entries.slice(start);
  }
  if (append.kind === EntryKind.configuration) {
    const configuration = append.source as Configuration;
    const payload = `configuration@${append.term} ${JSON.stringify(configuration)}`;
    return [{ term: append.term, payload, configuration }];
  }
  const payloads = append.source as readonly string[] | null;
  if (payloads === null) return [{ term: append.term, payload: `noop@${append.term}` }];
  assert(payloads.length === count, () => `${payloads.length} payloads for ${count} entries`);
  return payloads.map((payload) => ({ term: append.term, payload }));
}
