import type { StoredEntry } from "../../log/offline/read_entries.ts";
import { EntryKind } from "../../types.ts";
import { toBase64 } from "../bytes_text.ts";
import type { Item } from "../command.ts";
import type { JsonObject } from "../json.ts";
import { decodeEntry } from "./decode_command.ts";

/** What an entry is called. */
const KINDS: Readonly<Record<EntryKind, string>> = {
  [EntryKind.noop]: "noop",
  [EntryKind.command]: "command",
  [EntryKind.configuration]: "configuration",
  [EntryKind.tick]: "tick",
};

const INDEX_WIDTH = 10;
const KIND_WIDTH = 13;
const BYTES_WIDTH = 8;

/** What an entry is, without what it says. */
export function entryFields(entry: StoredEntry): JsonObject {
  const { index, term, kind, timestampMs, payload, segment, offset } = entry;
  return { index, term, kind: KINDS[kind], timestampMs, bytes: payload.length, segment, offset };
}

/** An entry in a list: the document or the line that shows it. */
export function entryItem(entry: StoredEntry, decode: boolean): Item {
  return {
    document: () => ({
      ...entryFields(entry),
      ...(decode ? decodeEntry(entry, { isWhole: false })?.document : {}),
    }),
    line: () => {
      const { index, term, kind, timestampMs, payload } = entry;
      const seconds = (timestampMs / 1000).toFixed(3);
      const text = decode ? decodeEntry(entry, { isWhole: false })?.text ?? "" : "";
      return `${String(index).padStart(INDEX_WIDTH)}  term ${term}  ` +
        `${KINDS[kind].padEnd(KIND_WIDTH)}  ${`${payload.length}B`.padStart(BYTES_WIDTH)}  ` +
        `${seconds}s${text === "" ? "" : `  ${text}`}`;
    },
  };
}

/** An entry as a document that holds everything: what it says, or its payload as it is. */
export function wholeEntry(entry: StoredEntry, decode: boolean): JsonObject {
  const decoded = decode ? decodeEntry(entry, { isWhole: true }) : null;
  if (decoded !== null) return { ...entryFields(entry), ...decoded.document };
  return { ...entryFields(entry), payload: toBase64(entry.payload) };
}
