/**
 * What is wrong with a data directory, one finding at a time: the lines of `raft log verify`.
 *
 * @module
 */
import type { Index } from "../../types.ts";

/** What kinds of problems there are; scripts rely on the words. */
export type ProblemKind =
  /** A file has a newer format version than this program knows: no damage. */
  | "newer_format"
  /** The system cannot read the file. */
  | "unreadable"
  /** A file that must be there is not. */
  | "missing_file"
  | "bad_identity"
  /** One copy of the hard state, or both; a node mends one from the other. */
  | "bad_hard_state"
  /** The term of the hard state is below that of the log or a snapshot: a vote was forgotten. */
  | "stale_hard_state"
  | "bad_segment_header"
  | "renamed_segment"
  /** A segment of another log lies among the others. */
  | "foreign_segment"
  | "missing_segment"
  /** The header of a unit, or what stands where one must be. */
  | "bad_unit_header"
  /** The file ends inside a unit that was durable. */
  | "cut_unit"
  /** Map, padding or trailer of a unit, while each of its records is good. */
  | "bad_unit"
  | "bad_record"
  /** The checksums are right, but the entries do not follow those before. */
  | "bad_entries"
  /** The end of a closed segment, behind all its entries. */
  | "bad_seal"
  /** Something other than zeros where the format has nothing. */
  | "stray_bytes"
  | "bad_snapshot"
  /** A snapshot of another cluster. */
  | "foreign_snapshot"
  /** The log starts behind the end of the newest snapshot. */
  | "missing_entries"
  /** The node has been a member, but neither log nor snapshot holds a configuration. */
  | "missing_configuration"
  /** The configurations bind the node to another directory: log or snapshot is of that one. */
  | "foreign_log"
  /** A configuration entry whose payload is none. */
  | "bad_configuration";

/** One finding. */
export interface Problem {
  /** The file: the name of a segment, or a path relative to the data directory. */
  readonly segment: string;
  /** Where in the file. */
  readonly offset: number;
  /** The first entry that is in doubt, where the file holds entries. */
  readonly index?: Index;
  /** The last entry that is in doubt, where it is known. */
  readonly lastIndex?: Index;
  readonly kind: ProblemKind;
  /** Whether a node starts all the same, and no entry, vote or snapshot is in doubt. */
  readonly isHarmless?: boolean;
  /** With `unreadable`: the system's word for why, such as `EACCES`, where it said one. */
  readonly code?: string;
  /** What is wrong, for people. */
  readonly message: string;
}
