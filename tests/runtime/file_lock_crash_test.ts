/**
 * The take-over of the data directory's lock, with somebody at work at every call to the file
 * system: a starter or a holder dies there, or others start, give back and die meanwhile. At no
 * time do two hold the lock, and never does a dead one keep it. The files are in memory, as there
 * are many tries; file_lock_test.ts goes to the disk.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LockedError } from "../../src/runtime/runtime.ts";
import {
  type HeldFileLock,
  type LockFiles,
  type LockStarter,
  takeFileLock,
} from "../../src/runtime/shared/file_lock.ts";
import type { KernelLock } from "../../src/runtime/shared/kernel_lock.ts";
import { ownIdentity, type ProcessIdentity } from "../../src/runtime/shared/process_identity.ts";
import { printCounts } from "../counted.ts";

/** A moment of a call: before it, when half of a write is done, and after it. */
type Progress = "not done" | "half done" | "done";

/** Ends a process in the middle of its work. */
class Death extends Error {}

/** The files of one directory. */
class MemoryDirectory {
  readonly #names = new Map<string, { readonly inode: number; text: string }>();
  readonly #open = new Map<number, { text: string }>();
  #last = 0;

  /** The text of each file by its path. */
  get texts(): Map<string, string> {
    return new Map([...this.#names].map(([path, { text }]) => [path, text]));
  }

  inodeOf(path: string): number {
    return this.#find(path).inode;
  }

  /** The calls that a lock makes; a sync does nothing, for no power is lost here. */
  readonly calls: Readonly<Record<keyof LockFiles, (...parameters: never[]) => unknown>> = {
    readdirSync: () => [...this.#names.keys()].map((path) => path.slice(DIRECTORY.length + 1)),
    readFileSync: (path: string) => this.#find(path).text,
    openSync: (path: string) => {
      this.#open.set(this.#last + 1, this.#create(path));
      return this.#last;
    },
    writeSync: (descriptor: number, text: string) => {
      this.#open.get(descriptor)!.text = text;
    },
    fsyncSync: () => {},
    closeSync: (descriptor: number) => void this.#open.delete(descriptor),
    linkSync: (from: string, to: string) => {
      if (this.#names.has(to)) throw Object.assign(new Error(to), { code: "EEXIST" });
      this.#names.set(to, this.#find(from));
    },
    unlinkSync: (path: string) => void this.#names.delete((this.#find(path), path)),
    rmSync: (path: string) => void this.#names.delete(path),
    writeFileSync: (path: string, text: string) => {
      (this.#names.get(path) ?? this.#create(path)).text = text;
    },
    renameSync: (from: string, to: string) => {
      this.#names.set(to, this.#find(from));
      this.#names.delete(from);
    },
  };

  #create(path: string): { readonly inode: number; text: string } {
    const file = { inode: this.#last += 1, text: "" };
    this.#names.set(path, file);
    return file;
  }

  #find(path: string): { readonly inode: number; text: string } {
    const file = this.#names.get(path);
    if (file === undefined) throw Object.assign(new Error(path), { code: "ENOENT" });
    return file;
  }
}

/** Where the lock lies. */
const DIRECTORY = "/data";
const PATH = `${DIRECTORY}/LOCK`;

/** Called at each instant of the calls of one process, with a number from 0 on. */
type OnInstant = (number: number, progress: Progress) => void;

/** A process that wants the lock. */
class Starter {
  readonly name: string;
  readonly #machine: Machine;
  /** The inodes that the kernel keeps locked for it. */
  readonly locked = new Set<number>();
  onInstant: OnInstant | null = null;
  instants = 0;
  alive = true;
  /** The lock, from when it was taken until it is being given back. */
  held: HeldFileLock | null = null;

  constructor(name: string, machine: Machine) {
    this.name = name;
    this.#machine = machine;
  }

  /** Takes the lock, unless somebody else holds it, or it dies on the way. */
  take(): boolean {
    try {
      const held = takeFileLock(PATH, this.#starter());
      if (this.alive) this.held = held;
    } catch (error) {
      if (this.alive && !(error instanceof LockedError)) throw error;
    }
    this.#machine.checkHolders();
    return this.held !== null;
  }

  /** Gives the lock back, unless it dies on the way. */
  release(): void {
    const { held } = this;
    this.held = null;
    try {
      held?.release();
    } catch (error) {
      if (this.alive) throw error;
    }
  }

  /** Ends it without a word; what it was about to do never happens. */
  die(): void {
    this.alive = false;
    this.held = null;
    this.locked.clear();
  }

  #starter(): LockStarter {
    const own: ProcessIdentity = { ...ownIdentity(), startTime: this.name };
    const files = this.#files();
    if (this.#machine.hasKernelLock) {
      // Each in a container of its own: nobody but the kernel knows who lives.
      const alone = { ...own, pidNamespace: this.name };
      return { own: alone, kernelLock: this.#kernelLock(), files, isAlive: () => false };
    }
    const isAlive = ({ startTime }: ProcessIdentity) => this.#machine.isAlive(startTime);
    return { own, kernelLock: null, files, isAlive };
  }

  #files(): LockFiles {
    const { calls } = this.#machine.directory;
    const get = (_: unknown, name: string) => (...parameters: unknown[]) => {
      const body = calls[name as keyof LockFiles] as (...all: unknown[]) => unknown;
      this.#instant("not done");
      if (name.startsWith("write")) {
        const [file, text] = parameters as [unknown, string];
        body(file, text.slice(0, text.length / 2));
        this.#instant("half done");
      }
      const result = body(...parameters);
      this.#instant("done");
      return result;
    };
    return new Proxy({}, { get }) as LockFiles;
  }

  #kernelLock(): KernelLock {
    return {
      hold: (path) => {
        this.#checkAlive();
        const inode = this.#machine.directory.inodeOf(path);
        this.locked.add(inode);
        return () => void this.locked.delete(inode);
      },
      isHeld: (path) => {
        this.#checkAlive();
        return this.#machine.isLocked(this.#machine.directory.inodeOf(path));
      },
    };
  }

  #instant(progress: Progress): void {
    this.#checkAlive();
    const number = this.instants;
    this.instants += 1;
    this.onInstant?.(number, progress);
    this.#checkAlive();
  }

  #checkAlive(): void {
    if (!this.alive) throw new Death(`${this.name} is dead`);
  }
}

/** A data directory and the processes around it. */
class Machine {
  readonly directory = new MemoryDirectory();
  readonly hasKernelLock: boolean;
  readonly #starters: Starter[] = [];

  constructor(hasKernelLock: boolean) {
    this.hasKernelLock = hasKernelLock;
  }

  start(): Starter {
    const starter = new Starter(`process ${this.#starters.length + 1}`, this);
    this.#starters.push(starter);
    return starter;
  }

  isAlive(name: string): boolean {
    return this.#starters.some((starter) => starter.name === name && starter.alive);
  }

  isLocked(inode: number): boolean {
    return this.#starters.some(({ locked }) => locked.has(inode));
  }

  get holders(): Starter[] {
    return this.#starters.filter(({ held }) => held !== null);
  }

  checkHolders(): void {
    const names = this.holders.map(({ name }) => name);
    assert.ok(names.length <= 1, `${names.join(" and ")} hold the lock`);
  }

  /** One holds it and nobody else gets it; or nobody does, and the next one gets it. */
  checkLock(context: string): void {
    this.checkHolders();
    const [holder] = this.holders;
    if (holder !== undefined) {
      assert.equal(this.start().take(), false, `${context}: ${holder.name} holds it`);
      holder.release();
    }
    for (let round = 1; round <= 2; round += 1) {
      const next = this.start();
      assert.equal(next.take(), true, `${context}: nobody holds it, in round ${round}`);
      next.release();
    }
    const left = this.directory.texts;
    const isGeneration = (path: string): boolean => /^.data.LOCK\.[0-9]+$/.test(path);
    const names = [...left.keys()];
    assert.equal(names.filter(isGeneration).length, 1, `${context}: left are ${names.join(", ")}`);
    // Only what is of nobody who can be looked at is left lying there.
    for (const [path, text] of left) {
      const isLegible = text.endsWith("\n") && !this.hasKernelLock;
      assert.ok(isGeneration(path) || !isLegible, `${context}: ${path} says ${text}`);
    }
  }
}

/** What was there before, by name; where somebody holds the lock, who. */
const preludes: Readonly<Record<string, (machine: Machine) => Starter | null>> = {
  "a new directory": () => null,
  "a lock that was given back": (machine) => {
    const before = machine.start();
    before.take();
    before.release();
    return null;
  },
  "a lock whose holder died": (machine) => {
    const before = machine.start();
    before.take();
    before.die();
    return null;
  },
  "a lock that is held": (machine) => {
    const holder = machine.start();
    holder.take();
    return holder;
  },
};

/** What others do meanwhile, by name. */
const others: Readonly<Record<string, (machine: Machine, holder: Starter | null) => void>> = {
  "the holder gives it back": (_, holder) => holder?.release(),
  "the holder dies": (_, holder) => holder?.die(),
  "another one starts": (machine) => void machine.start().take(),
  "another one starts and gives it back": (machine) => {
    const other = machine.start();
    other.take();
    other.release();
  },
  "one dies with it and another one starts": (machine, holder) => {
    holder?.die();
    const other = machine.start();
    other.take();
    other.die();
    machine.start().take();
  },
  "two take it and give it back, and the third keeps it": (machine, holder) => {
    holder?.release();
    for (const keeps of [false, false, true]) {
      const other = machine.start();
      other.take();
      if (!keeps) other.release();
    }
  },
};

/** Tries everything with what came before, with and without locks of the kernel. */
function forEachWorld(body: (start: () => [Machine, Starter | null], name: string) => void): void {
  for (const hasKernelLock of [false, true]) {
    for (const [name, prelude] of Object.entries(preludes)) {
      const start = (): [Machine, Starter | null] => {
        const machine = new Machine(hasKernelLock);
        return [machine, prelude(machine)];
      };
      body(start, `${name}${hasKernelLock ? ", with the kernel's locks" : ""}`);
    }
  }
}

/** Runs `body` with `act` at one instant after the other, until one is never reached. */
function atEachInstant(
  body: (onInstant: OnInstant) => void,
  act: (progress: Progress) => void,
): number {
  for (let at = 0;; at += 1) {
    let isReached = false;
    body((number, progress) => {
      if (number !== at || isReached) return;
      isReached = true;
      act(progress);
    });
    if (!isReached) return at;
  }
}

test("lock is free again, wherever who takes it or gives it back dies", () => {
  let instants = 0;
  forEachWorld((start, name) => {
    let starter: Starter;
    instants += atEachInstant((onInstant) => {
      const [machine, holder] = start();
      starter = machine.start();
      starter.onInstant = onInstant;
      starter.take();
      starter.release();
      holder?.release();
      machine.checkLock(`${name}, instant ${starter.instants}`);
    }, () => starter.die());
  });
  printCounts("the lock's holder dies", { instants });
  assert.ok(instants > 150, `${instants} instants`);
});

test("lock has one holder, whatever others do at any moment of a take-over", () => {
  let instants = 0;
  forEachWorld((start, name) => {
    for (const [what, act] of Object.entries(others)) {
      let [machine, holder]: [Machine | null, Starter | null] = [null, null];
      instants += atEachInstant((onInstant) => {
        [machine, holder] = start();
        const starter = machine.start();
        starter.onInstant = onInstant;
        starter.take();
        starter.onInstant = null;
        machine.checkLock(`${name}, ${what} at instant ${starter.instants}`);
      }, () => act(machine!, holder));
    }
  });
  printCounts("others at work while the lock is taken", { instants });
  assert.ok(instants > 700, `${instants} instants`);
});

test("lock goes to one starter, at whatever moment of its giving back that one starts", () => {
  let instants = 0;
  for (const hasKernelLock of [false, true]) {
    for (const dies of [false, true]) {
      let machine: Machine;
      let holder: Starter;
      instants += atEachInstant((onInstant) => {
        machine = new Machine(hasKernelLock);
        holder = machine.start();
        holder.take();
        holder.instants = 0;
        holder.onInstant = onInstant;
        holder.release();
        machine.checkLock(`given back${dies ? ", and dead" : ""}`);
      }, () => {
        const starter = machine.start();
        starter.take();
        if (dies) holder.die();
      });
    }
  }
  printCounts("a lock is taken while it is given back", { instants });
  assert.ok(instants >= 20, `${instants} instants`);
});
