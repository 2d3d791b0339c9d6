/**
 * The state that the bytes of a snapshot carry while they come along, verified.
 *
 * @module
 */
import { BadDataError } from "../../errors.ts";
import { SnapshotFault } from "../../log/snapshot_format.ts";
import { SnapshotScanner } from "../../log/snapshot_scanner.ts";

/**
 * Verifies the bytes of a snapshot and hands them on, with the chunks of the state that they
 * complete.
 *
 * @param bytes The file, cut at any place.
 * @param origin Where it comes from, for messages.
 * @throws {BadDataError} If it is not a whole snapshot.
 */
export async function* verifySnapshot(
  bytes: AsyncIterable<Uint8Array>,
  origin: string,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly state: readonly Uint8Array[] }, void> {
  const scanner = new SnapshotScanner();
  try {
    for await (const piece of bytes) yield { bytes: piece, state: scanner.push(piece) };
    if (!scanner.isComplete) throw new SnapshotFault(scanner.verifiedBytes, "no trailer follows");
  } catch (error) {
    if (!(error instanceof SnapshotFault)) throw error;
    throw new BadDataError(
      `Cannot use the snapshot of ${origin}, at offset ${error.offset}: ${error.message}`,
      ["take it from another node: --consistency stale -e HOST:PORT", "look after the disk of it"],
      { cause: error },
    );
  }
}
