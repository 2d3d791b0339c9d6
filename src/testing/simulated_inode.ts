/**
 * The content of one simulated file, as the page cache shows it and as the disk holds it.
 *
 * Model: a write changes pages in memory; the kernel writes sectors of 512 bytes back whenever it
 * likes, in any order, and a sync makes it write all that was changed before the call. So after a
 * loss of power a sector that was not synced is old or new, each on its own (a torn write), and
 * where a sector was changed several times, anything between; the size is old, new or between. A
 * sector itself is never torn. After a failed sync the kernel takes the pages for clean, as on
 * ext4: the change is never written, and it is gone from memory at once or only after a restart.
 *
 * Pages of zeros that were never anything else take no memory, so that zero-filling a segment is
 * free. A page is copied when it is changed for the first time after a sync: memory and disk share
 * what is equal.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { crc32 } from "../runtime/checksum.ts";
import { type FileLoss, RandomPowerLoss, SECTOR_BYTES } from "./power_loss.ts";
import type { Prng } from "./prng.ts";

const PAGE_BYTES = 4096;
const SECTORS_PER_PAGE = PAGE_BYTES / SECTOR_BYTES;
const ALL_SECTORS = (1 << SECTORS_PER_PAGE) - 1;
const ZERO_PAGE_CHECKSUM = crc32(new Uint8Array(PAGE_BYTES));

/** A page that is all zero is absent. */
type Pages = Map<number, Uint8Array>;

/** What one sync covers: the pages as they were when it was called. */
export interface SyncBatch {
  readonly pages: ReadonlyMap<number, { readonly mask: number; readonly bytes: Uint8Array | null }>;
  readonly sizeBytes: number;
}

/** One file, with or without a name. */
export class SimulatedInode {
  readonly #prng: Prng;
  #visible: Pages = new Map();
  #durable: Pages = new Map();
  #sizeBytes = 0;
  #durableSizeBytes = 0;
  /**
   * The changed sectors of each page since the last sync was called, as a mask.
   * Invariant: a visible page in here is shared with nobody and may be changed in place.
   */
  #dirty = new Map<number, number>();
  /** Syncs that are under way, oldest first. */
  #batches: SyncBatch[] = [];
  /** Pages that differ from the disk and are taken for clean: the marks of a failed sync. */
  readonly #forsaken = new Set<number>();

  /** Creates an empty file. */
  constructor(prng: Prng) {
    this.#prng = prng;
  }

  /** The size as everybody sees it. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether a sync has something to do. */
  get isDirty(): boolean {
    return this.#dirty.size > 0 || this.#sizeBytes !== this.#durableSizeBytes;
  }

  /** How many pages take memory: zeros do not. */
  get pageCount(): number {
    return this.#visible.size;
  }

  /** Writes bytes to the page cache. */
  write(bytes: Uint8Array, position: number): void {
    assert(position >= 0, () => `position ${position} is not negative`);
    const end = position + bytes.length;
    let zero: boolean | null = null;
    for (let at = position; at < end;) {
      const page = Math.floor(at / PAGE_BYTES);
      const pageEnd = Math.min(end, (page + 1) * PAGE_BYTES);
      if (!this.#visible.has(page) && !this.#durable.has(page)) zero ??= isZero(bytes);
      const skip = zero === true && !this.#visible.has(page) && !this.#durable.has(page);
      if (!skip) {
        const isWhole = at === position && pageEnd === end;
        const part = isWhole ? bytes : bytes.subarray(at - position, pageEnd - position);
        this.#writePage({ page, at, bytes: part });
      }
      at = pageEnd;
    }
    if (end > this.#sizeBytes) this.#sizeBytes = end;
  }

  /** Reads into `target` and returns the count of bytes. */
  read(target: Uint8Array, position: number): number {
    assert(position >= 0, () => `position ${position} is not negative`);
    const end = Math.min(position + target.length, this.#sizeBytes);
    for (let at = position; at < end;) {
      const page = Math.floor(at / PAGE_BYTES);
      const pageEnd = Math.min(end, (page + 1) * PAGE_BYTES);
      const bytes = this.#visible.get(page);
      if (bytes === undefined) target.fill(0, at - position, pageEnd - position);
      else {
        const offset = at - page * PAGE_BYTES;
        target.set(bytes.subarray(offset, offset + pageEnd - at), at - position);
      }
      at = pageEnd;
    }
    return Math.max(0, end - position);
  }

  /** Cuts or extends with zeros. */
  truncate(sizeBytes: number): void {
    assert(sizeBytes >= 0, () => `sizeBytes ${sizeBytes} is not negative`);
    if (sizeBytes < this.#sizeBytes) {
      const firstPage = Math.ceil(sizeBytes / PAGE_BYTES);
      const cut = (pages: Pages) => [...pages.keys()].filter((page) => page >= firstPage);
      for (const page of new Set([...cut(this.#visible), ...cut(this.#durable)])) {
        this.#visible.delete(page);
        this.#dirty.set(page, ALL_SECTORS);
      }
      const tail = firstPage * PAGE_BYTES - sizeBytes;
      if (tail > 0 && this.#visible.has(firstPage - 1)) {
        this.#writePage({ page: firstPage - 1, at: sizeBytes, bytes: new Uint8Array(tail) });
      }
    }
    this.#sizeBytes = sizeBytes;
  }

  /** Starts a sync of what was written so far. */
  beginSync(): SyncBatch {
    const batch: SyncBatch = { pages: this.#dirtyPages(), sizeBytes: this.#sizeBytes };
    this.#dirty = new Map();
    this.#batches.push(batch);
    return batch;
  }

  /** The disk has written a batch, and those before it. */
  completeSync(batch: SyncBatch): void {
    for (const done of this.#takeBatches(batch)) {
      for (const [page, change] of done.pages) {
        const whole = change.mask === ALL_SECTORS || !this.#forsaken.has(page);
        if (change.mask === ALL_SECTORS) this.#forsaken.delete(page);
        if (whole) setPage(this.#durable, page, change.bytes);
        else mergePage(this.#durable, { page, ...change });
      }
      this.#durableSizeBytes = done.sizeBytes;
    }
    assert(!this.#batches.includes(batch), "a batch is completed once");
  }

  /** The disk could not write a batch: its changes are taken for clean and never written. */
  failSync(batch: SyncBatch): void {
    const fromMemory = this.#prng.chance(0.5);
    for (const failed of this.#takeBatches(batch)) {
      for (const [page, { mask }] of failed.pages) {
        this.#forsaken.add(page);
        let clean = mask & ~(this.#dirty.get(page) ?? 0);
        for (const later of this.#batches) clean &= ~(later.pages.get(page)?.mask ?? 0);
        if (!fromMemory || clean === 0 || page * PAGE_BYTES >= this.#sizeBytes) continue;
        mergePage(this.#visible, { page, mask: clean, bytes: this.#durable.get(page) ?? null });
      }
      // The size is metadata: the journal writes it all the same.
      this.#durableSizeBytes = failed.sizeBytes;
    }
  }

  /** The kernel writes some changed sectors back on its own account. */
  writeBack(): void {
    for (const [page, mask] of this.#dirty) {
      const chosen = mask & this.#prng.uint32() & ALL_SECTORS;
      if (chosen === 0) continue;
      mergePage(this.#durable, { page, mask: chosen, bytes: this.#visible.get(page) ?? null });
    }
  }

  /** The machine lost power: what was not synced is kept or lost, sector by sector. */
  losePower(loss: FileLoss = new RandomPowerLoss(this.#prng).file()): void {
    const last = this.beginSync();
    const sizes = [this.#durableSizeBytes];
    for (const batch of this.#takeBatches(last)) {
      sizes.push(batch.sizeBytes);
      for (const [page, { mask, bytes }] of batch.pages) {
        const changed = changedSectors(this.#durable.get(page) ?? null, { mask, bytes });
        let kept = 0;
        for (let sector = 0; sector < SECTORS_PER_PAGE; sector++) {
          const bit = 1 << sector;
          if (loss.keepsSector((changed & bit) !== 0)) kept |= bit;
        }
        if ((kept & changed) === 0) continue;
        mergePage(this.#durable, { page, mask: kept & changed, bytes });
      }
    }
    this.#visible = new Map(this.#durable);
    this.#dirty.clear();
    this.#forsaken.clear();
    this.#settleSize(loss.size(sizes));
  }

  /** A copy that goes its own way. */
  fork(prng: Prng): SimulatedInode {
    const copy = new SimulatedInode(prng);
    copy.#visible = new Map(this.#visible);
    for (const page of this.#dirty.keys()) {
      const bytes = this.#visible.get(page);
      if (bytes !== undefined) copy.#visible.set(page, bytes.slice());
    }
    copy.#durable = new Map(this.#durable);
    copy.#sizeBytes = this.#sizeBytes;
    copy.#durableSizeBytes = this.#durableSizeBytes;
    copy.#dirty = new Map(this.#dirty);
    copy.#batches = [...this.#batches];
    for (const page of this.#forsaken) copy.#forsaken.add(page);
    return copy;
  }

  /** A text that is equal for two files that behave alike from now on. */
  describe(): string {
    const last = { pages: this.#dirtyPages(), sizeBytes: this.#sizeBytes };
    const pending = new Set<number>();
    const batches = [...this.#batches, last].map(({ pages, sizeBytes }) => {
      const changes = [];
      for (const [page, change] of pages) {
        // What is written as it was changes nothing, unless something else is under way there.
        const durable = this.#durable.get(page) ?? null;
        if (!pending.has(page) && changedSectors(durable, change) === 0) continue;
        pending.add(page);
        changes.push(`${page}:${change.mask}:${pageChecksum(change.bytes)}`);
      }
      return `${sizeBytes}(${changes.join(" ")})`;
    });
    const forsaken = [...this.#forsaken].map((page) =>
      `${page}:${pageChecksum(this.#visible.get(page) ?? null)}`
    );
    return [
      `${this.#durableSizeBytes}(${describePages(this.#durable)})`,
      ...batches.filter((batch) => batch !== `${this.#durableSizeBytes}()`),
      ...forsaken,
    ].join(" ");
  }

  /** Flips bits of a byte at rest, on the disk and in memory. */
  corrupt(position: number, mask: number): void {
    assert(
      position < this.#sizeBytes,
      () => `position ${position} is within ${this.#sizeBytes} bytes`,
    );
    assert((mask & 0xff) !== 0, () => `mask ${mask} flips a bit`);
    const page = Math.floor(position / PAGE_BYTES);
    for (const pages of [this.#visible, this.#durable]) {
      const bytes = (pages.get(page) ?? new Uint8Array(PAGE_BYTES)).slice();
      bytes[position - page * PAGE_BYTES] = (bytes[position - page * PAGE_BYTES] as number) ^ mask;
      pages.set(page, bytes);
    }
  }

  #dirtyPages(): SyncBatch["pages"] {
    const pages = new Map<number, { mask: number; bytes: Uint8Array | null }>();
    for (const [page, mask] of this.#dirty) {
      pages.set(page, { mask, bytes: this.#visible.get(page) ?? null });
    }
    return pages;
  }

  #writePage(change: { page: number; at: number; bytes: Uint8Array }): void {
    const { page, at, bytes } = change;
    let target = this.#visible.get(page);
    const owned = this.#dirty.get(page);
    if (target === undefined) {
      target = new Uint8Array(PAGE_BYTES);
      this.#visible.set(page, target);
    } else if (owned === undefined) {
      target = target.slice();
      this.#visible.set(page, target);
    }
    const offset = at - page * PAGE_BYTES;
    assert(
      offset >= 0 && offset + bytes.length <= PAGE_BYTES,
      () => `offset ${offset} is in the page`,
    );
    target.set(bytes, offset);
    const first = Math.floor(offset / SECTOR_BYTES);
    const last = Math.floor((offset + bytes.length - 1) / SECTOR_BYTES);
    this.#dirty.set(page, (owned ?? 0) | ((2 << last) - (1 << first)));
  }

  /** Takes out the batches up to and with `batch`; none if a crash has taken them. */
  #takeBatches(batch: SyncBatch): SyncBatch[] {
    return this.#batches.splice(0, this.#batches.indexOf(batch) + 1);
  }

  /** Makes `sizeBytes` the size everywhere; nothing is left beyond it. */
  #settleSize(sizeBytes: number): void {
    this.#sizeBytes = Infinity;
    this.truncate(sizeBytes);
    this.#durable = new Map(this.#visible);
    this.#durableSizeBytes = sizeBytes;
    this.#dirty.clear();
  }
}

/** Those of the sectors in the mask that are not on the disk as they were written. */
function changedSectors(
  durable: Uint8Array | null,
  change: { readonly mask: number; readonly bytes: Uint8Array | null },
): number {
  let changed = 0;
  for (let sector = 0; sector < SECTORS_PER_PAGE; sector++) {
    if ((change.mask & (1 << sector)) === 0) continue;
    for (let at = sector * SECTOR_BYTES; at < (sector + 1) * SECTOR_BYTES; at++) {
      if ((durable?.[at] ?? 0) === (change.bytes?.[at] ?? 0)) continue;
      changed |= 1 << sector;
      break;
    }
  }
  return changed;
}

/** Pages that hold something else than zeros, each with its checksum. */
function describePages(pages: Pages): string {
  return [...pages]
    .map(([page, bytes]) => [page, pageChecksum(bytes)] as const)
    .filter(([, checksum]) => checksum !== ZERO_PAGE_CHECKSUM)
    .sort(([one], [other]) => one - other)
    .map(([page, checksum]) => `${page}:${checksum}`)
    .join(" ");
}

function pageChecksum(bytes: Uint8Array | null): number {
  return bytes === null ? ZERO_PAGE_CHECKSUM : crc32(bytes);
}

function setPage(pages: Pages, page: number, bytes: Uint8Array | null): void {
  if (bytes === null) pages.delete(page);
  else pages.set(page, bytes);
}

/** Replaces some sectors of a page; `bytes` null stands for zeros. */
function mergePage(
  pages: Pages,
  change: { page: number; mask: number; bytes: Uint8Array | null },
): void {
  const merged = pages.get(change.page)?.slice() ?? new Uint8Array(PAGE_BYTES);
  for (let sector = 0; sector < SECTORS_PER_PAGE; sector++) {
    if ((change.mask & (1 << sector)) === 0) continue;
    const start = sector * SECTOR_BYTES;
    const end = start + SECTOR_BYTES;
    if (change.bytes === null) merged.fill(0, start, end);
    else merged.set(change.bytes.subarray(start, end), start);
  }
  pages.set(change.page, merged);
}

/** Whether all bytes are zero, four at a time where their place in memory allows it. */
function isZero(bytes: Uint8Array): boolean {
  let position = 0;
  if (bytes.byteOffset % 4 === 0) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    for (let word = 0; word < words.length; word++) if (words[word] !== 0) return false;
    position = words.length * 4;
  }
  for (; position < bytes.length; position++) if (bytes[position] !== 0) return false;
  return true;
}
