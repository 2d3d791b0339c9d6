/**
 * SHA-256 of what comes in parts, by the one built-in that Node, Deno and Bun share.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** A sum in the making. */
export class Sha256 {
  readonly #hash = createHash("sha256");

  /** Adds bytes. */
  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** The sum of all of them, in hexadecimal; nothing may be added afterwards. */
  digest(): string {
    return this.#hash.digest("hex");
  }
}
