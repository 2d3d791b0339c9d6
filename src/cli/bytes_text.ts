/**
 * Bytes as text and back: for arguments, results and the keys of messages.
 *
 * @module
 */
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../limits.ts";
import { formatSize } from "../config/units.ts";
import { UsageError } from "../config/usage_error.ts";
import { TooLargeError } from "../errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes are turned into characters in pieces: a call takes so many arguments only. */
const PIECE_BYTES = 8192;

/** UTF-8. */
export function toBytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text that the bytes are, or null where they are not UTF-8. */
export function toText(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/** Base64, with padding. */
export function toBase64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    pieces.push(String.fromCharCode(...bytes.subarray(start, start + PIECE_BYTES)));
  }
  return btoa(pieces.join(""));
}

/** A value in a document: text, or base64 with `encoding`. */
export function valueFields(
  bytes: Uint8Array,
): { readonly value: string; readonly encoding?: "base64" } {
  const text = toText(bytes);
  return text === null ? { value: toBase64(bytes), encoding: "base64" } : { value: text };
}

/** A key in a document: text, or base64 with `keyEncoding`. */
export function keyFields(
  bytes: Uint8Array,
): { readonly key: string; readonly keyEncoding?: "base64" } {
  const text = toText(bytes);
  return text === null ? { key: toBase64(bytes), keyEncoding: "base64" } : { key: text };
}

/** A key in a line for people: control characters cannot play with the terminal. */
export function printable(bytes: Uint8Array): string {
  const text = toText(bytes);
  if (text === null) return `base64:${toBase64(bytes)}`;
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/** The bytes of a key; refused here if no node would take it. */
export function keyBytes(text: string): Uint8Array {
  if (text === "") {
    throw new UsageError("Cannot use an empty key", { fix: ["a key has at least one byte"] });
  }
  const bytes = toBytes(text);
  if (bytes.length > KEY_BYTES_MAX) {
    throw new TooLargeError(
      `Cannot use the key: it has ${bytes.length} bytes, want at most ${KEY_BYTES_MAX} ` +
        `(${formatSize(KEY_BYTES_MAX)})`,
    );
  }
  return bytes;
}

/** Refuses a value that no node would take. */
export function checkValue(value: Uint8Array): Uint8Array {
  if (value.length <= VALUE_BYTES_MAX) return value;
  throw new TooLargeError(
    `Cannot use the value: it has ${value.length} bytes, want at most ${VALUE_BYTES_MAX} ` +
      `(${formatSize(VALUE_BYTES_MAX)})`,
  );
}

/** Joins chunks. */
export function concatenate(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let position = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, position);
    position += chunk.length;
  }
  return bytes;
}
