/**
 * What the data directory's lock needs of the kernel, where a runtime reaches it: flock(2).
 *
 * The kernel drops such a lock when its holder dies, however it dies, and sees it from every
 * container on the machine; a process id means nothing outside its own container.
 *
 * @module
 */

/** The kernel's lock on files. All calls are synchronous and throw what the system says. */
export interface KernelLock {
  /**
   * Opens the file at `path` and locks it exclusively, as nobody else has seen it yet.
   *
   * @returns What closes the file and so drops the lock; null where this file system has no locks.
   */
  hold(path: string): (() => void) | null;
  /** Whether somebody holds the file at `path`. */
  isHeld(path: string): boolean;
}
