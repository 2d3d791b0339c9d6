/**
 * The directories of one simulated disk: which names there are, and which would survive.
 *
 * Model: create, rename and remove change the names at once for everybody, and for good only with
 * a sync of each directory they touch. A loss of power keeps some of the changes that were not
 * synced: either the first few, as a journal does, or any of them. A change is kept whole or not
 * at all (a rename is atomic), and one is never kept that builds upon a lost one.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { FileError } from "../runtime/runtime.ts";
import { type PowerLoss, RandomPowerLoss } from "./power_loss.ts";
import type { Prng } from "./prng.ts";
import { SimulatedInode } from "./simulated_inode.ts";

type Node = SimulatedDirectory | SimulatedInode;

/** A directory: its names now, and after a loss of power. */
export class SimulatedDirectory {
  /** What everybody sees. */
  readonly visible = new Map<string, Node>();
  /** What the disk holds. */
  readonly durable = new Map<string, Node>();
}

/** A name that is set to a node, or removed. */
interface NameChange {
  readonly directory: SimulatedDirectory;
  readonly name: string;
  readonly node: Node | null;
}

/** One call that changed names, not yet durable. */
interface NameOperation {
  readonly changes: readonly NameChange[];
  /** The directories that were not yet synced since. */
  readonly unsynced: Set<SimulatedDirectory>;
}

/** Where a path leads. */
interface Place {
  readonly parent: SimulatedDirectory;
  readonly name: string;
  readonly node: Node | null;
}

/** A tree of names. */
export class SimulatedNamespace {
  readonly #prng: Prng;
  readonly #root = new SimulatedDirectory();
  #operations: NameOperation[] = [];

  /** Creates an empty tree. */
  constructor(prng: Prng) {
    this.#prng = prng;
  }

  /** How many changes a loss of power could undo. */
  get unsyncedCount(): number {
    return this.#operations.length;
  }

  /** The file of that path, or null where there is none; a directory is an error. */
  file(path: string): SimulatedInode | null {
    const node = this.#locate(path)?.node ?? null;
    if (node instanceof SimulatedDirectory) throw failure("EISDIR", path);
    return node;
  }

  /** Creates an empty file; the name must be free and its directory there. */
  create(path: string): SimulatedInode {
    const place = this.#parentOf(path);
    if (place.node !== null) throw failure("EEXIST", path);
    const node = new SimulatedInode(this.#prng);
    this.#change([{ directory: place.parent, name: place.name, node }]);
    return node;
  }

  /** The content of a file as a process would read it, or null where there is none. */
  content(path: string): Uint8Array | null {
    const inode = this.file(path);
    if (inode === null) return null;
    const bytes = new Uint8Array(inode.sizeBytes);
    inode.read(bytes, 0);
    return bytes;
  }

  /** The names in a directory, ascending by code unit. */
  list(path: string): string[] {
    return [...this.#directory(path).visible.keys()].sort((one, other) => one < other ? -1 : 1);
  }

  /** Creates a directory and those above it. */
  makeDirectory(path: string): void {
    let directory = this.#root;
    for (const name of segments(path)) {
      const known = directory.visible.get(name);
      if (known instanceof SimulatedInode) throw failure("ENOTDIR", path);
      const next = known ?? new SimulatedDirectory();
      if (known === undefined) this.#change([{ directory, name, node: next }]);
      directory = next;
    }
  }

  /** Replaces `to` by `from`. */
  rename(from: string, to: string): void {
    const source = this.#parentOf(from);
    const target = this.#parentOf(to);
    if (source.node === null) throw failure("ENOENT", from);
    if (target.node instanceof SimulatedDirectory) throw failure("EISDIR", to);
    if (source.node === target.node) return;
    this.#change([
      { directory: source.parent, name: source.name, node: null },
      { directory: target.parent, name: target.name, node: source.node },
    ]);
  }

  /** Removes a file. */
  remove(path: string): void {
    const place = this.#parentOf(path);
    if (place.node === null) throw failure("ENOENT", path);
    if (place.node instanceof SimulatedDirectory) throw failure("EISDIR", path);
    this.#change([{ directory: place.parent, name: place.name, node: null }]);
  }

  /** What a sync of this directory that starts now will make durable. */
  beginSync(path: string): () => void {
    const directory = this.#directory(path);
    const covered = this.#operations.filter((operation) => operation.unsynced.has(directory));
    return () => {
      for (const operation of covered) operation.unsynced.delete(directory);
      this.#settle((operation) => operation.unsynced.size === 0);
    };
  }

  /** The machine lost power: names and contents that were not synced are kept or lost. */
  losePower(loss: PowerLoss = new RandomPowerLoss(this.#prng)): void {
    const keepsName = loss.names(this.#operations.length);
    this.#settle(() => keepsName());
    this.#operations = [];
    this.#revert(this.#root, loss);
  }

  /** A copy that goes its own way. */
  fork(): SimulatedNamespace {
    const copy = new SimulatedNamespace(this.#prng);
    const copies = new Map<Node, Node>([[this.#root, copy.#root]]);
    const copyOf = (node: Node): Node => {
      const known = copies.get(node);
      if (known !== undefined) return known;
      const made = node instanceof SimulatedInode
        ? node.fork(this.#prng)
        : new SimulatedDirectory();
      copies.set(node, made);
      if (node instanceof SimulatedDirectory) fill(node, made as SimulatedDirectory);
      return made;
    };
    const fill = (from: SimulatedDirectory, to: SimulatedDirectory) => {
      for (const [name, node] of from.visible) to.visible.set(name, copyOf(node));
      for (const [name, node] of from.durable) to.durable.set(name, copyOf(node));
    };
    fill(this.#root, copy.#root);
    const directoryOf = (directory: SimulatedDirectory) => copyOf(directory) as SimulatedDirectory;
    copy.#operations = this.#operations.map(({ changes, unsynced }) => ({
      changes: changes.map(({ directory, name, node }) => ({
        directory: directoryOf(directory),
        name,
        node: node === null ? null : copyOf(node),
      })),
      unsynced: new Set([...unsynced].map(directoryOf)),
    }));
    return copy;
  }

  /** A text that is equal for two trees that behave alike from now on. */
  describe(): string {
    const numbers = new Map<Node, number>();
    const lines: string[] = [];
    const numberOf = (node: Node | null): number => {
      if (node === null) return -1;
      const known = numbers.get(node);
      if (known !== undefined) return known;
      const number = numbers.size;
      numbers.set(node, number);
      if (node instanceof SimulatedInode) {
        lines.push(`${number} file ${node.describe()}`);
      } else {
        const names = [node.durable, node.visible].map((map) =>
          [...map].sort(([one], [other]) => one < other ? -1 : 1)
            .map(([name, child]) => `${name}=${numberOf(child)}`)
            .join(" ")
        );
        lines.push(`${number} directory ${names.join(" / ")}`);
      }
      return number;
    };
    numberOf(this.#root);
    for (const { changes, unsynced } of this.#operations) {
      const texts = changes.map(({ directory, name, node }) =>
        `${numberOf(directory)}/${name}=${numberOf(node)}`
      );
      lines.push(`${texts.join(" ")} unsynced ${[...unsynced].map(numberOf).join(" ")}`);
    }
    return lines.join("\n");
  }

  /** The bytes of all files, as far as names lead to them. */
  usedBytes(): number {
    let bytes = 0;
    const add = (directory: SimulatedDirectory) => {
      for (const node of directory.visible.values()) {
        if (node instanceof SimulatedInode) bytes += node.sizeBytes;
        else add(node);
      }
    };
    add(this.#root);
    return bytes;
  }

  #change(changes: readonly NameChange[]): void {
    assert(changes.length > 0, "an operation changes a name");
    for (const change of changes) apply(change.directory.visible, change);
    const unsynced = new Set(changes.map((change) => change.directory));
    this.#operations.push({ changes, unsynced });
  }

  /** Makes operations durable, oldest first; one that builds upon a waiting one waits too. */
  #settle(isDurable: (operation: NameOperation) => boolean): void {
    const blocked = new Map<SimulatedDirectory, Set<string>>();
    this.#operations = this.#operations.filter((operation) => {
      const free = operation.changes.every((change) =>
        blocked.get(change.directory)?.has(change.name) !== true
      );
      if (isDurable(operation) && free) {
        for (const change of operation.changes) apply(change.directory.durable, change);
        return false;
      }
      for (const { directory, name } of operation.changes) {
        const names = blocked.get(directory) ?? new Set<string>();
        blocked.set(directory, names.add(name));
      }
      return true;
    });
  }

  #revert(directory: SimulatedDirectory, loss: PowerLoss): void {
    directory.visible.clear();
    for (const [name, node] of directory.durable) {
      directory.visible.set(name, node);
      if (node instanceof SimulatedDirectory) this.#revert(node, loss);
      else node.losePower(loss.file());
    }
  }

  #directory(path: string): SimulatedDirectory {
    let directory = this.#root;
    for (const name of segments(path)) {
      const next = directory.visible.get(name);
      if (next === undefined) throw failure("ENOENT", path);
      if (next instanceof SimulatedInode) throw failure("ENOTDIR", path);
      directory = next;
    }
    return directory;
  }

  #locate(path: string): Place | null {
    const names = segments(path);
    const name = names.pop();
    if (name === undefined) throw failure("EISDIR", path);
    let parent = this.#root;
    for (const above of names) {
      const next = parent.visible.get(above);
      if (!(next instanceof SimulatedDirectory)) return null;
      parent = next;
    }
    return { parent, name, node: parent.visible.get(name) ?? null };
  }

  #parentOf(path: string): Place {
    const place = this.#locate(path);
    if (place === null) throw failure("ENOENT", path);
    return place;
  }
}

function apply(names: Map<string, Node>, change: NameChange): void {
  if (change.node === null) names.delete(change.name);
  else names.set(change.name, change.node);
}

function failure(code: string, path: string): FileError {
  return new FileError(code, path, `Cannot use "${path}": ${code}`);
}

/** The names on a path; relative paths start at the root, where every simulated process works. */
function segments(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}
