/**
 * Byte strings: texts whose character codes are bytes, one for one. As keys of maps they are the
 * fastest form of bytes that the engines have; comparing two orders them byte by byte; and they
 * take one byte a character.
 *
 * @module
 */

const CHARACTERS_PER_CALL = 4096;

/** The byte string of `bytes`. */
export function toByteString(bytes: Uint8Array): string {
  if (bytes.length === 16) return sixteenCharacters(bytes);
  if (bytes.length <= CHARACTERS_PER_CALL) return charactersOf(bytes);
  let text = "";
  for (let start = 0; start < bytes.length; start += CHARACTERS_PER_CALL) {
    text += charactersOf(bytes.subarray(start, start + CHARACTERS_PER_CALL));
  }
  return text;
}

/** The bytes of a byte string. */
export function fromByteString(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** A text behind every byte string that starts with `prefix`, and in front of all that follow. */
export function endOfPrefix(prefix: string): string {
  return `${prefix}\u0100`;
}

/** Whether `one` comes before `other`, byte by byte. */
export function comesBefore(one: Uint8Array, other: Uint8Array): boolean {
  const length = Math.min(one.length, other.length);
  for (let i = 0; i < length; i += 1) if (one[i] !== other[i]) return one[i]! < other[i]!;
  return one.length < other.length;
}

function charactersOf(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** Keys are often ids of 16 bytes: with plain parameters the call is inlined, and twice as fast. */
function sixteenCharacters(bytes: Uint8Array): string {
  return String.fromCharCode(
    bytes[0]!,
    bytes[1]!,
    bytes[2]!,
    bytes[3]!,
    bytes[4]!,
    bytes[5]!,
    bytes[6]!,
    bytes[7]!,
    bytes[8]!,
    bytes[9]!,
    bytes[10]!,
    bytes[11]!,
    bytes[12]!,
    bytes[13]!,
    bytes[14]!,
    bytes[15]!,
  );
}
