/**
 * The hard state (term and vote) in a file of two copies.
 *
 * ```
 *  offset  size  content
 *       0   512  copy A: a checked message (checked_message.ts, magic "hardstat"), then zeros
 *     512  3584  zero
 *    4096   512  copy B: the same
 *    4608  3584  zero
 * ```
 *
 * Each copy lies in one sector, which a disk writes whole or not at all, and the two are a block
 * apart, so that no write touches both. `save` writes A, syncs, writes B, syncs, and only then
 * resolves. So at any moment at least one copy is whole, and after `save` both are.
 *
 * Crash cases: before the first sync A is old or new, and B is old: nobody was told of the new
 * state, either may be used. Before the second sync A is new. A newer copy has the larger
 * generation; it is used, and the other one is written again. A copy that has rotted is replaced
 * by the other, which is as new unless a save was interrupted. With both gone the node must not
 * run: it could vote twice in one term. (Two copies written in turns would not do: when the newer
 * one rots, the older one has forgotten a vote.)
 *
 * The file is made beside, synced, renamed, and its directory synced.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { BadDataError, ProtocolError, StorageError } from "../errors.ts";
import type { File, Runtime } from "../runtime/runtime.ts";
import type { Index, Term } from "../types.ts";
import { decodeHardState, encodeHardState } from "../wire/storage_codec.ts";
import { checkedBytes, decodeChecked, encodeChecked } from "./checked_message.ts";
import { DAMAGED_DIRECTORY_FIX } from "./damaged_directory.ts";
import type { HardState, HardStateStore } from "./log.ts";
import { newerFormatError } from "./newer_format_error.ts";
import { syncFile } from "./sync_file.ts";
import { SECTOR_BYTES } from "./weak_sectors.ts";

/** The version of the format that this build writes, and the newest that it reads. */
export const HARD_STATE_FORMAT_VERSION = 1;

const MAGIC = "hardstat";
const FILE_BYTES = 8192;
/** A copy, and the zeros up to the next one. */
const BLOCK_BYTES = 4096;
const COPIES = [{ name: "A", position: 0 }, { name: "B", position: 4096 }] as const;

/** One copy as it was found; `found` is a text where it is bad, and says why. */
export interface HardStateCopy {
  readonly name: "A" | "B";
  /** Where it lies in the file. */
  readonly position: number;
  readonly found: { readonly state: HardState; readonly generation: number } | string;
  /** Where the first byte behind the copy is that is not zero as it must be, or null. */
  readonly strayAt: number | null;
}

/** Both copies, and the one that counts; null where both are bad. */
export interface HardStateReading {
  readonly copies: readonly HardStateCopy[];
  readonly newest: { readonly state: HardState; readonly generation: number } | null;
}

/** Two copies of the hard state in a file; see the contract in log.ts. */
export class HardStateFile implements HardStateStore {
  /** What was repaired at opening, a sentence for the log; null where nothing was. */
  readonly note: string | null;
  readonly #file: File;
  #state: HardState;
  #generation: number;
  /** The save that is under way; resolves in either case. */
  #saving: Promise<void> | null = null;
  #failure: StorageError | null = null;

  private constructor(
    file: File,
    found: { state: HardState; generation: number; note: string | null },
  ) {
    this.#file = file;
    this.#state = found.state;
    this.#generation = found.generation;
    this.note = found.note;
  }

  /** Makes the file with term 0 and no vote, durably; replaces what was there. */
  static async create(runtime: Runtime, path: string): Promise<void> {
    const { files } = runtime;
    const temporary = `${path}.new`;
    const file = await files.open(temporary, "write");
    const bytes = new Uint8Array(FILE_BYTES);
    const copy = encodeCopy({ currentTerm: 0, votedFor: 0 }, 1);
    for (const { position } of COPIES) bytes.set(copy, position);
    assert(bytes.length === FILE_BYTES, () => `the file has ${bytes.length} bytes`);
    file.write([bytes], 0);
    await syncFile(file);
    await file.close();
    await files.rename(temporary, path);
    await files.syncDirectory(parentDirectory(path));
    assert(await files.size(path) === FILE_BYTES, () => `"${path}" has another size`);
  }

  /**
   * Opens the file and repairs one bad copy.
   *
   * @throws {BadDataError} If there is none, or no copy is good.
   * @throws {StorageError} If it cannot be read or written.
   */
  static async open(runtime: Runtime, path: string): Promise<HardStateFile> {
    if (await runtime.files.size(path) === null) {
      throw new BadDataError(
        `Cannot find the hard state: there is no "${path}"`,
        DAMAGED_DIRECTORY_FIX,
      );
    }
    const file = await runtime.files.open(path, "write");
    try {
      return new HardStateFile(file, await recover(file));
    } catch (error) {
      await file.close();
      if (error instanceof BadDataError) throw error;
      throw new StorageError(`Cannot open "${path}": ${messageOf(error)}`, { cause: error });
    }
  }

  /** The state as it was last saved. */
  get state(): HardState {
    return this.#state;
  }

  /** Makes `state` durable in both copies. */
  async save(state: HardState): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const { currentTerm, votedFor } = this.#state;
    assert(this.#saving === null, "a save is under way");
    assert(
      state.currentTerm >= currentTerm,
      () => `term ${state.currentTerm} after ${currentTerm}`,
    );
    if (state.currentTerm === currentTerm && votedFor !== 0) {
      assert(
        state.votedFor === votedFor,
        () => `vote ${state.votedFor} after ${votedFor} in one term`,
      );
    }
    this.#generation += 1;
    let ended!: () => void;
    this.#saving = new Promise((resolve) => ended = resolve);
    try {
      await writeCopies(this.#file, encodeCopy(state, this.#generation));
      this.#state = { currentTerm: state.currentTerm, votedFor: state.votedFor };
    } catch (error) {
      const message = `Cannot save term ${state.currentTerm} and vote ${state.votedFor}`;
      this.#failure = new StorageError(`${message}: ${messageOf(error)}`, { cause: error });
      throw this.#failure;
    } finally {
      this.#saving = null;
      ended();
    }
  }

  /** Closes the file, behind a save that is under way: a node may be stopped at any moment. */
  async close(): Promise<void> {
    if (this.#saving !== null) await this.#saving;
    assert(this.#generation >= 1, () => `the generation is ${this.#generation}`);
    await this.#file.close();
  }
}

/**
 * Refuses a hard state that is older than the log: the term was durable before any entry of it, so
 * the hard state was lost or replaced, and with it perhaps a vote.
 *
 * @param last The last entry of the log; term and index 0 where it is empty.
 * @throws {BadDataError} If its term is above the term of `state`.
 */
export function checkHardState(
  state: HardState,
  last: { readonly term: Term; readonly index: Index },
): void {
  assert(last.term >= 0, () => `the last term is ${last.term}`);
  assert(last.index >= 0, () => `the last index is ${last.index}`);
  if (state.currentTerm >= last.term) return;
  throw new BadDataError(
    `Cannot trust the hard state: its term is ${state.currentTerm}, ` +
      `but entry ${last.index} has term ${last.term}`,
    DAMAGED_DIRECTORY_FIX,
  );
}

/**
 * Reads both copies and chooses; changes nothing.
 *
 * @throws {BadDataError} If a copy is of a newer version.
 */
export async function readHardState(file: File): Promise<HardStateReading> {
  const copies: HardStateCopy[] = [];
  for (const { name, position } of COPIES) {
    const block = new Uint8Array(BLOCK_BYTES);
    const count = await file.read(block, position);
    const bytes = block.subarray(0, Math.min(count, SECTOR_BYTES));
    const found = decodeCopy(file.path, bytes);
    // Of a bad copy it is not known where its message ends.
    const end = typeof found === "string" ? SECTOR_BYTES : Number(checkedBytes(MAGIC, bytes));
    const stray = block.findIndex((byte, at) => at >= end && byte !== 0);
    copies.push({ name, position, found, strayAt: stray < 0 ? null : position + stray });
  }
  let newest: HardStateReading["newest"] = null;
  for (const { found } of copies) {
    if (typeof found === "string") continue;
    if (newest === null || found.generation > newest.generation) newest = found;
  }
  return { copies, newest };
}

/** The error for a hard state of which no copy is good. */
export function lostHardStateError(
  path: string,
  copies: readonly HardStateCopy[],
): BadDataError {
  const faults = copies.map(({ name, found }) => `copy ${name}: ${found}`).join(", ");
  return new BadDataError(
    `Cannot trust "${path}": both copies are bad: ${faults}`,
    DAMAGED_DIRECTORY_FIX,
  );
}

/** Reads both copies, chooses, and repairs. */
async function recover(
  file: File,
): Promise<{ state: HardState; generation: number; note: string | null }> {
  const { copies, newest } = await readHardState(file);
  if (newest === null) throw lostHardStateError(file.path, copies);
  const { state, generation } = newest;
  const copy = encodeCopy(state, generation);
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(copy);
  const notes: string[] = [];
  for (const { name, position, found, strayAt } of copies) {
    // A good copy is written again too: what can be read need not be durable after a kill or a
    // failed sync, and this node is about to act on it. Its own sector is whole or not at all, with
    // or without the zeros behind it.
    file.write([strayAt === null ? copy : block], position);
    await syncFile(file);
    // An older copy is the trace of a crash during a save; a bad one deserves a word.
    if (typeof found === "string") {
      notes.push(`Copy ${name} of the hard state was bad (${found}): replaced by the other one`);
    } else if (strayAt !== null) {
      notes.push(`Behind copy ${name} of the hard state were bytes that are not zero: cleared`);
    }
  }
  assert(notes.length <= COPIES.length, () => `${notes.length} notes on ${COPIES.length} copies`);
  return { state, generation, note: notes.length === 0 ? null : notes.join("; ") };
}

async function writeCopies(file: File, bytes: Uint8Array): Promise<void> {
  assert(
    bytes.length === SECTOR_BYTES,
    () => `a copy has ${bytes.length} bytes, want ${SECTOR_BYTES}`,
  );
  for (const { position } of COPIES) {
    file.write([bytes], position);
    await syncFile(file);
  }
}

function encodeCopy(state: HardState, generation: number): Uint8Array {
  const header = { magic: MAGIC, formatVersion: HARD_STATE_FORMAT_VERSION, generation };
  const bytes = encodeChecked(header, encodeHardState(state));
  assert(
    bytes.length <= SECTOR_BYTES,
    () => `a copy has ${bytes.length} bytes, at most ${SECTOR_BYTES}`,
  );
  const copy = new Uint8Array(SECTOR_BYTES);
  copy.set(bytes);
  return copy;
}

/** A copy, or in words what is wrong with it. */
function decodeCopy(path: string, bytes: Uint8Array): HardStateCopy["found"] {
  const checked = decodeChecked(MAGIC, bytes);
  if (typeof checked === "string") return checked;
  if (checked.formatVersion > HARD_STATE_FORMAT_VERSION) {
    const known = HARD_STATE_FORMAT_VERSION;
    throw newerFormatError(path, { found: checked.formatVersion, known });
  }
  try {
    return { state: decodeHardState(checked.message), generation: checked.generation };
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}

function parentDirectory(path: string): string {
  const at = path.lastIndexOf("/");
  if (at < 0) return ".";
  return at === 0 ? "/" : path.slice(0, at);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
