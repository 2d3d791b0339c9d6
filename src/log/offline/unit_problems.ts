/**
 * Finds out which entries of a damaged unit are in doubt.
 *
 * @module
 */
import { assert } from "../../assert.ts";
import type { Index } from "../../types.ts";
import { recordEnd, recordFault, recordHeader } from "../record.ts";
import { UNIT_HEADER_BYTES, unitBytes, type UnitHeader } from "../unit.ts";
import type { Problem } from "./problem.ts";

/** A place in a segment from which on entries are in doubt. */
export interface DoubtfulEnd {
  readonly segment: string;
  readonly offset: number;
  readonly index: Index;
  /** The last entry in doubt, where it is known. */
  readonly lastIndex: Index | null;
  readonly fault: string;
}

/** The problem of a place where the header of a unit should be, and is not. */
export function endProblem(end: DoubtfulEnd): Problem {
  const { segment, offset, index, lastIndex, fault } = end;
  const last = lastIndex === null || lastIndex < index ? {} : { lastIndex };
  return { segment, offset, index, ...last, kind: "bad_unit_header", message: fault };
}

/**
 * The problems of a unit whose header is good and whose body is not: the records whose own
 * checksums are wrong, or the unit, where all of them are good.
 *
 * @param unit The unit, as far as the file has it.
 */
export function unitProblems(
  unit: Uint8Array,
  { header, segment, fault }: {
    readonly header: UnitHeader;
    readonly segment: string;
    readonly fault: string;
  },
): Problem[] {
  const { position, firstIndex, recordCount } = header;
  const lastIndex = firstIndex + recordCount - 1;
  assert(unit.length <= unitBytes(header), () => `the unit has ${unit.length} bytes`);
  if (unit.length < unitBytes(header)) {
    const at = { segment, offset: position, index: firstIndex, lastIndex };
    return [{ ...at, kind: "cut_unit", message: fault }];
  }
  const problems = [...badRecords(unit, { header, segment })];
  if (problems.length > 0) return problems;
  const at = { segment, offset: position, index: firstIndex, lastIndex };
  return [{ ...at, kind: "bad_unit", message: fault }];
}

/** The records of a whole unit that are bad, as far as their lengths lead from one to the next. */
function* badRecords(
  unit: Uint8Array,
  { header, segment }: { readonly header: UnitHeader; readonly segment: string },
): Generator<Problem> {
  const records = unit.subarray(0, UNIT_HEADER_BYTES + header.recordBytes);
  const lastIndex = header.firstIndex + header.recordCount - 1;
  let index = header.firstIndex;
  for (let offset = UNIT_HEADER_BYTES; offset < records.length; index += 1) {
    const fault = faultAt(records, offset, index);
    const next = recordEnd(records, offset);
    if (fault === null) {
      offset = next;
      continue;
    }
    const leads = next > offset &&
      (index === lastIndex
        ? next === records.length
        : next < records.length && faultAt(records, next, index + 1) === null);
    const last = leads || index === lastIndex ? {} : { lastIndex };
    yield {
      segment,
      offset: header.position + offset,
      index,
      ...last,
      kind: "bad_record",
      message: `the record of entry ${index} is bad: ${fault}`,
    };
    if (!leads) return;
    offset = next;
  }
}

/** What is wrong with the record that should be that of `index`, or null. */
function faultAt(records: Uint8Array, offset: number, index: Index): string | null {
  const fault = recordFault(records, offset);
  if (fault !== null) return fault;
  const found = recordHeader(records, offset).index;
  return found === index ? null : `its index is ${found}`;
}
