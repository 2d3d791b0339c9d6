/**
 * What the system's calls hand out are Buffers, whose `slice` is a view and not a copy as that of
 * every other Uint8Array. Whoever keeps a slice of one would see it change with what it was cut
 * from. So no Buffer gets past the adapters.
 *
 * @module
 */

/** The same bytes in a plain Uint8Array, without a copy. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
