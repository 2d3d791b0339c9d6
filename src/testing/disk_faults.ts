/**
 * What a simulated disk may do to those who use it, and when.
 *
 * @module
 */
import type { Latency } from "./latency.ts";

/** The calls that a program makes to its files; each is a place where it may crash. */
export type DiskCallKind =
  | "open"
  | "readDirectory"
  | "makeDirectory"
  | "rename"
  | "remove"
  | "size"
  | "freeBytes"
  | "syncDirectory"
  | "lock"
  | "unlock"
  | "write"
  | "sync"
  | "read"
  | "truncate"
  | "close";

/** One call to a file or a directory. */
export interface DiskCall {
  readonly kind: DiskCallKind;
  readonly path: string;
  /** Counts the calls to this disk from 1. */
  readonly number: number;
}

/** What becomes of a call: done, a loss of power before or after its effect, or an error. */
export type DiskVerdict = "ok" | "crash-before" | "crash-after" | Error;

/** The manners of a disk. The fields may be changed in the middle of a run. */
export interface DiskFaults {
  /** How long a sync takes. */
  syncLatency: Latency;
  /** How long a read takes. */
  readLatency: Latency;
  /** How long every other call takes that is not synchronous. */
  metadataLatency: Latency;
  /** How often a write is followed by the kernel writing something back before any sync. */
  writeBackChance: number;
  /** How often a sync fails with `EIO`. */
  syncErrorChance: number;
  /** How often a read fails with `EIO`. */
  readErrorChance: number;
  /** How often a write fails with `EIO`, with some of its bytes written. */
  writeErrorChance: number;
  /** How many bytes all files together may have; a write beyond it fails with `ENOSPC`. */
  capacityBytes: number;
  /** Asked at each call; null says ok. */
  onCall: ((call: DiskCall) => DiskVerdict) | null;
}

/** A quick and faithful disk: what it does wrong is switched on by the test. */
export function calmDisk(): DiskFaults {
  return {
    syncLatency: { minMs: 0.125, typicalMs: 0.5, tailChance: 0.01, tailMs: 20 },
    readLatency: { minMs: 0.03125, typicalMs: 0.125, tailChance: 0.01, tailMs: 5 },
    metadataLatency: { minMs: 0.015625, typicalMs: 0.0625, tailChance: 0, tailMs: 0 },
    writeBackChance: 0.05,
    syncErrorChance: 0,
    readErrorChance: 0,
    writeErrorChance: 0,
    capacityBytes: Infinity,
    onCall: null,
  };
}
